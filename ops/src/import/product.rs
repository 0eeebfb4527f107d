//! Products along axes, whole and running: in as many steps as the size has binary digits.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{reduce_sum, slice};
use crate::signature::reduction_axes;

/// `ReduceProd` and `CumProd`.
pub static IMPORT: &[OnnxImport] = &[from("ReduceProd", 1, reduce_prod), from("CumProd", 26, cum_prod)];

fn known(size: &Dim) -> Result<i64, ImportError> {
    let unknown =
        || ImportError::Unsupported(format!("a product along {size}, which is not known when compiling or too large"));
    size.as_i64().filter(|size| *size <= 1 << 48).ok_or_else(unknown)
}

/// The reduced axes become one, the last; its halves are multiplied until one element is left.
fn reduce_prod(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let axes = reduction_axes(b, node, 18, &reduce_sum::OP)?;
    let shape = b.fact(x).shape.clone();
    let keep = node.int("keepdims")?.unwrap_or(1) != 0;
    let (mut kept, mut reduced, mut result) = (Vec::new(), Vec::new(), Vec::new());
    let (mut outer, mut size) = (Vec::new(), Dim::from(1));
    for (axis, dim) in (0..).zip(&shape) {
        if axes.contains(&axis) {
            reduced.push(axis);
            size = size * dim.clone();
            result.extend(keep.then(|| Dim::from(1)));
        } else {
            kept.push(axis);
            outer.push(dim.clone());
            result.push(dim.clone());
        }
    }
    let last = outer.len();
    let x = b.transpose(x, [kept, reduced].concat())?;
    let mut x = b.reshape(x, &[outer, vec![size.clone()]].concat())?;
    let mut left = known(&size)?;
    while left != 1 {
        let half = (left + 1) / 2;
        // An odd one, or none at all, is multiplied by 1.
        let whole = b.framed(x, last, Dim::from(0), Dim::from((2 * half).max(1) - left), 1.0)?;
        if left == 0 {
            x = whole;
            break;
        }
        let low = b.cut(whole, last, Dim::from(0), Dim::from(half))?;
        let high = b.cut(whole, last, Dim::from(half), Dim::from(half))?;
        x = b.mul(low, high)?;
        left = half;
    }
    Ok(vec![b.reshape(x, &result)?])
}

/// Each element is multiplied by the one 1, 2, 4 … places before it (Hillis and Steele).
fn cum_prod(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let given = node.numbers(b, 1, "the axis")?.first().copied().unwrap_or(0);
    let out_of_range = || ImportError::Operand { index: 1, found: format!("is {given} for {fact}") };
    let axis = fact.axis(given).ok_or_else(out_of_range)?;
    let size = known(&fact.shape[axis])?;
    let reverse = node.int("reverse")?.unwrap_or(0) != 0;
    if reverse {
        x = slice::reversed(b, x, axis)?;
    }
    if node.int("exclusive")?.unwrap_or(0) != 0 {
        x = moved(b, x, axis, 1)?;
    }
    let mut step = 1;
    while step < size {
        let before = moved(b, x, axis, step)?;
        x = b.mul(before, x)?;
        step = step.saturating_mul(2);
    }
    Ok(vec![if reverse { slice::reversed(b, x, axis)? } else { x }])
}

/// The elements so many places further along an axis, after ones.
fn moved(b: &mut dyn Build, x: Value, axis: usize, places: i64) -> Result<Value, Violation> {
    let size = b.fact(x).shape[axis].clone();
    let framed = b.framed(x, axis, Dim::from(places), Dim::from(0), 1.0)?;
    b.cut(framed, axis, Dim::from(0), size)
}
