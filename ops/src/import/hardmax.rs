//! `Hardmax`: 1 at the first of the largest elements along an axis, 0 elsewhere.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::onnx::{OnnxImport, between, from};
use crate::op::Violation;
use crate::primitive::argmax;
use crate::signature::import_coerced;

/// `Hardmax`.
pub static IMPORT: &[OnnxImport] = &[
    between("Hardmax", 1, 12, |b, node| import_coerced(b, node, apply)),
    from("Hardmax", 13, |b, node| {
        let x = node.operand(0)?;
        let axis = node.axis(b, x, -1)?;
        Ok(vec![apply(b, x, axis)?])
    }),
];

fn apply(b: &mut dyn Build, x: Value, axis: usize) -> Result<Value, Violation> {
    let fact = b.fact(x).clone();
    let largest = b.op(&argmax::OP, &[x], Attrs::none().int("axis", axis as i64))?;
    let largest = b.with_axis(largest, axis)?;
    let places = b.count(fact.rank(), axis, fact.shape[axis].clone(), DType::I64)?;
    let chosen = b.equal(places, largest)?;
    b.cast(chosen, fact.dtype)
}
