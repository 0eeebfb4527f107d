//! The nearest whole number, elementwise; halves go to the even one.

use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::signature::import_plain;
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The nearest whole number, elementwise; halves go to the even one.
pub static OP: Op = Op {
    name: "round",
    summary: "The nearest whole number, elementwise; halves go to the even one.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::rintf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[from("Round", 11, |b, node| import_plain(b, node, &OP))],
    export: crate::export_as!("Round"),
    samples: &[Sample {
        name: "halves and zeros",
        operands: &["f32[8] 0.5 1.5 2.5 -0.5 -1.5 -0.2 inf NaN"],
        attrs: &[],
        result: "f32[8] 0 2 2 -0.0 -2 -0.0 inf NaN",
    }],
    refusals: &[],
};
