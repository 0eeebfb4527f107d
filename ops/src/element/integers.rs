//! Arithmetic on integers that their carriers are not made for: narrower ones by value, `uint64` by its bits.

use super::Element;
use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::op::Violation;
use crate::primitive::{add, div, less, mul, select, sub};
use crate::tensor::Tensor;

/// A whole number reduced to the range of a type that is carried in a wider one; itself for all others.
pub(super) fn wrapped(b: &mut dyn Build, x: Value, to: Element) -> Result<Value, Violation> {
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
    let even = b.plain(&sub::OP, &[x, low])?;
    let half = b.plain(&div::OP, &[even, two])?;
    let half = flipped(b, half)?;
    let half_low = odd(b, half, two)?;
    let missing = b.plain(&sub::OP, &[one, half_low])?;
    let sticky = b.plain(&mul::OP, &[low, missing])?;
    let half = b.plain(&add::OP, &[half, sticky])?;
    let half = b.cast(half, DType::F32)?;
    let doubled = b.plain(&add::OP, &[half, half])?;
    let plain = b.cast(x, DType::F32)?;
    b.plain(&select::OP, &[negative, doubled, plain])
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
