//! Tests across crates: what they share to run models in several engines and compare the results.

pub mod artifact;
pub mod conformance;
pub mod models;
pub mod npz;
pub mod onnxruntime;
pub mod states;

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

/// Holds that results have the names, types and shapes of the references and are within a tolerance relative to the
/// largest magnitude of each.
///
/// # Panics
/// Where they are not: the test has failed.
#[track_caller]
pub fn assert_close(results: &Named, references: &Named, tolerance: f64, what: &str) {
    let names = |named: &Named| named.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(results), names(references), "{what}: names of the outputs");
    for (name, reference) in references {
        let result = &results[name];
        assert_eq!(result.fact(), reference.fact(), "{what}: `{name}`");
        let (y, r) = (result.as_f64s().expect("numbers"), reference.as_f64s().expect("numbers"));
        assert!(r.iter().any(|x| *x != 0.0), "{what}: `{name}` is all zeros, which compares nothing");
        let difference = Difference::between(&y, &r);
        assert!(difference.within(tolerance), "{what}: `{name}` is off by {difference:?}, more than {tolerance}");
    }
}
