//! The natural logarithm, elementwise; NaN below zero.

use crate::build::{Build, Value};
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{between, from};
use crate::op::{EvalError, Meaning, Op, Sample, Violation, operand, types};
use crate::signature::{import_coerced, import_plain};
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The natural logarithm, elementwise; NaN below zero.
pub static OP: Op = Op {
    name: "log",
    summary: "The natural logarithm, elementwise; NaN below zero.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::logf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Rounded,
    flops: one_flop_an_element,
    import: &[
        from("Log", 6, |b, node| import_plain(b, node, &OP)),
        between("LogSoftmax", 1, 12, |b, node| import_coerced(b, node, of_softmax)),
        from("LogSoftmax", 13, |b, node| {
            let x = node.operand(0)?;
            let axis = node.axis(b, x, -1)?;
            Ok(vec![of_softmax(b, x, axis)?])
        }),
    ],
    export: crate::export_as!("Log"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[5] 1 0 -1 inf NaN"],
        attrs: &[],
        result: "f32[5] 0 -inf NaN inf NaN",
    }],
    refusals: &[],
};

/// The logarithm of the softmax along an axis: `x - log(sum(exp(x)))`, the largest element subtracted first.
///
/// # Errors
/// The constraint that it breaks.
pub fn of_softmax(b: &mut dyn Build, x: Value, axis: usize) -> Result<Value, Violation> {
    let axes = vec![axis as i64];
    let largest = b.largest(x, axes.clone(), true)?;
    let shifted = b.sub(x, largest)?;
    let powers = b.exp(shifted)?;
    let sum = b.sum(powers, axes, true)?;
    let log = b.log(sum)?;
    b.sub(shifted, log)
}
