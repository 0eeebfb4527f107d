//! Arithmetic on integers that their carriers are not made for: narrower ones by value, `uint64` by its bits.

use super::Element;
use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::op::Violation;
use crate::primitive::{add, div, less, mul, select, sub};
use crate::tensor::Tensor;

/// A whole number reduced to the range of a type that is carried in a wider one; itself for all others.
///
/// # Errors
/// None that a caller can cause.
pub fn wrapped(b: &mut dyn Build, x: Value, to: Element) -> Result<Value, Violation> {
    let Some((bits, signed)) = to.width() else { return Ok(x) };
    let dtype = b.fact(x).dtype;
    let modulus = (1u64 << bits) as f64;
    let (zero, size) = (b.scalar(dtype, 0.0), b.scalar(dtype, modulus));
    let rest = remainder(b, x, size)?;
    let below = b.plain(&less::OP, &[rest, zero])?;
    let raised = b.plain(&add::OP, &[rest, size])?;
    let rest = b.plain(&select::OP, &[below, raised, rest])?;
    if !signed {
        return Ok(rest);
    }
    let highest = b.scalar(dtype, modulus / 2.0 - 1.0);
    let above = b.plain(&less::OP, &[highest, rest])?;
    let lowered = b.plain(&sub::OP, &[rest, size])?;
    b.plain(&select::OP, &[above, lowered, rest])
}

/// `x - trunc(x / y) * y`.
fn remainder(b: &mut dyn Build, x: Value, y: Value) -> Result<Value, Violation> {
    let quotient = b.plain(&div::OP, &[x, y])?;
    let whole = b.plain(&mul::OP, &[quotient, y])?;
    b.plain(&sub::OP, &[x, whole])
}

/// The bits of a `uint64` as the `i64` that compares as it does, or back: the highest bit flipped.
pub(super) fn flipped(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let lowest = b.constant(Tensor::scalar_i64(i64::MIN));
    b.plain(&add::OP, &[x, lowest])
}

/// The value of a `uint64` as `f32`, rounded once.
pub(super) fn to_real(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let (zero, one, two) = (b.scalar(DType::I64, 0.0), b.scalar(DType::I64, 1.0), b.scalar(DType::I64, 2.0));
    let negative = b.plain(&less::OP, &[x, zero])?;
    // Half of it, with a lowest bit that is set where one was lost: it only decides a tie.
    let low = odd(b, x, two)?;
    let half = shifted(b, x, low)?;
    let half_low = odd(b, half, two)?;
    let missing = b.plain(&sub::OP, &[one, half_low])?;
    let sticky = b.plain(&mul::OP, &[low, missing])?;
    let half = b.plain(&add::OP, &[half, sticky])?;
    let half = b.cast(half, DType::F32)?;
    let doubled = b.plain(&add::OP, &[half, half])?;
    let plain = b.cast(x, DType::F32)?;
    b.plain(&select::OP, &[negative, doubled, plain])
}

/// The bits of a `uint64` one place to the right.
///
/// # Errors
/// None that a caller can cause.
pub fn halved(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let (zero, two) = (b.scalar(DType::I64, 0.0), b.scalar(DType::I64, 2.0));
    let negative = b.plain(&less::OP, &[x, zero])?;
    let low = odd(b, x, two)?;
    let large = shifted(b, x, low)?;
    let small = b.plain(&div::OP, &[x, two])?;
    b.plain(&select::OP, &[negative, large, small])
}

/// The quotient of two `uint64`, cut to a whole number: an estimate from half the dividend, which is at most one too small.
///
/// # Errors
/// The constraint that the operands break.
pub fn divided(b: &mut dyn Build, x: Value, y: Value) -> Result<Value, Violation> {
    let (zero, one) = (b.scalar(DType::I64, 0.0), b.scalar(DType::I64, 1.0));
    let half = halved(b, x)?;
    let estimate = b.div(half, y)?;
    let estimate = b.add(estimate, estimate)?;
    // A divisor with the highest bit goes into nothing but once.
    let large = b.less(y, zero)?;
    let estimate = b.select(large, zero, estimate)?;
    let whole = b.mul(estimate, y)?;
    let rest = b.sub(x, whole)?;
    let (ordered_rest, ordered_y) = (flipped(b, rest)?, flipped(b, y)?);
    let below = b.less(ordered_rest, ordered_y)?;
    let next = b.add(estimate, one)?;
    b.select(below, estimate, next)
}

/// The same where the highest bit is set, from the lowest.
fn shifted(b: &mut dyn Build, x: Value, low: Value) -> Result<Value, Violation> {
    let two = b.scalar(DType::I64, 2.0);
    let even = b.plain(&sub::OP, &[x, low])?;
    let half = b.plain(&div::OP, &[even, two])?;
    flipped(b, half)
}

/// 1 where odd, else 0.
fn odd(b: &mut dyn Build, x: Value, two: Value) -> Result<Value, Violation> {
    let rest = remainder(b, x, two)?;
    b.plain(&mul::OP, &[rest, rest])
}

/// The bits of a `uint64` that a real number becomes, cut toward zero.
pub(super) fn from_real(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let limit = b.scalar(DType::F32, 9_223_372_036_854_775_808.0);
    let fits = b.plain(&less::OP, &[x, limit])?;
    let small = b.cast(x, DType::I64)?;
    let rest = b.plain(&sub::OP, &[x, limit])?;
    let rest = b.cast(rest, DType::I64)?;
    let large = flipped(b, rest)?;
    b.plain(&select::OP, &[fits, small, large])
}
