//! `Mod`: the remainder with the sign of the divisor, or under `fmod` of the dividend.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::element::{Element, divided};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::tensor::Tensor;

/// `Mod`.
pub static IMPORT: &[OnnxImport] = &[from("Mod", 10, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, y) = (node.operand(0)?, node.operand(1)?);
    let sign_of_dividend = node.int("fmod")?.unwrap_or(0) != 0;
    let fact = b.fact(x).clone();
    if fact.dtype.is_float() {
        let (wide, by) = (b.wide(x)?, b.wide(y)?);
        let rest = of_reals(b, wide, by)?;
        let rest = if sign_of_dividend { rest } else { turned(b, rest, by)? };
        return Ok(vec![b.cast(rest, fact.dtype)?]);
    }
    if node.element(0)? == Element::Uint64 {
        let quotient = divided(b, x, y)?;
        let whole = b.mul(quotient, y)?;
        return Ok(vec![b.sub(x, whole)?]);
    }
    let rest = of_integers(b, x, y)?;
    let known = |value: Value| b.known(value).and_then(Tensor::as_dims);
    let positive = known(x).is_some_and(|dims| dims.iter().all(Dim::is_not_negative))
        && known(y).is_some_and(|dims| dims.iter().all(|dim| dim.as_i64().is_some_and(|value| value > 0)));
    Ok(vec![if sign_of_dividend || positive { rest } else { turned(b, rest, y)? }])
}

/// With the sign of the dividend.
fn of_integers(b: &mut dyn Build, x: Value, y: Value) -> Result<Value, Violation> {
    let quotient = b.div(x, y)?;
    let whole = b.mul(quotient, y)?;
    b.sub(x, whole)
}

/// With the sign of the dividend, exact while the quotient is below 2⁴⁷ and the divisor below 2¹¹⁵: a second round takes what
/// the first quotient lacks in digits, and one that was rounded up is taken back.
fn of_reals(b: &mut dyn Build, x: Value, y: Value) -> Result<Value, Violation> {
    let rest = reduced(b, x, y)?;
    let rest = reduced(b, rest, y)?;
    let zero = b.like(x, 0.0);
    let both = b.mul(rest, x)?;
    let beyond = b.less(both, zero)?;
    let step = b.abs(y)?;
    let below = b.less(rest, zero)?;
    let back = b.negated(step)?;
    let step = b.select(below, step, back)?;
    let corrected = b.add(rest, step)?;
    b.select(beyond, corrected, rest)
}

/// `x - trunc(x / y) * y`, the product with its rounding error (Dekker 1971).
fn reduced(b: &mut dyn Build, x: Value, y: Value) -> Result<Value, Violation> {
    let zero = b.like(x, 0.0);
    let quotient = b.div(x, y)?;
    let negative = b.less(quotient, zero)?;
    let size = b.abs(quotient)?;
    let size = b.floor(size)?;
    let turned = b.negated(size)?;
    let whole = b.select(negative, turned, size)?;
    let product = b.mul(whole, y)?;
    let ((whole_high, whole_low), (y_high, y_low)) = (halves(b, whole)?, halves(b, y)?);
    let mut error = b.mul(whole_high, y_high)?;
    error = b.sub(error, product)?;
    for (left, right) in [(whole_high, y_low), (whole_low, y_high), (whole_low, y_low)] {
        let part = b.mul(left, right)?;
        error = b.add(error, part)?;
    }
    let rest = b.sub(x, product)?;
    let rest = b.sub(rest, error)?;
    let none = b.equal(whole, zero)?;
    b.select(none, x, rest)
}

/// A number as the sum of two of half as many digits.
fn halves(b: &mut dyn Build, x: Value) -> Result<(Value, Value), Violation> {
    let spread = b.times(x, 4097.0)?;
    let above = b.sub(spread, x)?;
    let high = b.sub(spread, above)?;
    Ok((high, b.sub(x, high)?))
}

/// The remainder with the sign of the divisor.
fn turned(b: &mut dyn Build, rest: Value, y: Value) -> Result<Value, Violation> {
    let zero = b.like(rest, 0.0);
    let (rest_negative, y_negative) = (b.less(rest, zero)?, b.less(y, zero)?);
    let same = b.equal(rest_negative, y_negative)?;
    let none = b.equal(rest, zero)?;
    let fits = b.or(same, none)?;
    let moved = b.add(rest, y)?;
    b.select(fits, rest, moved)
}
