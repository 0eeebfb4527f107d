//! The natural logarithm, elementwise; NaN below zero.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::primitive::{exp, reduce_max, reduce_sum, sub};
use crate::signature::import_plain;
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
        from("LogSoftmax", 13, log_softmax),
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

/// `x - log(sum(exp(x)))`, the largest element subtracted first.
fn log_softmax(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x);
    let given = node.int("axis")?.unwrap_or(-1);
    let axis = fact.axis(given).ok_or_else(|| reduce_sum::OP.refuse("axes-in-range", format!("{given} of {fact}")))?;
    let axes = vec![axis as i64];
    let largest = b.op(&reduce_max::OP, &[x], Attrs::none().ints("axes", axes.clone()).flag("keep", true))?;
    let shifted = b.plain(&sub::OP, &[x, largest])?;
    let powers = b.plain(&exp::OP, &[shifted])?;
    let sum = reduce_sum::apply(b, powers, axes, true)?;
    let log = b.plain(&OP, &[sum])?;
    Ok(vec![b.plain(&sub::OP, &[shifted, log])?])
}
