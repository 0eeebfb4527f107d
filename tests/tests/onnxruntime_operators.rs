//! onnxruntime's own operators and those of quantized models, in artifacts and in onnxruntime.

use m4c_compiler::project::Project;
use m4c_ops::{DType, Difference, Numerics, Tensor};
use m4c_runtime::MappedFile;
use m4c_runtime::executor::SingleThread;
use m4c_tests::{Named, artifact, onnxruntime};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// A model of one node with inputs and what onnxruntime gives for them.
#[derive(Deserialize)]
struct Case {
    name: String,
    inputs: Vec<Stored>,
    outputs: Vec<Stored>,
    /// By how many units integers may differ.
    steps: i64,
}

#[derive(Deserialize)]
struct Stored {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    /// Little-endian elements in hexadecimal.
    data: String,
}

fn named(stored: &[Stored]) -> Named {
    let tensor = |stored: &Stored| {
        let digits = stored.data.as_bytes().as_chunks::<2>().0.iter();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = digits.map(byte).collect();
        let dtype = DType::parse(&stored.dtype).unwrap();
        (stored.name.clone(), Arc::new(Tensor::from_bytes(dtype, stored.shape.clone(), &bytes).unwrap()))
    };
    stored.iter().map(tensor).collect()
}

/// What is wrong with a case, if anything.
fn difference(folder: &Path, case: &Case) -> Option<String> {
    let project = Project::of_model(folder.join(format!("{}.onnx", case.name)), "main", Vec::new());
    let file = folder.join("model.m4fw");
    let tolerances = match artifact::try_compile(&project, &file) {
        Ok(()) => artifact::tolerances(&file, "main"),
        Err(errors) => return Some(errors.to_text()),
    };
    let mapped = MappedFile::open(&file).unwrap();
    let results = match artifact::execute(mapped.bytes(), "main", &named(&case.inputs), &SingleThread) {
        Ok(results) => results,
        Err(error) => return Some(error),
    };
    for (name, reference) in named(&case.outputs) {
        let result = &results[&name];
        if result.fact() != reference.fact() {
            return Some(format!("`{name}` is {}, not {}", result.fact(), reference.fact()));
        }
        if let Some((y, r)) = result.as_i64s().zip(reference.as_i64s()) {
            let most = y.iter().zip(&r).map(|(y, r)| (y - r).abs()).max().unwrap_or(0);
            if most > case.steps {
                return Some(format!("`{name}` is off by {most} units"));
            }
            continue;
        }
        let (y, r) = (result.as_f64s().unwrap(), reference.as_f64s().unwrap());
        let difference = Difference::between(&y, &r);
        // What is exact operator by operator, onnxruntime may compute with fused multiplications.
        let tolerance = tolerances[&name].max(Numerics::Rounded.tolerance(reference.dtype()));
        if !difference.within(tolerance) {
            return Some(format!("`{name}` is off by {difference:?}, more than {tolerance}"));
        }
    }
    None
}

#[test]
fn artifacts_agree_with_onnxruntime_on_its_operators() {
    let folder = tempfile::tempdir().unwrap();
    onnxruntime::script("onnxruntime_operators.py", &[folder.path()]);
    let text = std::fs::read_to_string(folder.path().join("cases.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 100, "{} cases", cases.len());
    let differ = |case: &Case| difference(folder.path(), case).map(|what| format!("{}: {what}", case.name));
    let wrong: Vec<String> = cases.iter().filter_map(differ).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
