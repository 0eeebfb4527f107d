//! Elements shifted and scaled to mean 0 and variance 1 over the inner axes, then by learned scale and bias.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, optional, types};
use crate::primitive::{add, div, mul, reduce_sum, sqrt, sub};
use crate::tensor::Tensor;

/// Elements shifted and scaled to mean 0 and variance 1 over the inner axes, then by learned scale and bias.
pub static OP: Op = Op {
    name: "layer_norm",
    summary: "(x - mean) / sqrt(variance + epsilon) * scale + bias, mean and variance over the axes from `axis` on.",
    operands: &[operand("x", "T"), operand("scale", "T"), optional("bias", "T"), operand("epsilon", "f32")],
    attrs: &[attr("axis", AttrKind::Int, "the first normalized axis")],
    types: &[types("T", FLOAT)],
    constraints: &[
        constraint("axis-in-range", "the axis is below the rank"),
        constraint("scalar-epsilon", "epsilon has no axes"),
    ],
    meaning: Meaning::Composite { variants: &["scale", "scale and bias"], decompose },
    numerics: Numerics::Accumulated,
    flops: |_, result| result.elements() * Dim::from(8),
    import: &[from("LayerNormalization", 17, import)],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "scale only",
            operands: &["f32[1, 2] 1 3", "f32[2] 1 2", "-", "f32[] 0"],
            attrs: &["axis = 1"],
            result: "f32[1, 2] -1 2",
        },
        Sample {
            name: "scale and bias",
            operands: &["f32[1, 2] 1 3", "f32[2] 1 2", "f32[2] 10 20", "f32[] 0"],
            attrs: &["axis = 1"],
            result: "f32[1, 2] 9 22",
        },
    ],
    refusals: &[
        Refusal {
            constraint: "axis-in-range",
            operands: &["f32[2]", "f32[2]", "f32[2]", "f32[]"],
            attrs: &["axis = 1"],
        },
        Refusal {
            constraint: "scalar-epsilon",
            operands: &["f32[2]", "f32[2]", "f32[2]", "f32[2]"],
            attrs: &["axis = 0"],
        },
    ],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(scale), bias, Some(epsilon)] = operands[..] else {
        return Err(OP.refuse("arity", "x, scale and epsilon"));
    };
    let (fact, axis) = (b.fact(x).clone(), attrs.get_int("axis"));
    if !(0..fact.rank() as i64).contains(&axis) {
        return Err(OP.refuse("axis-in-range", format!("axis {axis} of {fact}")));
    }
    if b.fact(epsilon).rank() != 0 {
        return Err(OP.refuse("scalar-epsilon", b.fact(epsilon).to_string()));
    }
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let (centered, _, deviation) = statistics(b, x, axis as usize, epsilon)?;
    let normal = b.plain(&div::OP, &[centered, deviation])?;
    let scaled = b.plain(&mul::OP, &[normal, scale])?;
    match bias {
        Some(bias) => b.plain(&add::OP, &[scaled, bias]),
        None => Ok(scaled),
    }
}

/// The elements less their mean, the mean, and the root of variance and epsilon, over the axes from `axis` on.
fn statistics(b: &mut dyn Build, x: Value, axis: usize, epsilon: Value) -> Result<(Value, Value, Value), Violation> {
    let axes: Vec<i64> = (axis as i64..b.fact(x).rank() as i64).collect();
    let x = b.wide(x)?;
    let mean = reduce_sum::mean(b, x, axes.clone(), true)?;
    let centered = b.plain(&sub::OP, &[x, mean])?;
    let squared = b.plain(&mul::OP, &[centered, centered])?;
    let variance = reduce_sum::mean(b, squared, axes, true)?;
    let variance = b.plain(&add::OP, &[variance, epsilon])?;
    Ok((centered, mean, b.plain(&sqrt::OP, &[variance])?))
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    if let Some(stash) = node.int("stash_type")?.filter(|stash| *stash != 1) {
        return Err(ImportError::Attribute { name: "stash_type".into(), found: format!("is {stash}, not 1 (f32)") });
    }
    let (x, scale) = (node.operand(0)?, node.operand(1)?);
    let fact = b.fact(x);
    let given = node.int("axis")?.unwrap_or(-1);
    let axis = fact.axis(given).ok_or_else(|| OP.refuse("axis-in-range", format!("axis {given} of {fact}")))?;
    let epsilon = b.constant(Tensor::scalar_f32(node.float("epsilon")?.unwrap_or(1e-5)));
    let operands = [Some(x), Some(scale), node.optional(2), Some(epsilon)];
    let mut results = vec![b.apply(&OP, &operands, Attrs::none().int("axis", axis as i64))?];
    if node.results > 1 {
        let (_, mean, deviation) = statistics(b, x, axis, epsilon)?;
        results.extend([mean, b.over(1.0, deviation)?]);
    }
    Ok(results)
}
