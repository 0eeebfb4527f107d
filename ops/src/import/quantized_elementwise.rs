//! onnxruntime's operators on quantized values that are a function of the real numbers between two quantizations.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::{dequantize, quantize, sigmoid, softmax};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, microsoft};
use crate::op::Op;
use crate::primitive::{add, concat, less, mul, reduce_sum, select};

/// `QLinearAdd` and its like.
pub static IMPORT: &[OnnxImport] = &[
    microsoft("QLinearAdd", |b, node| binary(b, node, &add::OP)),
    microsoft("QLinearMul", |b, node| binary(b, node, &mul::OP)),
    microsoft("QLinearSigmoid", |b, node| unary(b, node, |b, x| Ok(b.plain(&sigmoid::OP, &[x])?))),
    microsoft("QLinearLeakyRelu", |b, node| unary(b, node, |b, x| leaky_relu(b, node, x))),
    microsoft("QLinearSoftmax", |b, node| unary(b, node, |b, x| soft(b, node, x))),
    microsoft("QLinearGlobalAveragePool", |b, node| unary(b, node, |b, x| average(b, node, x))),
    microsoft("QLinearReduceMean", |b, node| unary(b, node, |b, x| mean(b, node, x))),
    microsoft("QLinearConcat", joined),
];

/// Integers, a scale and a zero point from operand `first` on as real numbers.
fn real(b: &mut dyn Build, node: &OnnxNode, first: usize) -> Result<Value, ImportError> {
    let (x, scale, zero) = (node.operand(first)?, node.operand(first + 1)?, node.optional(first + 2));
    let (scale, zero) = (single(b, scale)?, zero.map(|zero| single(b, zero)).transpose()?);
    Ok(dequantize::apply(b, x, scale, zero)?)
}

fn single(b: &mut dyn Build, x: Value) -> Result<Value, ImportError> {
    Ok(b.reshape(x, &[])?)
}

/// Real numbers as integers of the type `like`, by a scale and a zero point from operand `first` on.
fn integers(b: &mut dyn Build, node: &OnnxNode, real: Value, first: usize, like: Value) -> Result<Value, ImportError> {
    let (scale, zero) = (node.operand(first)?, node.optional(first + 1));
    let (scale, zero) = (single(b, scale)?, zero.map(|zero| single(b, zero)).transpose()?);
    let to = b.fact(zero.unwrap_or(like)).dtype;
    Ok(quantize::apply(b, real, scale, zero, to)?)
}

/// `a`, its scale and zero point, the same of `b`, the same of the result.
fn binary(b: &mut dyn Build, node: &OnnxNode, op: &'static Op) -> Result<Vec<Value>, ImportError> {
    let (left, right) = (real(b, node, 0)?, real(b, node, 3)?);
    let result = b.plain(op, &[left, right])?;
    Ok(vec![integers(b, node, result, 6, node.operand(0)?)?])
}

/// `x`, its scale and zero point, the same of the result.
fn unary(
    b: &mut dyn Build,
    node: &OnnxNode,
    function: impl FnOnce(&mut dyn Build, Value) -> Result<Value, ImportError>,
) -> Result<Vec<Value>, ImportError> {
    let x = real(b, node, 0)?;
    let result = function(b, x)?;
    Ok(vec![integers(b, node, result, 3, node.operand(0)?)?])
}

fn leaky_relu(b: &mut dyn Build, node: &OnnxNode, x: Value) -> Result<Value, ImportError> {
    let dtype = b.fact(x).dtype;
    let slope = b.scalar(dtype, f64::from(node.float("alpha")?.unwrap_or(0.01)));
    let zero = b.scalar(dtype, 0.0);
    let negative = b.plain(&less::OP, &[x, zero])?;
    let bent = b.plain(&mul::OP, &[x, slope])?;
    Ok(b.plain(&select::OP, &[negative, bent, x])?)
}

/// Before operator set 13 all axes from the given one on are one.
fn soft(b: &mut dyn Build, node: &OnnxNode, x: Value) -> Result<Value, ImportError> {
    let opset = node.int("opset")?.unwrap_or(13);
    let given = node.int("axis")?.unwrap_or(-1);
    let rank = b.fact(x).rank();
    let found = || ImportError::Attribute { name: "axis".into(), found: format!("is {given} of {rank} axes") };
    let axis = b.fact(x).axis(given).ok_or_else(found)?;
    if opset < 13 && axis + 1 != rank {
        return Err(ImportError::Unsupported("softmax over several axes of quantized values is not supported".into()));
    }
    Ok(b.op(&softmax::OP, &[x], Attrs::none().int("axis", axis as i64))?)
}

fn average(b: &mut dyn Build, node: &OnnxNode, x: Value) -> Result<Value, ImportError> {
    let rank = b.fact(x).rank() as i64;
    let first = if node.int("channels_last")?.unwrap_or(0) != 0 { 1 } else { 2 };
    let last = first + (rank - 2).max(0);
    Ok(reduce_sum::mean(b, x, (first..last).collect(), true)?)
}

fn mean(b: &mut dyn Build, node: &OnnxNode, x: Value) -> Result<Value, ImportError> {
    let fact = b.fact(x).clone();
    let given = node.ints("axes")?.unwrap_or_else(|| (0..fact.rank() as i64).collect());
    let found = || ImportError::Attribute { name: "axes".into(), found: format!("is {given:?} of {fact}") };
    let axes = given.iter().map(|&axis| fact.axis(axis).map(|axis| axis as i64)).collect::<Option<Vec<i64>>>();
    let mut axes = axes.ok_or_else(found)?;
    axes.sort_unstable();
    Ok(reduce_sum::mean(b, x, axes, node.int("keepdims")?.unwrap_or(1) != 0)?)
}

/// Scale and zero point of the result, then each part with its own.
fn joined(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut parts = Vec::new();
    for first in (2..node.operands.len()).step_by(3) {
        parts.push(real(b, node, first)?);
    }
    let first = *parts.first().ok_or(ImportError::Operand { index: 2, found: "is missing".into() })?;
    let given = node.int("axis")?.unwrap_or(0);
    let found = || ImportError::Attribute { name: "axis".into(), found: format!("is {given}") };
    let axis = b.fact(first).axis(given).ok_or_else(found)?;
    let all = b.op(&concat::OP, &parts, Attrs::none().int("axis", axis as i64))?;
    Ok(vec![integers(b, node, all, 0, node.operand(2)?)?])
}
