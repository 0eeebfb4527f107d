//! The tangent and the inverses of sine, cosine and tangent.

use crate::build::{Build, Value};
use crate::onnx::{OnnxImport, from};
use crate::op::Violation;
use crate::signature::import_widened;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// `Tan`, `Asin`, `Acos` and `Atan`.
pub static IMPORT: &[OnnxImport] = &[
    from("Tan", 7, |b, node| import_widened(b, node, tan)),
    from("Asin", 7, |b, node| import_widened(b, node, asin)),
    from("Acos", 7, |b, node| import_widened(b, node, acos)),
    from("Atan", 7, |b, node| import_widened(b, node, atan)),
];

fn tan(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let (sine, cosine) = (b.sin(x)?, b.cos(x)?);
    b.div(sine, cosine)
}

/// `(asin(s) - s) / s` for `z = s²` up to 1/4: the rational approximation of FreeBSD's `s_asinf.c`.
fn beyond(b: &mut dyn Build, z: Value) -> Result<Value, Violation> {
    let top = b.polynomial(z, &[1.666_658_669_7e-1, -4.274_342_209_1e-2, -8.656_363_003e-3])?;
    let top = b.mul(top, z)?;
    let bottom = b.polynomial(z, &[1.0, -7.066_296_339_0e-1])?;
    b.div(top, bottom)
}

/// `asin(x)` for |x| up to 1/2, and `2 asin(sqrt((1 - |x|) / 2))`, which is `acos(|x|)`.
fn inner_and_outer(b: &mut dyn Build, x: Value, size: Value) -> Result<(Value, Value), Violation> {
    let square = b.mul(x, x)?;
    let rest = beyond(b, square)?;
    let rest = b.mul(rest, x)?;
    let inner = b.add(x, rest)?;
    let from_one = b.times(size, -0.5)?;
    let half = b.plus(from_one, 0.5)?;
    let root = b.sqrt(half)?;
    let rest = beyond(b, half)?;
    let rest = b.mul(rest, root)?;
    let angle = b.add(root, rest)?;
    Ok((inner, b.times(angle, 2.0)?))
}

/// Above 1/2, what is missing to a right angle.
fn asin(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let (inner, outer) = inner_and_outer(b, x, size)?;
    let outer = b.negated(outer)?;
    let outer = b.plus(outer, FRAC_PI_2)?;
    let outer = with_sign_of(b, outer, x)?;
    let half = b.like(x, 0.5);
    let large = b.less(half, size)?;
    b.select(large, outer, inner)
}

/// A right angle less `asin(x)` for small `x`; above 1/2 and below -1/2 the angle itself, where that would cancel.
fn acos(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let (inner, outer) = inner_and_outer(b, x, size)?;
    let inner = b.negated(inner)?;
    let inner = b.plus(inner, FRAC_PI_2)?;
    let turned = b.negated(outer)?;
    let turned = b.plus(turned, PI)?;
    let zero = b.like(x, 0.0);
    let below = b.less(x, zero)?;
    let outer = b.select(below, turned, outer)?;
    let half = b.like(x, 0.5);
    let large = b.less(half, size)?;
    b.select(large, outer, inner)
}

/// Reduced to |t| up to tan(π/8): `atan(x)` is `π/2 + atan(-1 / x)` and `π/4 + atan((x - 1) / (x + 1))`. The polynomial is
/// that of Cephes' `atanf`.
fn atan(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let size = b.abs(x)?;
    let (small, large) = (b.like(x, 0.414_213_562_373_095), b.like(x, 2.414_213_562_373_095));
    let (middle, far) = (b.less(small, size)?, b.less(large, size)?);
    let (zero, one, minus_one) = (b.like(x, 0.0), b.like(x, 1.0), b.like(x, -1.0));
    let (below, above) = (b.plus(size, -1.0)?, b.plus(size, 1.0)?);
    let top = b.select(middle, below, size)?;
    let top = b.select(far, minus_one, top)?;
    let bottom = b.select(middle, above, one)?;
    let bottom = b.select(far, size, bottom)?;
    let (eighth, quarter) = (b.like(x, FRAC_PI_4), b.like(x, FRAC_PI_2));
    let base = b.select(middle, eighth, zero)?;
    let base = b.select(far, quarter, base)?;
    let t = b.div(top, bottom)?;
    let z = b.mul(t, t)?;
    let rest =
        b.polynomial(z, &[-3.333_294_915_39e-1, 1.997_771_064_78e-1, -1.387_768_560_32e-1, 8.053_744_495_38e-2])?;
    let rest = b.mul(rest, z)?;
    let rest = b.mul(rest, t)?;
    let angle = b.add(rest, t)?;
    let angle = b.add(base, angle)?;
    with_sign_of(b, angle, x)
}

/// `size` with the sign of `x`; zeros and NaN stay what `x` is.
pub(super) fn with_sign_of(b: &mut dyn Build, size: Value, x: Value) -> Result<Value, Violation> {
    let zero = b.like(x, 0.0);
    let (positive, negative) = (b.less(zero, x)?, b.less(x, zero)?);
    let turned = b.negated(size)?;
    let rest = b.select(negative, turned, x)?;
    b.select(positive, size, rest)
}
