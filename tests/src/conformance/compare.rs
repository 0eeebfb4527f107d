//! Results beside references, as the onnx package compares them: shapes and types equal, real numbers close, NaN where NaN is.
//! Integers are exact, which is stricter.

use super::attempt::carried;
use m4c_compiler::onnx::ModelFile;
use m4c_compiler::onnx::message::TensorProto;
use m4c_ops::Tensor;

/// Relative and absolute tolerance of `onnx.backend.test`.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;

/// Holds that an output is what the test expects.
///
/// # Errors
/// How it differs.
pub fn compare(file: &ModelFile, output: &Tensor, expected: &TensorProto) -> Result<(), String> {
    let reference = carried(file, expected)?;
    if output.fact() != reference.fact() {
        return Err(format!("is {}, not {}", output.fact(), reference.fact()));
    }
    let (found, wanted) = match (output.as_i64s(), reference.as_i64s()) {
        (Some(found), Some(wanted)) => return report(&found, &wanted, |a, b| a == b),
        _ => (output.as_f64s().ok_or("is symbolic")?, reference.as_f64s().ok_or("is symbolic")?),
    };
    report(&found, &wanted, |&y, &r| {
        y == r || y.is_nan() && r.is_nan() || (y - r).abs() <= ABSOLUTE + RELATIVE * r.abs()
    })
}

fn report<T: std::fmt::Display>(found: &[T], wanted: &[T], close: impl Fn(&T, &T) -> bool) -> Result<(), String> {
    let differ: Vec<usize> = (0..found.len()).filter(|&i| !close(&found[i], &wanted[i])).collect();
    let Some(&first) = differ.first() else { return Ok(()) };
    let (count, all) = (differ.len(), found.len());
    Err(format!("differs in {count} of {all} elements: element {first} is {}, not {}", found[first], wanted[first]))
}
