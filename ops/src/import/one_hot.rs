//! `OneHot` and `EyeLike`: one value where a number is the place, another elsewhere.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, dtype_from_onnx, from};
use crate::tensor::Tensor;

/// `OneHot` and `EyeLike`.
pub static IMPORT: &[OnnxImport] = &[from("OneHot", 9, one_hot), from("EyeLike", 9, eye_like)];

/// Negative indices count from the end of the new axis; others beyond it are nowhere.
fn one_hot(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (indices, values) = (node.operand(0)?, node.operand(2)?);
    let depth = match b.known(node.operand(1)?) {
        Some(tensor) if tensor.dtype().is_float() => {
            tensor.as_f64s().filter(|values| values.len() == 1).map(|values| Dim::from(values[0] as i64))
        }
        Some(tensor) => tensor.as_dim(),
        None => None,
    };
    let depth = depth.ok_or(ImportError::NotConstant { index: 1, sets: "the depth" })?;
    if depth.as_i64().is_some_and(|depth| depth < 0) {
        return Err(ImportError::Operand { index: 1, found: format!("is a depth of {depth}") });
    }
    let rank = b.fact(indices).rank() + 1;
    let given = node.int("axis")?.unwrap_or(-1);
    let axis = if given < 0 { given.saturating_add(rank as i64) } else { given };
    let found = || ImportError::Attribute { name: "axis".into(), found: format!("is {given} for {rank} axes") };
    let axis = usize::try_from(axis).ok().filter(|axis| *axis < rank).ok_or_else(found)?;
    let indices = b.cast(indices, DType::I64)?;
    let (zero, size) = (b.like(indices, 0.0), b.size(depth.clone()));
    let negative = b.less(indices, zero)?;
    let from_end = b.add(indices, size)?;
    let indices = b.select(negative, from_end, indices)?;
    let indices = b.with_axis(indices, axis)?;
    let places = b.count(rank, axis, depth, DType::I64)?;
    let hot = b.equal(places, indices)?;
    let (off, on) = (b.at(values, 0, Dim::from(0))?, b.at(values, 0, Dim::from(1))?);
    Ok(vec![b.select(hot, on, off)?])
}

fn eye_like(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let fact = b.fact(node.operand(0)?).clone();
    let [rows, columns] = &fact.shape[..] else {
        return Err(ImportError::Operand { index: 0, found: format!("is {fact}, not a matrix") });
    };
    let dtype = match node.int("dtype")? {
        Some(number) => {
            let found = || ImportError::Attribute { name: "dtype".into(), found: format!("is type {number}") };
            dtype_from_onnx(number).ok_or_else(found)?
        }
        None => fact.dtype,
    };
    let row = b.count(2, 0, rows.clone(), DType::I64)?;
    let shift = b.constant(Tensor::scalar_i64(node.int("k")?.unwrap_or(0)));
    let wanted = b.add(row, shift)?;
    let column = b.count(2, 1, columns.clone(), DType::I64)?;
    let diagonal = b.equal(column, wanted)?;
    Ok(vec![b.cast(diagonal, dtype)?])
}
