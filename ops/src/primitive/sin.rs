//! The sine, elementwise.

use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::signature::import_plain;
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The sine, elementwise.
pub static OP: Op = Op {
    name: "sin",
    summary: "The sine of an angle in radians, elementwise.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::sinf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Rounded,
    flops: one_flop_an_element,
    import: &[from("Sin", 7, |b, node| import_plain(b, node, &OP))],
    export: crate::export_as!("Sin"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[4] 0 -0.0 inf 1.5707964"],
        attrs: &[],
        result: "f32[4] 0 -0.0 NaN 1",
    }],
    refusals: &[],
};
