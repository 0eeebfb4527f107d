//! The larger of the two, elementwise; NaN wins.

use crate::build::{Build, Value};
use crate::dtype::NUMERIC;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, between, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::primitive::{add, less, min, mul, select};
use crate::signature::{BROADCASTABLE, import_chain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// The larger of the two, elementwise; NaN wins.
pub static OP: Op = Op {
    name: "max",
    summary: "The larger of the two, elementwise; NaN wins.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[
        from("Max", 6, |b, node| import_chain(b, node, &OP)),
        between("Clip", 6, 10, |b, node| {
            let x = node.operand(0)?;
            let dtype = b.fact(x).dtype;
            let low = node.float("min")?.map(|low| b.scalar(dtype, f64::from(low)));
            let high = node.float("max")?.map(|high| b.scalar(dtype, f64::from(high)));
            clip(b, x, low, high)
        }),
        from("Clip", 11, |b, node| clip(b, node.operand(0)?, node.optional(1), node.optional(2))),
        from("Relu", 6, |b, node| {
            let x = node.operand(0)?;
            let zero = b.scalar(b.fact(x).dtype, 0.0);
            clip(b, x, Some(zero), None)
        }),
        from("LeakyRelu", 6, leaky_relu),
        from("PRelu", 7, |b, node| {
            let (x, slope) = (node.operand(0)?, node.operand(1)?);
            let scaled = b.plain(&mul::OP, &[x, slope])?;
            bent(b, x, scaled)
        }),
        from("HardSigmoid", 6, |b, node| {
            let (alpha, beta) = (node.float("alpha")?.unwrap_or(0.2), node.float("beta")?.unwrap_or(0.5));
            let x = node.operand(0)?;
            hard_sigmoid(b, x, alpha, beta)
        }),
        from("Abs", 6, |b, node| {
            let x = node.operand(0)?;
            let negated = mul::negated(b, x)?;
            Ok(vec![b.plain(&OP, &[x, negated])?])
        }),
    ],
    export: crate::export_as!("Max"),
    samples: &[
        Sample {
            name: "NaN wins",
            operands: &["f32[3] 1 NaN 2", "f32[3] 2 0 NaN"],
            attrs: &[],
            result: "f32[3] 2 NaN NaN",
        },
        Sample { name: "integers", operands: &["i32[2] 1 -1", "i32[1] 0"], attrs: &[], result: "i32[2] 1 0" },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning = BinaryMeaning {
        float: |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) },
        int: i64::max,
        dim: |a, b| Some(a.maximum(b)),
    };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}

/// `min(max(x, low), high)`, with what is given.
fn clip(b: &mut dyn Build, x: Value, low: Option<Value>, high: Option<Value>) -> Result<Vec<Value>, ImportError> {
    let raised = match low {
        Some(low) => b.plain(&OP, &[x, low])?,
        None => x,
    };
    Ok(vec![match high {
        Some(high) => b.plain(&min::OP, &[raised, high])?,
        None => raised,
    }])
}

/// `x` at or above zero, `alpha * x` below. A slope from 0 to 1 makes that the larger of the two; a slope of exactly 0 does
/// not, since it turns infinity into NaN.
fn leaky_relu(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let slope = node.float("alpha")?.unwrap_or(0.01);
    let dtype = b.fact(x).dtype;
    let alpha = b.scalar(dtype, f64::from(slope));
    let scaled = b.plain(&mul::OP, &[x, alpha])?;
    if slope > 0.0 && slope <= 1.0 {
        return Ok(vec![b.plain(&OP, &[x, scaled])?]);
    }
    bent(b, x, scaled)
}

/// `x` at or above zero, `other` below.
fn bent(b: &mut dyn Build, x: Value, other: Value) -> Result<Vec<Value>, ImportError> {
    let zero = b.scalar(b.fact(x).dtype, 0.0);
    let below = b.plain(&less::OP, &[x, zero])?;
    Ok(vec![b.plain(&select::OP, &[below, other, x])?])
}

/// `alpha * x + beta` between 0 and 1.
fn hard_sigmoid(b: &mut dyn Build, x: Value, alpha: f32, beta: f32) -> Result<Vec<Value>, ImportError> {
    let dtype = b.fact(x).dtype;
    let (alpha, beta) = (b.scalar(dtype, f64::from(alpha)), b.scalar(dtype, f64::from(beta)));
    let scaled = b.plain(&mul::OP, &[x, alpha])?;
    let moved = b.plain(&add::OP, &[scaled, beta])?;
    let (zero, one) = (b.scalar(dtype, 0.0), b.scalar(dtype, 1.0));
    clip(b, moved, Some(zero), Some(one))
}
