//! The hyperbolic tangent, elementwise.

use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::signature::import_plain;
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The hyperbolic tangent, elementwise.
pub static OP: Op = Op {
    name: "tanh",
    summary: "The hyperbolic tangent, elementwise.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::tanhf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Rounded,
    flops: one_flop_an_element,
    import: &[from("Tanh", 6, |b, node| import_plain(b, node, &OP))],
    export: crate::export_as!("Tanh"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[5] 0 -0.0 inf -inf NaN"],
        attrs: &[],
        result: "f32[5] 0 -0.0 1 -1 NaN",
    }],
    refusals: &[],
};
