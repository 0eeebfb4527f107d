//! Logarithms of sums along axes.

use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::reduce_sum;
use crate::signature::reduction_axes;

/// `ReduceLogSum` and `ReduceLogSumExp`.
pub static IMPORT: &[OnnxImport] = &[
    from("ReduceLogSum", 1, |b, node| import(b, node, false)),
    from("ReduceLogSumExp", 1, |b, node| import(b, node, true)),
];

/// Of exponentials, the largest is subtracted first and added again, where it is finite.
fn import(b: &mut dyn Build, node: &OnnxNode, of_exponentials: bool) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let axes = reduction_axes(b, node, 18, &reduce_sum::OP)?;
    let keep = node.int("keepdims")?.unwrap_or(1) != 0;
    let mut wide = if fact.dtype.is_float() { b.wide(x)? } else { b.cast(x, DType::F32)? };
    let mut shift = None;
    if of_exponentials {
        if !axes.iter().any(|&axis| fact.shape[axis as usize].is(0)) {
            let largest = b.largest(wide, axes.clone(), true)?;
            let size = b.abs(largest)?;
            let (infinity, zero) = (b.like(wide, f64::INFINITY), b.like(wide, 0.0));
            let finite = b.less(size, infinity)?;
            let largest = b.select(finite, largest, zero)?;
            wide = b.sub(wide, largest)?;
            shift = Some(largest);
        }
        wide = b.exp(wide)?;
    }
    let sum = b.sum(wide, axes, keep)?;
    let mut log = b.log(sum)?;
    if let Some(shift) = shift {
        let sizes = b.fact(log).shape.clone();
        let shift = b.reshape(shift, &sizes)?;
        log = b.add(log, shift)?;
    }
    Ok(vec![b.cast(log, fact.dtype)?])
}
