//! `BitCast`: the bits of a number as those of another type, through the pattern as a whole number.
//!
//! Of NaN there is only one pattern, since no arithmetic tells them apart.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::element::Element;
use crate::element::convert::{Conversion, convert};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{gather, less, reduce_sum};
use crate::tensor::{Data, Tensor};

/// `BitCast`.
pub static IMPORT: &[OnnxImport] = &[from("BitCast", 26, import)];

/// A float of more than 8 bits.
struct Format {
    mantissa_bits: i32,
    /// The smallest normal exponent.
    lowest: i32,
    /// How many normal exponents there are.
    exponents: i32,
}

const SINGLE: Format = Format { mantissa_bits: 23, lowest: -126, exponents: 254 };
const HALF: Format = Format { mantissa_bits: 10, lowest: -14, exponents: 30 };

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let number = node.int("to")?.unwrap_or(0);
    let (x, from) = (node.operand(0)?, node.element(0)?);
    let fits = |to: &Element| to.bits() == from.bits() && ![from, *to].contains(&Element::Double);
    let to = Element::from_number(number).filter(fits).ok_or_else(|| {
        ImportError::Unsupported(format!("the bits of {from} as those of element type {number} are not supported"))
    })?;
    if from == to || from.bits() == 64 {
        return Ok(vec![x]);
    }
    let pattern = pattern(b, x, from)?;
    Ok(vec![of_pattern(b, pattern, to)?])
}

/// The bits as a whole number without a sign.
fn pattern(b: &mut dyn Build, x: Value, from: Element) -> Result<Value, Violation> {
    match from {
        Element::Float => bits(b, x, &SINGLE),
        Element::Float16 => {
            let wide = b.cast(x, DType::F32)?;
            bits(b, wide, &HALF)
        }
        Element::Bfloat16 => {
            // The upper half of the single.
            let wide = b.cast(x, DType::F32)?;
            let bits = bits(b, wide, &SINGLE)?;
            let half = b.like(bits, 65536.0);
            b.div(bits, half)
        }
        // Small floats are carried as their patterns.
        _ if from.is_small_float() => Ok(x),
        _ => convert(b, x, from, unsigned(from), Conversion::default()),
    }
}

fn of_pattern(b: &mut dyn Build, pattern: Value, to: Element) -> Result<Value, Violation> {
    match to {
        Element::Float => value(b, pattern, &SINGLE),
        Element::Float16 => {
            let value = value(b, pattern, &HALF)?;
            b.cast(value, DType::F16)
        }
        Element::Bfloat16 => {
            let wide = b.cast(pattern, DType::I64)?;
            let upper = b.times(wide, 65536.0)?;
            let value = value(b, upper, &SINGLE)?;
            b.cast(value, DType::BF16)
        }
        _ if to.is_small_float() => b.cast(pattern, to.carrier()),
        _ => {
            let number = convert(b, pattern, unsigned(to), to, Conversion::default())?;
            b.cast(number, to.carrier())
        }
    }
}

/// The unsigned integer of as many bits.
fn unsigned(element: Element) -> Element {
    match element.bits() {
        2 => Element::Uint2,
        4 => Element::Uint4,
        8 => Element::Uint8,
        16 => Element::Uint16,
        _ => Element::Uint32,
    }
}

fn table(b: &mut dyn Build, values: Vec<f32>, indices: Value) -> Result<Value, Violation> {
    let values = Tensor::new(vec![values.len()], Data::F32(values)).unwrap_or_else(|| Tensor::scalar_f32(0.0));
    let values = b.constant(values);
    b.op(&gather::OP, &[values, indices], Attrs::none().int("axis", 0).int("batch_dims", 0))
}

/// The bits of real numbers as `i64`. The exponent is found by counting the powers of two above the magnitude; the magnitude in
/// units of the last place there is a whole number.
fn bits(b: &mut dyn Build, x: Value, format: &Format) -> Result<Value, Violation> {
    let (mantissa, last) = (format.mantissa_bits, format.exponents);
    let zero = b.like(x, 0.0);
    let magnitude = b.abs(x)?;
    let mut shape = b.fact(x).shape.clone();
    let axis = shape.len() as i64;
    shape.push(Dim::from(1));
    let column = b.reshape(magnitude, &shape)?;
    let powers: Vec<f32> = (0..last).map(|k| 2f64.powi(format.lowest + k) as f32).collect();
    let powers = Tensor::new(vec![powers.len()], Data::F32(powers)).unwrap_or_else(|| Tensor::scalar_f32(0.0));
    let powers = b.constant(powers);
    let above = b.plain(&less::OP, &[column, powers])?;
    let above = b.cast(above, DType::I32)?;
    let above = b.op(&reduce_sum::OP, &[above], Attrs::none().ints("axes", vec![axis]).flag("keep", false))?;
    // In two factors, since one may be no `f32`.
    let position = |n: i32| (last - n - 1).max(0);
    let scale = |n: i32| mantissa - format.lowest - position(n);
    let halves = [|k: i32| k / 2, |k: i32| k - k / 2];
    let mut units = magnitude;
    for half in halves {
        let factor = table(b, (0..=last).map(|n| 2f32.powi(half(scale(n)))).collect(), above)?;
        units = b.mul(units, factor)?;
    }
    let units = b.cast(units, DType::I64)?;
    let one = (1i64 << mantissa) as f64;
    let place = b.cast(above, DType::I64)?;
    let (count, none) = (b.scalar(DType::I64, f64::from(last - 1)), b.scalar(DType::I64, 0.0));
    let place = b.sub(count, place)?;
    let place = b.max(place, none)?;
    let place = b.times(place, one)?;
    let mut pattern = b.add(units, place)?;
    let infinity = f64::from(last + 1) * one;
    let (infinite, whole) = (b.like(x, f64::INFINITY), b.scalar(DType::I64, infinity));
    let is_infinite = b.equal(magnitude, infinite)?;
    pattern = b.select(is_infinite, whole, pattern)?;
    let (is_number, nan) = (b.equal(x, x)?, b.scalar(DType::I64, infinity + one / 2.0));
    pattern = b.select(is_number, pattern, nan)?;
    // The sign of a zero is that of its reciprocal.
    let is_zero = b.equal(x, zero)?;
    let reciprocal = b.over(1.0, x)?;
    let telling = b.select(is_zero, reciprocal, x)?;
    let negative = b.less(telling, zero)?;
    let signed = b.plus(pattern, f64::from(last + 2) * one)?;
    b.select(negative, signed, pattern)
}

/// Real numbers from their bits, as `f32`.
fn value(b: &mut dyn Build, pattern: Value, format: &Format) -> Result<Value, Violation> {
    let (mantissa, last) = (format.mantissa_bits, format.exponents);
    let one = (1i64 << mantissa) as f64;
    let pattern = b.cast(pattern, DType::I64)?;
    let sign = b.like(pattern, f64::from(last + 2) * one);
    let positive = b.less(pattern, sign)?;
    let unsigned = b.sub(pattern, sign)?;
    let magnitude = b.select(positive, pattern, unsigned)?;
    let step = b.like(pattern, one);
    let exponent = b.div(magnitude, step)?;
    let whole = b.mul(exponent, step)?;
    let fraction = b.sub(magnitude, whole)?;
    let units = b.cast(fraction, DType::F32)?;
    let hidden = table(b, (0..=last + 1).map(|e| if e == 0 { 0.0 } else { one as f32 }).collect(), exponent)?;
    let units = b.add(units, hidden)?;
    // 2^-149 is no normal number, so the power is taken in f64.
    let place = |e: i32| 2f64.powi((e - 1).clamp(0, last) + format.lowest - mantissa) as f32;
    let place = table(b, (0..=last + 1).map(place).collect(), exponent)?;
    let mut value = b.mul(units, place)?;
    let (highest, infinity, nan) =
        (b.like(pattern, f64::from(last + 1)), b.like(value, f64::INFINITY), b.like(value, f64::NAN));
    let special = b.equal(exponent, highest)?;
    let zero = b.like(fraction, 0.0);
    let is_infinite = b.equal(fraction, zero)?;
    let instead = b.select(is_infinite, infinity, nan)?;
    value = b.select(special, instead, value)?;
    let negated = b.negated(value)?;
    b.select(positive, value, negated)
}
