//! `BatchNormalization`, by statistics that are known before or in training by those of the operand.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::reduce_sum;

/// `BatchNormalization`.
pub static IMPORT: &[OnnxImport] = &[from("BatchNormalization", 7, import)];

/// `x * s + t` for each channel, where `s` and `t` follow from statistics that are known before, or in training from those
/// of `x` itself, which then move the known ones.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let (scale, bias) = (node.operand(1)?, node.operand(2)?);
    let (mut mean, mut variance) = (node.operand(3)?, node.operand(4)?);
    let mut moving = Vec::new();
    if node.int("training_mode")?.unwrap_or(0) != 0 {
        let momentum = f64::from(node.float("momentum")?.unwrap_or(0.9));
        let before = [mean, variance];
        (mean, variance) = of_channels(b, x)?;
        for (before, now) in before.into_iter().zip([mean, variance]) {
            let dtype = b.fact(before).dtype;
            let (kept, now) = (b.times(before, momentum)?, b.cast(now, dtype)?);
            let added = b.times(now, 1.0 - momentum)?;
            moving.push(b.add(kept, added)?);
        }
    } else if node.results > 1 {
        return Err(ImportError::Unsupported(
            "BatchNormalization with statistics as results but `training_mode`".into(),
        ));
    }
    let epsilon = f64::from(node.float("epsilon")?.unwrap_or(1e-5));
    let variance = b.plus(variance, epsilon)?;
    let deviation = b.sqrt(variance)?;
    let scale = b.cast(scale, b.fact(deviation).dtype)?;
    let factor = b.div(scale, deviation)?;
    let moved = b.mul(mean, factor)?;
    let bias = b.cast(bias, b.fact(moved).dtype)?;
    let shift = b.sub(bias, moved)?;
    let mut a_channel = vec![b.fact(scale).shape.first().cloned().unwrap_or(Dim::from(1))];
    a_channel.resize(fact.rank().saturating_sub(1), Dim::from(1));
    let mut terms = [factor, shift];
    for term in &mut terms {
        let cast = b.cast(*term, fact.dtype)?;
        *term = b.reshape(cast, &a_channel)?;
    }
    let scaled = b.mul(x, terms[0])?;
    let mut results = vec![b.add(scaled, terms[1])?];
    results.extend(moving);
    Ok(results)
}

/// Mean and variance of each channel.
fn of_channels(b: &mut dyn Build, x: Value) -> Result<(Value, Value), Violation> {
    let wide = b.wide(x)?;
    let axes: Vec<i64> = (0..b.fact(x).rank() as i64).filter(|&axis| axis != 1).collect();
    let mean = reduce_sum::mean(b, wide, axes.clone(), true)?;
    let centered = b.sub(wide, mean)?;
    let squares = b.mul(centered, centered)?;
    let variance = reduce_sum::mean(b, squares, axes, false)?;
    let sizes = b.fact(variance).shape.clone();
    Ok((b.reshape(mean, &sizes)?, variance))
}
