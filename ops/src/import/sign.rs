//! `Sign`: -1, 0 or 1; NaN stays NaN.

use crate::build::{Build, Value};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::{less, select};

/// `Sign`.
pub static IMPORT: &[OnnxImport] = &[from("Sign", 9, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let dtype = b.fact(x).dtype;
    let (zero, one, minus_one) = (b.scalar(dtype, 0.0), b.scalar(dtype, 1.0), b.scalar(dtype, -1.0));
    let (positive, negative) = (b.plain(&less::OP, &[zero, x])?, b.plain(&less::OP, &[x, zero])?);
    // What is neither is a zero or NaN.
    let rest = b.plain(&select::OP, &[negative, minus_one, x])?;
    Ok(vec![b.plain(&select::OP, &[positive, one, rest])?])
}
