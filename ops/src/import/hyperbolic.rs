//! Hyperbolic sine and cosine, and the inverses of the hyperbolic functions.

use super::trigonometry::with_sign_of;
use crate::build::{Build, Value};
use crate::onnx::{OnnxImport, from};
use crate::op::Violation;
use crate::signature::import_widened;
use std::f64::consts::LN_2;

/// `Sinh`, `Cosh`, `Asinh`, `Acosh` and `Atanh`.
pub static IMPORT: &[OnnxImport] = &[
    from("Sinh", 9, |b, node| import_widened(b, node, sinh)),
    from("Cosh", 9, |b, node| import_widened(b, node, cosh)),
    from("Asinh", 9, |b, node| import_widened(b, node, asinh)),
    from("Acosh", 9, |b, node| import_widened(b, node, acosh)),
    from("Atanh", 9, |b, node| import_widened(b, node, atanh)),
];

/// Above this, `x² + 1` is `x²` and might overflow.
const HUGE: f64 = 1e9;

/// Half of `exp(size)` and half of `exp(-size)`. The square of `exp(size / 2)` overflows only where the half of it does too.
fn halves(b: &mut dyn Build, size: Value) -> Result<(Value, Value), Violation> {
    let half = b.times(size, 0.5)?;
    let root = b.exp(half)?;
    let half_root = b.times(root, 0.5)?;
    let rising = b.mul(half_root, root)?;
    let falling = b.over(0.5, root)?;
    Ok((rising, b.div(falling, root)?))
}

/// Below 1, where the halves cancel, the Taylor polynomial.
fn sinh(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let (rising, falling) = halves(b, size)?;
    let large = b.sub(rising, falling)?;
    let large = with_sign_of(b, large, x)?;
    let square = b.mul(x, x)?;
    let rest = b.polynomial(square, &[1.0 / 6.0, 1.0 / 120.0, 1.0 / 5040.0, 1.0 / 362_880.0, 1.0 / 39_916_800.0])?;
    let rest = b.mul(rest, square)?;
    let rest = b.mul(rest, x)?;
    let small = b.add(x, rest)?;
    let one = b.like(x, 1.0);
    let is_small = b.less(size, one)?;
    b.select(is_small, small, large)
}

fn cosh(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let (rising, falling) = halves(b, size)?;
    b.add(rising, falling)
}

/// `log(1 + x)` for `x` not below 0: what the sum loses is added to its logarithm, divided by its slope.
pub(crate) fn log_of_one_and(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let sum = b.plus(x, 1.0)?;
    let kept = b.plus(sum, -1.0)?;
    let lost = b.sub(x, kept)?;
    let rest = b.div(lost, sum)?;
    let log = b.log(sum)?;
    let exact = b.add(log, rest)?;
    let same = b.equal(sum, x)?;
    b.select(same, log, exact)
}

/// `log(x + sqrt(x² + 1))` as `log(1 + (x + x² / (1 + sqrt(x² + 1))))`, which is exact near 0.
fn asinh(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let square = b.mul(size, size)?;
    let above = b.plus(square, 1.0)?;
    let root = b.sqrt(above)?;
    let bottom = b.plus(root, 1.0)?;
    let rest = b.div(square, bottom)?;
    let inner = b.add(size, rest)?;
    let result = log_of_one_and(b, inner)?;
    let result = huge(b, size, result)?;
    with_sign_of(b, result, x)
}

/// With `t = x - 1`, `log(1 + (t + sqrt(t) sqrt(t + 2)))`; below 1 the root of `t` is NaN.
fn acosh(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let t = b.plus(x, -1.0)?;
    let more = b.plus(t, 2.0)?;
    let (root, more) = (b.sqrt(t)?, b.sqrt(more)?);
    let root = b.mul(root, more)?;
    let inner = b.add(t, root)?;
    let result = log_of_one_and(b, inner)?;
    huge(b, x, result)
}

/// The logarithm of `2 x` where `x` is huge.
fn huge(b: &mut dyn Build, x: Value, else_: Value) -> Result<Value, Violation> {
    let log = b.log(x)?;
    let doubled = b.plus(log, LN_2)?;
    let limit = b.like(x, HUGE);
    let is_huge = b.less(limit, x)?;
    b.select(is_huge, doubled, else_)
}

/// Half of `log(1 + 2 |x| / (1 - |x|))`; beyond 1 that is the logarithm of a negative number.
fn atanh(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let double = b.times(size, 2.0)?;
    let from_one = b.negated(size)?;
    let from_one = b.plus(from_one, 1.0)?;
    let ratio = b.div(double, from_one)?;
    let log = log_of_one_and(b, ratio)?;
    let half = b.times(log, 0.5)?;
    with_sign_of(b, half, x)
}
