//! Activations that no room of an operator holds.

use super::hyperbolic::log_of_one_and;
use crate::build::{Build, Value};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::signature::import_widened;

/// `Celu`, `Mish`, `Selu`, `Shrink`, `Softplus`, `Softsign` and `ThresholdedRelu`.
pub static IMPORT: &[OnnxImport] = &[
    from("Celu", 12, celu),
    from("Mish", 18, |b, node| import_widened(b, node, mish)),
    from("Selu", 6, selu),
    from("Shrink", 9, shrink),
    from("Softplus", 1, |b, node| import_widened(b, node, softplus)),
    from("Softsign", 1, |b, node| Ok(vec![softsign(b, node.operand(0)?)?])),
    from("ThresholdedRelu", 10, |b, node| {
        let alpha = f64::from(node.float("alpha")?.unwrap_or(1.0));
        Ok(vec![thresholded(b, node.operand(0)?, alpha)?])
    }),
];

/// `x` above zero, `other` at and below.
///
/// # Errors
/// The constraint that the application breaks.
pub(super) fn bent(b: &mut dyn Build, x: Value, other: Value) -> Result<Value, Violation> {
    let zero = b.like(x, 0.0);
    let positive = b.less(zero, x)?;
    b.select(positive, x, other)
}

/// `alpha * (exp(x / alpha) - 1)` below zero.
fn celu(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let alpha = b.like(node.operand(0)?, f64::from(node.float("alpha")?.unwrap_or(1.0)));
    let x = node.operand(0)?;
    let scaled = b.div(x, alpha)?;
    let power = b.exp(scaled)?;
    let below = b.plus(power, -1.0)?;
    let below = b.mul(below, alpha)?;
    Ok(vec![bent(b, x, below)?])
}

/// `gamma * (alpha * exp(x) - alpha)` below zero, `gamma * x` above.
fn selu(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let alpha = f64::from(node.float("alpha")?.unwrap_or(1.673_263_2));
    let gamma = f64::from(node.float("gamma")?.unwrap_or(1.050_701));
    let x = node.operand(0)?;
    let power = b.exp(x)?;
    let below = b.plus(power, -1.0)?;
    let below = b.times(below, alpha)?;
    let result = bent(b, x, below)?;
    Ok(vec![b.times(result, gamma)?])
}

/// `max(x, 0) + log(1 + exp(-|x|))`, which does not overflow.
///
/// # Errors
/// The constraint that the application breaks.
pub(super) fn softplus(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let zero = b.like(x, 0.0);
    let positive = b.max(x, zero)?;
    let size = b.abs(x)?;
    let negated = b.negated(size)?;
    let power = b.exp(negated)?;
    let log = log_of_one_and(b, power)?;
    b.add(positive, log)
}

fn mish(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let soft = softplus(b, x)?;
    let gate = b.tanh(soft)?;
    b.mul(x, gate)
}

/// `x / (1 + |x|)`.
///
/// # Errors
/// The constraint that the application breaks.
pub(super) fn softsign(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let above = b.plus(size, 1.0)?;
    b.div(x, above)
}

/// `x` above `alpha`, 0 at and below.
///
/// # Errors
/// The constraint that the application breaks.
pub(super) fn thresholded(b: &mut dyn Build, x: Value, alpha: f64) -> Result<Value, Violation> {
    let alpha = b.like(x, alpha);
    let above = b.less(alpha, x)?;
    let zero = b.like(x, 0.0);
    b.select(above, x, zero)
}

/// `x - bias` above `lambd`, `x + bias` below `-lambd`, 0 between.
fn shrink(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let limit = f64::from(node.float("lambd")?.unwrap_or(0.5));
    let bias = f64::from(node.float("bias")?.unwrap_or(0.0));
    let (high, low, zero) = (b.like(x, limit), b.like(x, -limit), b.like(x, 0.0));
    let (above, below) = (b.less(high, x)?, b.less(x, low)?);
    let (lowered, raised) = (b.plus(x, -bias)?, b.plus(x, bias)?);
    let rest = b.select(below, raised, zero)?;
    Ok(vec![b.select(above, lowered, rest)?])
}
