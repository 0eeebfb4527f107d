//! Weights in files beside the model: names, offsets and lengths from arbitrary bytes.

use super::assert_no_bug;
use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::onnx::message::tensor_proto::DataLocation;
use m4c_compiler::onnx::message::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, ValueInfoProto,
};
use m4c_compiler::onnx::{ModelFile, TensorData};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Reads the tensors of a model that the lines of the input describe.
///
/// A line of `type, sizes, separated, by commas` is a tensor, and one with `=` an entry of the tensor before.
pub(super) fn read(bytes: &[u8]) {
    thread_local! {
        static FOLDER: OnceCell<(TempDir, PathBuf)> = const { OnceCell::new() };
    }
    FOLDER.with(|folder| {
        let (folder, model) = folder.get_or_init(prepared);
        let proto = described(&String::from_utf8_lossy(bytes));
        let file = ModelFile::from_bytes(model, proto.to_file_bytes().into()).expect("a model");
        let inside = model.parent().and_then(|folder| folder.canonicalize().ok()).expect("a folder");
        let mut diagnostics = Diagnostics::new();
        for (name, tensor) in file.graph(&mut diagnostics).initializers(&mut diagnostics) {
            if let TensorData::Slice(slice) = &tensor.data {
                assert!(slice.source().path().starts_with(&inside), "`{name}` lies in {:?}", slice.source());
                assert!(slice.len() <= 4096, "{slice:?}");
            }
        }
        assert_no_bug(&diagnostics);
        if let Err(errors) = m4c_compiler::import::import(&file, "main") {
            assert_no_bug(&errors);
        }
        let outside = std::fs::read(folder.path().join("outside.bin")).expect("the file outside");
        assert_eq!(outside, [7; 64]);
    });
}

/// A folder with a model's folder in it: data, an empty file, a folder, and links that stay inside and that leave.
fn prepared() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = folder.path().join("model");
    std::fs::create_dir_all(inside.join("deep")).expect("folders");
    let write = |path: PathBuf, bytes: &[u8]| std::fs::write(path, bytes).expect("a file");
    write(folder.path().join("outside.bin"), &[7; 64]);
    write(inside.join("data.bin"), &(0..4096).map(|i| i as u8).collect::<Vec<_>>());
    write(inside.join("empty.bin"), &[]);
    write(inside.join("deep/more.bin"), &[1; 256]);
    write(inside.join("pointer.bin"), b"version https://git-lfs.github.com/spec/v1\n");
    link(Path::new("data.bin"), &inside.join("within"));
    link(Path::new("../outside.bin"), &inside.join("without"));
    link(Path::new(".."), &inside.join("up"));
    link(Path::new("circle"), &inside.join("circle"));
    let model = inside.join("model.onnx");
    (folder, model)
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).expect("a link");
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) {}

fn described(text: &str) -> ModelProto {
    let mut tensors: Vec<TensorProto> = Vec::new();
    for line in text.lines() {
        if let (Some((key, value)), Some(tensor)) = (line.split_once('='), tensors.last_mut()) {
            let entry = StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
            tensor.external_data.push(entry);
            continue;
        }
        let mut numbers = line.split(',').map(|part| part.trim().parse::<i64>().unwrap_or(0));
        tensors.push(TensorProto {
            name: Some(format!("w{}", tensors.len())),
            data_type: numbers.next().map(|number| number as i32),
            dims: numbers.collect(),
            data_location: Some(DataLocation::External as i32),
            ..Default::default()
        });
    }
    let names: Vec<String> = tensors.iter().map(|tensor| tensor.name().to_string()).collect();
    let nodes = names.iter().map(|name| NodeProto::new("Relu", [name.as_str()], [format!("{name}.out")]));
    let outputs = names.iter().map(|name| ValueInfoProto { name: Some(format!("{name}.out")), ..Default::default() });
    let graph =
        GraphProto { node: nodes.collect(), output: outputs.collect(), initializer: tensors, ..Default::default() };
    ModelProto {
        ir_version: Some(10),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(20) }],
        graph: Some(graph),
        ..Default::default()
    }
}
