//! onnxruntime's norms of sums: `SkipLayerNormalization`, `SkipSimplifiedLayerNormalization`, `GroupNorm`, `SkipGroupNorm`
//! and `BiasAdd`.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::{group_norm, layer_norm, rms_norm, sigmoid};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, microsoft};
use crate::primitive::{add, mul, reduce_sum, sub};

/// Norms of sums.
pub static IMPORT: &[OnnxImport] = &[
    microsoft("SkipLayerNormalization", layer),
    microsoft("SkipSimplifiedLayerNormalization", root_mean_square),
    microsoft("GroupNorm", |b, node| group(b, node, &[])),
    microsoft("SkipGroupNorm", |b, node| group(b, node, &[3, 4])),
    microsoft("BiasAdd", |b, node| Ok(vec![sum(b, node, &[1, 2])?])),
];

/// The first operand and others that are there.
fn sum(b: &mut dyn Build, node: &OnnxNode, others: &[usize]) -> Result<Value, ImportError> {
    let mut sum = node.operand(0)?;
    for other in others.iter().filter_map(|&index| node.optional(index)) {
        sum = b.plain(&add::OP, &[sum, other])?;
    }
    Ok(sum)
}

/// The results: the norm, the mean and the inverse deviation, which cost nothing unless they are used, and the sum.
fn with_statistics(
    b: &mut dyn Build,
    node: &OnnxNode,
    norm: Value,
    sum: Value,
    centered: bool,
) -> Result<Vec<Value>, ImportError> {
    if node.results < 2 {
        return Ok(vec![norm]);
    }
    let axis = b.fact(sum).rank() as i64 - 1;
    let wide = b.cast(sum, DType::F32)?;
    let mean = reduce_sum::mean(b, wide, vec![axis], true)?;
    let around = if centered { b.plain(&sub::OP, &[wide, mean])? } else { wide };
    let inverse = rms_norm::inverse_root(b, around, axis, epsilon(node, 1e-12)?)?;
    Ok(vec![norm, mean, inverse, sum])
}

fn epsilon(node: &OnnxNode, default: f32) -> Result<f32, ImportError> {
    Ok(node.float("epsilon")?.unwrap_or(default))
}

/// Input, skip, scale, bias of the norm, bias of the sum.
fn layer(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let sum = sum(b, node, &[1, 4])?;
    let axis = b.fact(sum).rank() as i64 - 1;
    let epsilon = b.scalar(DType::F32, f64::from(epsilon(node, 1e-12)?));
    let operands = [Some(sum), Some(node.operand(2)?), node.optional(3), Some(epsilon)];
    let norm = b.apply(&layer_norm::OP, &operands, Attrs::none().int("axis", axis))?;
    with_statistics(b, node, norm, sum, true)
}

/// Input, skip, scale, bias of the sum.
fn root_mean_square(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let sum = sum(b, node, &[1, 3])?;
    let axis = b.fact(sum).rank() as i64 - 1;
    let epsilon = b.scalar(DType::F32, f64::from(epsilon(node, 1e-12)?));
    let norm = b.op(&rms_norm::OP, &[sum, node.operand(2)?, epsilon], Attrs::none().int("axis", axis))?;
    with_statistics(b, node, norm, sum, false)
}

/// Of `[batch, spatial…, channels]`, or channels second where `channels_last` is 0; `added` may be `[batch, channels]`.
fn group(b: &mut dyn Build, node: &OnnxNode, added: &[usize]) -> Result<Vec<Value>, ImportError> {
    let mut sum = node.operand(0)?;
    let shape = b.fact(sum).shape.clone();
    let last = node.int("channels_last")?.unwrap_or(1) != 0;
    for other in added.iter().filter_map(|&index| node.optional(index)) {
        let own = b.fact(other).shape.clone();
        let other = match &own[..] {
            [batch, channels] if shape.len() > 2 => {
                let mut to = vec![Dim::from(1); shape.len()];
                let place = if last { shape.len() - 1 } else { 1 };
                (to[0], to[place]) = (batch.clone(), channels.clone());
                b.reshape(other, &to)?
            }
            _ => other,
        };
        sum = b.plain(&add::OP, &[sum, other])?;
    }
    let rank = shape.len() as i64;
    let x = if last { b.transpose(sum, [0, rank - 1].into_iter().chain(1..rank - 1).collect())? } else { sum };
    let groups = node.int("groups")?.unwrap_or(0);
    let (scale, bias) = (node.operand(1)?, node.operand(2)?);
    let epsilon = b.scalar(DType::F32, f64::from(epsilon(node, 1e-5)?));
    let norm = b.widened(
        &group_norm::OP,
        &[Some(x), Some(scale), Some(bias), Some(epsilon)],
        &Attrs::none().int("groups", groups),
    )?;
    let dtype = b.fact(x).dtype;
    let mut norm = b.cast(norm, dtype)?;
    if node.int("activation")?.unwrap_or(0) != 0 {
        let gate = b.plain(&sigmoid::OP, &[norm])?;
        norm = b.plain(&mul::OP, &[norm, gate])?;
    }
    if last {
        norm = b.transpose(norm, [0].into_iter().chain(2..rank).chain([1]).collect())?;
    }
    Ok(if node.results > 1 { vec![norm, sum] } else { vec![norm] })
}
