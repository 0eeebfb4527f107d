//! Difference, elementwise.

use crate::dtype::NUMERIC;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::signature::{BROADCASTABLE, import_plain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// Difference, elementwise.
pub static OP: Op = Op {
    name: "sub",
    summary: "Difference, elementwise.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[from("Sub", 7, |b, node| import_plain(b, node, &OP))],
    export: crate::export_as!("Sub"),
    samples: &[
        Sample {
            name: "broadcasts a scalar",
            operands: &["f32[] 1", "f32[3] 0 1 2"],
            attrs: &[],
            result: "f32[3] 1 0 -1",
        },
        Sample {
            name: "infinity minus infinity",
            operands: &["f32[1] inf", "f32[1] inf"],
            attrs: &[],
            result: "f32[1] NaN",
        },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning =
        BinaryMeaning { float: |a, b| a - b, int: i64::wrapping_sub, dim: |a, b| Some(a.clone() - b.clone()) };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}
