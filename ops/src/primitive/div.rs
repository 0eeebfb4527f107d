//! Quotient, elementwise; integers truncate toward zero, and division by zero gives zero.

use crate::build::{Build, Value};
use crate::dim::{Dim, Guard, GuardKind};
use crate::dtype::NUMERIC;
use crate::element::{Element, divided};
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::signature::{BROADCASTABLE, import_plain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// Quotient, elementwise; integers truncate toward zero, and division by zero gives zero.
pub static OP: Op = Op {
    name: "div",
    summary: "Quotient, elementwise; integers truncate toward zero, and division by zero gives zero.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[
        from("Div", 7, import),
        from("Reciprocal", 6, |b, node| {
            let x = node.operand(0)?;
            let one = b.scalar(b.fact(x).dtype, 1.0);
            Ok(vec![b.plain(&OP, &[one, x])?])
        }),
    ],
    export: crate::export_as!("Div"),
    samples: &[
        Sample {
            name: "real numbers",
            operands: &["f32[3] 1 -1 0", "f32[3] 2 0 0"],
            attrs: &[],
            result: "f32[3] 0.5 -inf NaN",
        },
        Sample {
            name: "integers truncate",
            operands: &["i64[3] 7 -7 7", "i64[3] 2 2 0"],
            attrs: &[],
            result: "i64[3] 3 -3 0",
        },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning = BinaryMeaning {
        float: |a, b| a / b,
        int: |a, b| if b == 0 { 0 } else { a.wrapping_div(b) },
        dim: |a, b| {
            Some(match b.as_i64() {
                Some(divisor) if divisor > 0 && a.is_not_negative() => a.floor_div(divisor),
                _ => return a.div_exact(b),
            })
        },
    };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}

/// The quotient. A size that may be negative only where it is less than the divisor, such as `(h - 1) / 2`, is assumed not
/// to be: the quotient then stays a size.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    if let Some(tensor) = quotients(b, node.operand(0)?, node.operand(1)?) {
        return Ok(vec![b.constant(tensor)]);
    }
    if node.element(0)? == Element::Uint64 {
        return Ok(vec![divided(b, node.operand(0)?, node.operand(1)?)?]);
    }
    import_plain(b, node, &OP)
}

fn quotients(b: &mut dyn Build, x: Value, y: Value) -> Option<Tensor> {
    let tensor = b.known(x).filter(|tensor| tensor.is_symbolic())?.clone();
    let divisor = b.known(y).filter(|y| y.shape().len() <= tensor.shape().len())?.as_dim()?.as_i64()?;
    let dims = tensor.as_dims()?;
    let margin = Dim::from(divisor.checked_sub(1).filter(|margin| *margin >= 0)?);
    if !dims.iter().all(|dim| (dim.clone() + margin.clone()).is_not_negative()) {
        return None;
    }
    for dim in dims.iter().filter(|dim| !dim.is_not_negative()) {
        b.assume(Guard { kind: GuardKind::AtMost, left: Dim::from(0), right: dim.clone() });
    }
    Tensor::dims(tensor.shape().to_vec(), dims.iter().map(|dim| dim.floor_div(divisor)).collect())
}
