//! The exponential function, elementwise.

use crate::build::{Build, Value};
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::primitive::{less, mul, select, sub};
use crate::signature::import_plain;
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The exponential function, elementwise.
pub static OP: Op = Op {
    name: "exp",
    summary: "The exponential function, elementwise.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::expf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Rounded,
    flops: one_flop_an_element,
    import: &[from("Exp", 6, |b, node| import_plain(b, node, &OP)), from("Elu", 6, elu)],
    export: crate::export_as!("Exp"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[4] 0 -inf inf NaN"],
        attrs: &[],
        result: "f32[4] 1 0 inf NaN",
    }],
    refusals: &[],
};

/// `x` at or above zero, `alpha * (exp(x) - 1)` below.
fn elu(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let dtype = b.fact(x).dtype;
    let (zero, one) = (b.scalar(dtype, 0.0), b.scalar(dtype, 1.0));
    let alpha = b.scalar(dtype, f64::from(node.float("alpha")?.unwrap_or(1.0)));
    let power = b.plain(&OP, &[x])?;
    let from_one = b.plain(&sub::OP, &[power, one])?;
    let bent = b.plain(&mul::OP, &[alpha, from_one])?;
    let below = b.plain(&less::OP, &[x, zero])?;
    Ok(vec![b.plain(&select::OP, &[below, bent, x])?])
}
