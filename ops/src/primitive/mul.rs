//! Product, elementwise.

use crate::build::{Build, Value};
use crate::dtype::NUMERIC;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, Violation, operand, types};
use crate::signature::{BROADCASTABLE, import_plain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// Product, elementwise.
pub static OP: Op = Op {
    name: "mul",
    summary: "Product, elementwise.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[
        from("Mul", 7, |b, node| import_plain(b, node, &OP)),
        from("Neg", 6, |b, node| Ok(vec![negated(b, node.operand(0)?)?])),
    ],
    export: crate::export_as!("Mul"),
    samples: &[
        Sample {
            name: "broadcasts both ways",
            operands: &["f32[2, 1] 2 3", "f32[1, 2] 5 7"],
            attrs: &[],
            result: "f32[2, 2] 10 14 15 21",
        },
        Sample {
            name: "zero times infinity",
            operands: &["f32[2] 0 -1", "f32[2] inf 0"],
            attrs: &[],
            result: "f32[2] NaN -0.0",
        },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning =
        BinaryMeaning { float: |a, b| a * b, int: i64::wrapping_mul, dim: |a, b| Some(a.clone() * b.clone()) };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}

/// The product with -1: unlike `0 - x` it turns the sign of a zero.
///
/// # Errors
/// The constraint that it breaks.
pub fn negated(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let minus_one = b.scalar(b.fact(x).dtype, -1.0);
    b.plain(&OP, &[x, minus_one])
}
