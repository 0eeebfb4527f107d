//! `CausalConvWithState`: a convolution of each channel that sees only what came before, carried from call to call.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::sigmoid;
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::conv;

/// `CausalConvWithState`.
pub static IMPORT: &[OnnxImport] = &[from("CausalConvWithState", 27, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, w) = (node.operand(0)?, node.operand(1)?);
    let (fact, window) = (b.fact(x).clone(), b.fact(w).clone());
    let (Some(groups), Some(size)) =
        (window.shape.first().and_then(Dim::as_i64), window.shape.get(2).and_then(Dim::as_i64))
    else {
        return Err(ImportError::NotConstant { index: 1, sets: "the channels and the window" });
    };
    if fact.rank() != 3 || size < 1 {
        return Err(ImportError::Operand { index: 0, found: format!("is {fact}, with a window {window}") });
    }
    let known = match node.optional(3) {
        Some(past) => b.joined(&[past, x], 2)?,
        None => b.framed(x, 2, Dim::from(size - 1), Dim::from(0), 0.0)?,
    };
    let attrs = Attrs::none()
        .ints("strides", vec![1])
        .ints("dilations", vec![1])
        .ints("pads", vec![0, 0])
        .int("groups", groups);
    let mut result = b.op(&conv::OP, &[known, w], attrs)?;
    if let Some(bias) = node.optional(2) {
        let bias = b.with_axis(bias, 1)?;
        result = b.add(result, bias)?;
    }
    match node.text("activation")?.unwrap_or("none") {
        "none" => {}
        "silu" | "swish" => {
            result = b.in_f32(result, |b, x| {
                let gate = b.plain(&sigmoid::OP, &[x])?;
                b.mul(x, gate)
            })?;
        }
        other => return Err(ImportError::Attribute { name: "activation".into(), found: format!("is `{other}`") }),
    }
    let state = b.cut(known, 2, fact.shape[2].clone(), Dim::from(size - 1))?;
    Ok(vec![result, state])
}
