//! The square root, elementwise; NaN below zero.

use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::signature::import_plain;
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The square root, elementwise; NaN below zero.
pub static OP: Op = Op {
    name: "sqrt",
    summary: "The square root, elementwise; NaN below zero.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::sqrtf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[from("Sqrt", 6, |b, node| import_plain(b, node, &OP))],
    export: crate::export_as!("Sqrt"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[4] 4 -0.0 inf -1"],
        attrs: &[],
        result: "f32[4] 2 -0.0 inf NaN",
    }],
    refusals: &[],
};
