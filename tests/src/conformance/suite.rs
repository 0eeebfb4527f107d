//! The node tests as they lie in the onnx package.

use crate::onnxruntime::python;
use m4c_compiler::onnx::message::{ModelProto, NodeProto, TensorProto};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package whose tests these are.
pub const VERSION: &str = "1.22.0";

/// A node test: a model, and inputs with the outputs that it must give.
pub struct Case {
    /// Its name, which is its folder's.
    pub name: String,
    /// The model.
    pub model: ModelProto,
    /// Inputs in the order of the model.
    pub inputs: Vec<TensorProto>,
    /// Expected outputs in the order of the model; empty where one is no tensor.
    pub outputs: Vec<TensorProto>,
    /// The operator that it tests.
    pub operator: String,
    /// The version of that operator's set.
    pub since: i64,
}

/// The folder of the tests.
///
/// # Panics
/// Where the package is not installed, or is another version.
pub fn folder() -> PathBuf {
    let script = "import onnx; print(onnx.__version__); print(onnx.__path__[0])";
    let python = python();
    let output = Command::new(&python)
        .args(["-c", script])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup first", python.display()));
    let text = String::from_utf8_lossy(&output.stdout);
    let (version, path) = text.trim().split_once('\n').expect("the onnx package; run scripts/setup first");
    assert_eq!(version.trim(), VERSION, "the version of the onnx package; run scripts/setup again");
    Path::new(path.trim()).join("backend/test/data/node")
}

/// All tests in the order of their names.
///
/// # Panics
/// Where a file cannot be read.
pub fn cases() -> Vec<Case> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder").path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    let mut cases: Vec<Case> = paths.iter().map(|path| case(path)).collect();
    name_operators(&mut cases);
    cases
}

fn case(path: &Path) -> Case {
    let model = ModelProto::from_file_bytes(&read(&path.join("model.onnx"))).expect("a model");
    let graph = model.graph.as_ref().expect("a graph");
    let data = path.join("test_data_set_0");
    assert!(!path.join("test_data_set_1").exists(), "{}: more than one set of data", path.display());
    let tensors = |kind: &str, count: usize| {
        let tensor = |index| TensorProto::from_file_bytes(&read(&data.join(format!("{kind}_{index}.pb")))).ok();
        (0..count).map(tensor).collect::<Option<Vec<_>>>().unwrap_or_default()
    };
    let (inputs, outputs) = (tensors("input", graph.input.len()), tensors("output", graph.output.len()));
    let name = path.file_name().expect("a folder").to_string_lossy().into_owned();
    Case { name, inputs, outputs, operator: String::new(), since: 0, model }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A test of one node tests its operator. A test whose name says that it is an expanded one tests the decomposition of the
/// operator whose test it names.
fn name_operators(cases: &mut [Case]) {
    let single: BTreeMap<String, (String, i64)> = cases
        .iter()
        .filter_map(|case| match &*case.model.graph.as_ref()?.node {
            [node] => Some((case.name.clone(), (label(node), opset(&case.model, node.domain())))),
            _ => None,
        })
        .collect();
    for case in cases {
        let base = case.name.split("_expanded").next().unwrap_or(&case.name);
        let known = single.get(base).or_else(|| single.get(&case.name)).cloned();
        (case.operator, case.since) = known.unwrap_or_else(|| {
            let nodes = case.model.graph.iter().flat_map(|graph| &graph.node);
            let last = nodes.last().expect("a node");
            (label(last), opset(&case.model, last.domain()))
        });
    }
}

/// The operator's name, with its domain where that is not ONNX's own.
fn label(node: &NodeProto) -> String {
    match node.domain() {
        "" | "ai.onnx" => node.op_type().to_string(),
        domain => format!("{domain}::{}", node.op_type()),
    }
}

fn opset(model: &ModelProto, domain: &str) -> i64 {
    let own = |name: &str| if name == "ai.onnx" { String::new() } else { name.to_string() };
    let mut imports = model.opset_import.iter();
    imports.find(|set| own(set.domain()) == own(domain)).map_or(0, |set| set.version())
}
