//! The cosine, elementwise.

use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::signature::import_plain;
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The cosine, elementwise.
pub static OP: Op = Op {
    name: "cos",
    summary: "The cosine of an angle in radians, elementwise.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::cosf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Rounded,
    flops: one_flop_an_element,
    import: &[from("Cos", 7, |b, node| import_plain(b, node, &OP))],
    export: crate::export_as!("Cos"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[4] 0 -0.0 inf 3.1415927"],
        attrs: &[],
        result: "f32[4] 1 1 NaN -1",
    }],
    refusals: &[],
};
