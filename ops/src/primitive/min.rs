//! The smaller of the two, elementwise; NaN wins.

use crate::dtype::NUMERIC;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::signature::{BROADCASTABLE, import_chain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// The smaller of the two, elementwise; NaN wins.
pub static OP: Op = Op {
    name: "min",
    summary: "The smaller of the two, elementwise; NaN wins.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[from("Min", 7, |b, node| import_chain(b, node, &OP))],
    export: crate::export_as!("Min"),
    samples: &[
        Sample {
            name: "NaN wins",
            operands: &["f32[3] 1 NaN 2", "f32[3] 2 0 NaN"],
            attrs: &[],
            result: "f32[3] 1 NaN NaN",
        },
        Sample { name: "integers", operands: &["i32[2] 1 -1", "i32[1] 0"], attrs: &[], result: "i32[2] 0 -1" },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning = BinaryMeaning {
        float: |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.min(b) },
        int: i64::min,
        dim: |a, b| Some(a.minimum(b)),
    };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}
