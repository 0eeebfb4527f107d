//! The first operand to the power of the second, elementwise.

use crate::build::{Build, Value};
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::primitive::mul;
use crate::signature::{BROADCASTABLE, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// The first operand to the power of the second, elementwise.
pub static OP: Op = Op {
    name: "pow",
    summary: "The first operand to the power of the second, elementwise; NaN for a negative one to a fraction.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Rounded,
    flops: one_flop_an_element,
    import: &[from("Pow", 7, import)],
    export: crate::export_as!("Pow"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[6] 2 -2 -2 0 NaN 4", "f32[6] -1 3 0.5 0 0 0.5"],
        attrs: &[],
        result: "f32[6] 0.5 -8 NaN 1 1 2",
    }],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning = BinaryMeaning { float: libm::powf, int: |_, _| 0, dim: |_, _| None };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}

/// A square is a product; the exponent takes the type of the base.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, exponent) = (node.operand(0)?, node.operand(1)?);
    let known = b.known(exponent).and_then(Tensor::as_f64s);
    if b.fact(exponent).rank() == 0 && known.is_some_and(|values| values == [2.0]) {
        return Ok(vec![b.plain(&mul::OP, &[x, x])?]);
    }
    let exponent = b.cast(exponent, b.fact(x).dtype)?;
    Ok(vec![b.plain(&OP, &[x, exponent])?])
}
