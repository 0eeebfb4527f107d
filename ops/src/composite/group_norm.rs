//! Groups of channels shifted and scaled to mean 0 and variance 1, then each channel by learned scale and bias.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, between, from};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types};
use crate::primitive::{add, broadcast, div, mul, reduce_sum, sqrt, sub};
use crate::tensor::Tensor;

/// Groups of channels shifted and scaled to mean 0 and variance 1, then each channel by learned scale and bias.
pub static OP: Op = Op {
    name: "group_norm",
    summary: "(x - mean) / sqrt(variance + epsilon) * scale + bias of x [batch, channels, …], mean and variance over each group of channels and all inner axes.",
    operands: &[operand("x", "T"), operand("scale", "T"), operand("bias", "T"), operand("epsilon", "f32")],
    attrs: &[attr("groups", AttrKind::Int, "number of groups that the channels are divided into")],
    types: &[types("T", FLOAT)],
    constraints: &[
        constraint("channels", "x has at least 2 axes, and scale and bias as many elements as it has channels"),
        constraint("groups", "groups is at least 1 and divides the channels"),
        constraint("scalar-epsilon", "epsilon has no axes"),
    ],
    meaning: Meaning::Composite { variants: &["groups"], decompose },
    numerics: Numerics::Accumulated,
    flops: |_, result| result.elements() * Dim::from(8),
    import: &[
        from("InstanceNormalization", 6, instance_norm),
        between("GroupNormalization", 18, 20, |b, node| import(b, node, true)),
        from("GroupNormalization", 21, |b, node| import(b, node, false)),
    ],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "one group",
            operands: &["f32[1, 2, 1] 1 3", "f32[2] 1 2", "f32[2] 10 20", "f32[] 0"],
            attrs: &["groups = 1"],
            result: "f32[1, 2, 1] 9 22",
        },
        Sample {
            name: "a group for each channel",
            operands: &["f32[1, 2, 2] 1 3 5 5", "f32[2] 1 2", "f32[2] 0 7", "f32[] 0.0001"],
            attrs: &["groups = 2"],
            result: "f32[1, 2, 2] -0.99995 0.99995 7 7",
        },
    ],
    refusals: &[
        Refusal {
            constraint: "channels",
            operands: &["f32[1, 2, 1]", "f32[3]", "f32[3]", "f32[]"],
            attrs: &["groups = 1"],
        },
        Refusal {
            constraint: "groups",
            operands: &["f32[1, 2, 1]", "f32[2]", "f32[2]", "f32[]"],
            attrs: &["groups = 3"],
        },
        Refusal {
            constraint: "scalar-epsilon",
            operands: &["f32[1, 2, 1]", "f32[2]", "f32[2]", "f32[1]"],
            attrs: &["groups = 1"],
        },
    ],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(scale), Some(bias), Some(epsilon)] = operands[..] else {
        return Err(OP.refuse("arity", "x, scale, bias and epsilon"));
    };
    let (fact, groups) = (b.fact(x).clone(), attrs.get_int("groups"));
    let [batch, channels, inner @ ..] = &fact.shape[..] else {
        return Err(OP.refuse("channels", fact.to_string()));
    };
    for vector in [scale, bias] {
        let vector = b.fact(vector);
        if vector.rank() != 1 || vector.shape[0].differs(channels) {
            return Err(OP.refuse("channels", format!("{fact} and {vector}")));
        }
    }
    if groups < 1 || channels.as_i64().is_some_and(|channels| channels % groups != 0) {
        return Err(OP.refuse("groups", format!("{groups} groups of {channels} channels")));
    }
    if b.fact(epsilon).rank() != 0 {
        return Err(OP.refuse("scalar-epsilon", b.fact(epsilon).to_string()));
    }
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let rest = channels.floor_div(groups) * Dim::product(inner);
    let grouped = b.reshape(x, &[batch.clone(), Dim::from(groups), rest])?;
    let mean = reduce_sum::mean(b, grouped, vec![2], true)?;
    let centered = b.plain(&sub::OP, &[grouped, mean])?;
    let squared = b.plain(&mul::OP, &[centered, centered])?;
    let variance = reduce_sum::mean(b, squared, vec![2], true)?;
    let variance = b.plain(&add::OP, &[variance, epsilon])?;
    let deviation = b.plain(&sqrt::OP, &[variance])?;
    let normal = b.plain(&div::OP, &[centered, deviation])?;
    let normal = b.reshape(normal, &fact.shape)?;
    let mut a_channel = vec![channels.clone()];
    a_channel.extend(inner.iter().map(|_| Dim::from(1)));
    let scale = b.reshape(scale, &a_channel)?;
    let bias = b.reshape(bias, &a_channel)?;
    let scaled = b.plain(&mul::OP, &[normal, scale])?;
    b.plain(&add::OP, &[scaled, bias])
}

/// A group for each channel.
fn instance_norm(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let channels = b.fact(node.operand(1)?).shape.first().and_then(Dim::as_i64);
    let channels = channels.ok_or(ImportError::NotConstant { index: 1, sets: "the number of channels" })?;
    apply(b, node, [node.operand(1)?, node.operand(2)?], channels)
}

/// Before version 21 scale and bias have an element for each group.
fn import(b: &mut dyn Build, node: &OnnxNode, a_group: bool) -> Result<Vec<Value>, ImportError> {
    if let Some(stash) = node.int("stash_type")?.filter(|stash| *stash != 1) {
        return Err(ImportError::Attribute { name: "stash_type".into(), found: format!("is {stash}, not 1 (f32)") });
    }
    let missing = || ImportError::Attribute { name: "num_groups".into(), found: "is missing".into() };
    let groups = node.int("num_groups")?.filter(|groups| *groups > 0).ok_or_else(missing)?;
    let mut vectors = [node.operand(1)?, node.operand(2)?];
    if a_group {
        let channels = b.fact(node.operand(0)?).shape.get(1).cloned().unwrap_or(Dim::from(0));
        let each = channels.floor_div(groups);
        for vector in &mut vectors {
            let column = b.reshape(*vector, &[Dim::from(groups), Dim::from(1)])?;
            let sizes = vec![Dim::from(groups), each.clone()];
            let wide = b.op(&broadcast::OP, &[column], Attrs::none().dims("sizes", sizes))?;
            *vector = b.reshape(wide, std::slice::from_ref(&channels))?;
        }
    }
    apply(b, node, vectors, groups)
}

fn apply(b: &mut dyn Build, node: &OnnxNode, vectors: [Value; 2], groups: i64) -> Result<Vec<Value>, ImportError> {
    let epsilon = b.constant(Tensor::scalar_f32(node.float("epsilon")?.unwrap_or(1e-5)));
    let operands = [node.operand(0)?, vectors[0], vectors[1], epsilon];
    Ok(vec![b.op(&OP, &operands, Attrs::none().int("groups", groups))?])
}
