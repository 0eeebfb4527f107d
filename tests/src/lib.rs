//! Tests across crates: what they share to run models in several engines and compare the results.

pub mod artifact;
pub mod conformance;
pub mod fixtures;
pub mod hostile;
pub mod models;
pub mod npz;
pub mod onnxruntime;
pub mod other_sizes;
pub mod random;
pub mod refused;
pub mod rows;
pub mod states;

use m4c_ir::{Graph, interpret};
use m4c_ops::{Difference, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tensors by the names of a model's inputs or outputs.
pub type Named = BTreeMap<String, Arc<Tensor>>;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("")).to_path_buf()
}

/// What the interpreter gives.
///
/// # Panics
/// Where an input is missing, or the graph cannot be computed.
pub fn interpreted(graph: &Graph, inputs: &Named) -> Named {
    let given: Vec<Arc<Tensor>> = graph.inputs().iter().map(|&value| inputs[graph.input_name(value)].clone()).collect();
    let results = interpret(graph, &given).unwrap_or_else(|error| panic!("{error}"));
    graph.outputs().iter().map(|output| output.name.clone()).zip(results).collect()
}

/// Holds that results have the names, types and shapes of the references and are within a tolerance relative to the
/// largest magnitude of each; integers and booleans equal.
///
/// # Errors
/// The first difference, in words.
pub fn close(results: &Named, references: &Named, tolerance: f64) -> Result<(), String> {
    let names = |named: &Named| named.keys().cloned().collect::<Vec<_>>();
    if names(results) != names(references) {
        return Err(format!("the outputs are {:?}, not {:?}", names(results), names(references)));
    }
    for (name, reference) in references {
        let result = &results[name];
        if result.fact() != reference.fact() {
            return Err(format!("`{name}` is {}, not {}", result.fact(), reference.fact()));
        }
        let (y, r) = (result.as_f64s().expect("numbers"), reference.as_f64s().expect("numbers"));
        if r.iter().all(|x| *x == 0.0) {
            return Err(format!("`{name}` is all zeros, which compares nothing"));
        }
        let allowed = if reference.dtype().is_float() { tolerance } else { 0.0 };
        let difference = Difference::between(&y, &r);
        if !difference.within(allowed) {
            return Err(format!("`{name}` is off by {difference:?}, more than {allowed}"));
        }
    }
    Ok(())
}

/// The same for a test.
///
/// # Panics
/// Where they differ: the test has failed.
#[track_caller]
pub fn assert_close(results: &Named, references: &Named, tolerance: f64, what: &str) {
    if let Err(difference) = close(results, references, tolerance) {
        panic!("{what}: {difference}");
    }
}
