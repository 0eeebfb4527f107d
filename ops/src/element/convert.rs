//! Conversions between ONNX's element types, decomposed exactly where a carrier has no such type.

use super::integers::{from_real, to_real, wrapped};
use super::{Element, SmallFloat};
use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::op::Violation;
use crate::primitive::{add, div, equal, gather, less, mul, reduce_sum, round, select, sub};
use crate::tensor::{Data, Tensor};

/// How a conversion to a float of 8 bits rounds and what it makes of numbers out of range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conversion {
    /// Whether numbers out of range become the largest, and not infinity or NaN.
    pub saturate: bool,
    /// To a power of two.
    pub power: Power,
}

/// The power of two that a number becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Power {
    /// The next at or above it.
    Up,
    /// The next at or below it.
    Down,
    /// The nearest; the middle goes up.
    Nearest,
}

impl Default for Conversion {
    fn default() -> Conversion {
        Conversion { saturate: true, power: Power::Up }
    }
}

/// The value of one element type in another.
///
/// # Errors
/// None that a caller can cause.
pub fn convert(b: &mut dyn Build, x: Value, from: Element, to: Element, how: Conversion) -> Result<Value, Violation> {
    if from == to {
        return Ok(x);
    }
    if from.is_small_float() {
        let value = value(b, x, from)?;
        return convert(b, value, Element::Float, to, how);
    }
    if let Some(format) = to.small_float() {
        let real = real(b, x, from)?;
        // The standard has 4-bit floats saturate always.
        let saturate = how.saturate || to.bits() == 4;
        return encode(b, real, format, saturate, to.carrier());
    }
    match to {
        Element::Float8E8M0 => {
            let real = real(b, x, from)?;
            encode_power(b, real, how)
        }
        _ if to.is_real() => {
            let real = if from == Element::Uint64 { to_real(b, x)? } else { x };
            b.cast(real, to.carrier())
        }
        Element::Uint64 if from.is_real() => {
            let real = real(b, x, from)?;
            from_real(b, real)
        }
        _ if to.width().is_some() => {
            let wide = b.cast(x, DType::I64)?;
            let wide = wrapped(b, wide, to)?;
            b.cast(wide, to.carrier())
        }
        _ => b.cast(x, to.carrier()),
    }
}

/// The value of a number as `f32`.
fn real(b: &mut dyn Build, x: Value, from: Element) -> Result<Value, Violation> {
    match from {
        Element::Uint64 => to_real(b, x),
        _ => b.cast(x, DType::F32),
    }
}

/// The number that a pattern stands for, as `f32`; anything else as it is.
///
/// # Errors
/// None that a caller can cause.
pub fn value(b: &mut dyn Build, x: Value, from: Element) -> Result<Value, Violation> {
    let Some(values) = from.values() else {
        return if from == Element::Uint64 { to_real(b, x) } else { Ok(x) };
    };
    let indices = b.cast(x, DType::I32)?;
    look_up(b, values, indices)
}

fn look_up(b: &mut dyn Build, values: Vec<f32>, indices: Value) -> Result<Value, Violation> {
    let table = list(b, values);
    b.op(&gather::OP, &[table, indices], Attrs::none().int("axis", 0).int("batch_dims", 0))
}

fn list(b: &mut dyn Build, values: Vec<f32>) -> Value {
    let tensor = Tensor::new(vec![values.len()], Data::F32(values));
    b.constant(tensor.unwrap_or_else(|| Tensor::scalar_f32(0.0)))
}

/// For each element how many of `limits` it lies below, or above under `above`, as `i32`.
fn count(b: &mut dyn Build, x: Value, limits: Vec<f32>, above: bool) -> Result<Value, Violation> {
    let mut shape = b.fact(x).shape.clone();
    let axis = shape.len() as i64;
    shape.push(Dim::from(1));
    let column = b.reshape(x, &shape)?;
    let limits = list(b, limits);
    let operands = if above { [limits, column] } else { [column, limits] };
    let passed = b.plain(&less::OP, &operands)?;
    let ones = b.cast(passed, DType::I32)?;
    b.op(&reduce_sum::OP, &[ones], Attrs::none().ints("axes", vec![axis]).flag("keep", false))
}

/// Real numbers to the nearest pattern, ties to even. Within one power of two, patterns are evenly spaced: the magnitude in
/// units of that space, rounded, is the pattern less that of the power itself; rounding up to the next power carries by itself.
fn encode(b: &mut dyn Build, x: Value, format: &SmallFloat, saturate: bool, to: DType) -> Result<Value, Violation> {
    let powers = i32::from(format.largest >> format.mantissa_bits);
    let power = |k: i32| 2f32.powi(format.lowest_exponent() + k);
    let (zero, minus_one) = (b.scalar(DType::F32, 0.0), b.scalar(DType::F32, -1.0));
    let below = b.plain(&less::OP, &[x, zero])?;
    let negated = b.plain(&mul::OP, &[x, minus_one])?;
    let magnitude = b.plain(&select::OP, &[below, negated, x])?;
    // Position `powers - n` of the tables, for a magnitude that is below n powers. Numbers below the first power have its
    // space, too.
    let fewer = count(b, magnitude, (0..powers).map(power).collect(), false)?;
    let position = |n: i32| (powers - n - 1).max(0);
    let one = f32::from(1u8 << format.mantissa_bits);
    let per_space = look_up(b, (0..=powers).map(|n| one / power(position(n))).collect(), fewer)?;
    let first = look_up(b, (0..=powers).map(|n| position(n) as f32 * one).collect(), fewer)?;
    let spaces = b.plain(&mul::OP, &[magnitude, per_space])?;
    let spaces = b.plain(&round::OP, &[spaces])?;
    let pattern = b.plain(&add::OP, &[spaces, first])?;
    let largest = b.scalar(DType::F32, f64::from(format.largest));
    let too_large = b.plain(&less::OP, &[largest, pattern])?;
    let beyond = b.scalar(DType::F32, f64::from(format.infinity.unwrap_or(format.nan)));
    let instead = if saturate { largest } else { beyond };
    let pattern = b.plain(&select::OP, &[too_large, instead, pattern])?;
    let sign = b.scalar(DType::F32, f64::from(1u8 << format.magnitude_bits));
    let negative = b.plain(&add::OP, &[pattern, sign])?;
    let pattern = if format.one_zero {
        // Zero and the only NaN have no sign.
        let has_sign = b.plain(&less::OP, &[zero, pattern])?;
        let is_number = b.plain(&less::OP, &[pattern, sign])?;
        let signed = b.plain(&select::OP, &[below, negative, pattern])?;
        let signed = b.plain(&select::OP, &[has_sign, signed, pattern])?;
        b.plain(&select::OP, &[is_number, signed, pattern])?
    } else {
        // The sign of a zero is that of its reciprocal.
        let is_zero = b.plain(&equal::OP, &[x, zero])?;
        let one = b.scalar(DType::F32, 1.0);
        let reciprocal = b.plain(&div::OP, &[one, x])?;
        let telling = b.plain(&select::OP, &[is_zero, reciprocal, x])?;
        let below = b.plain(&less::OP, &[telling, zero])?;
        b.plain(&select::OP, &[below, negative, pattern])?
    };
    let is_number = b.plain(&equal::OP, &[x, x])?;
    let nan = b.scalar(DType::F32, f64::from(format.nan));
    let pattern = b.plain(&select::OP, &[is_number, pattern, nan])?;
    b.cast(pattern, to)
}

/// Positive real numbers to exponents of two, 255 for NaN.
fn encode_power(b: &mut dyn Build, x: Value, how: Conversion) -> Result<Value, Violation> {
    const LARGEST: f64 = 254.0;
    let power = |code: i32| 2f64.powi(code - 127);
    let code = match how.power {
        Power::Up => count(b, x, (0..=254).map(|code| power(code) as f32).collect(), true)?,
        Power::Down | Power::Nearest => {
            let factor = if how.power == Power::Down { 1.0 } else { 0.75 };
            let limits = (1..=255).map(|code| (power(code) * factor) as f32).collect();
            let below = count(b, x, limits, false)?;
            let all = b.scalar(DType::I32, 255.0);
            b.plain(&sub::OP, &[all, below])?
        }
    };
    let code = b.cast(code, DType::F32)?;
    let (largest, nan) = (b.scalar(DType::F32, LARGEST), b.scalar(DType::F32, 255.0));
    let too_large = b.plain(&less::OP, &[largest, code])?;
    let code = if how.saturate {
        b.plain(&select::OP, &[too_large, largest, code])?
    } else {
        let lowest = b.scalar(DType::F32, power(0));
        let too_small = b.plain(&less::OP, &[x, lowest])?;
        let code = b.plain(&select::OP, &[too_large, nan, code])?;
        b.plain(&select::OP, &[too_small, nan, code])?
    };
    let is_number = b.plain(&equal::OP, &[x, x])?;
    let code = b.plain(&select::OP, &[is_number, code, nan])?;
    b.cast(code, DType::U8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::EvalBuilder;

    /// Converts by the decomposition; the element types go in as attributes.
    fn converted(x: Tensor, from: Element, to: Element, saturate: bool) -> Tensor {
        let attrs = Attrs::none().int("from", from.number()).int("to", to.number()).flag("saturate", saturate);
        let run = |b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs| {
            let element = |name| Element::from_number(attrs.get_int(name)).expect("a number of the table");
            let how = Conversion { saturate: attrs.get_flag("saturate"), ..Conversion::default() };
            convert(b, operands[0].expect("one operand"), element("from"), element("to"), how)
        };
        EvalBuilder::run(run, &[Some(&x)], &attrs).expect("a value")
    }

    fn reals(values: &[f32]) -> Tensor {
        Tensor::new(vec![values.len()], Data::F32(values.to_vec())).unwrap()
    }

    const FORMATS: [Element; 5] = [
        Element::Float8E4M3FN,
        Element::Float8E4M3FNUZ,
        Element::Float8E5M2,
        Element::Float8E5M2FNUZ,
        Element::Float4E2M1,
    ];

    #[test]
    fn every_pattern_becomes_its_value_and_back() {
        for element in FORMATS.into_iter().chain([Element::Float8E8M0]) {
            let values = element.values().unwrap();
            let patterns = Data::from_i64(element.carrier(), 0..values.len() as i64);
            let patterns = Tensor::new(vec![values.len()], patterns).unwrap();
            let decoded = converted(patterns.clone(), element, Element::Float, true);
            assert_eq!(decoded.to_string(), reals(&values).to_string(), "{element}");
            let back = converted(decoded, Element::Float, element, false);
            let (back, patterns) = (back.as_i64s().unwrap(), patterns.as_i64s().unwrap());
            for ((value, back), pattern) in values.iter().zip(back).zip(patterns) {
                let same_nan = value.is_nan() && values[back as usize].is_nan();
                assert!(same_nan || back == pattern, "{element}: {pattern:#x} becomes {back:#x}");
            }
        }
    }

    #[test]
    fn numbers_go_to_the_nearest_pattern_and_ties_to_the_even_one() {
        for element in FORMATS {
            let format = element.small_float().unwrap();
            let magnitudes: Vec<f32> = (0..=format.largest).map(|pattern| format.value(pattern)).collect();
            for (low, pair) in magnitudes.windows(2).enumerate() {
                let middle = (pair[0] + pair[1]) / 2.0;
                let even = if low % 2 == 0 { low } else { low + 1 } as i64;
                let (below, above) = (f32::from_bits(middle.to_bits() - 1), f32::from_bits(middle.to_bits() + 1));
                let found = converted(reals(&[below, middle, above]), Element::Float, element, true);
                assert_eq!(found.as_i64s().unwrap(), [low as i64, even, low as i64 + 1], "{element} around {middle}");
            }
        }
    }

    #[test]
    fn out_of_range_is_what_the_standard_says() {
        let large = [1e6, -1e6, f32::INFINITY, f32::NEG_INFINITY];
        for (element, saturated, plain) in [
            (Element::Float8E4M3FN, [0x7e, 0xfe, 0x7e, 0xfe], [0x7f, 0xff, 0x7f, 0xff]),
            (Element::Float8E4M3FNUZ, [0x7f, 0xff, 0x7f, 0xff], [0x80; 4]),
            (Element::Float8E5M2, [0x7b, 0xfb, 0x7b, 0xfb], [0x7c, 0xfc, 0x7c, 0xfc]),
            (Element::Float8E5M2FNUZ, [0x7f, 0xff, 0x7f, 0xff], [0x80; 4]),
        ] {
            for (saturate, expected) in [(true, saturated), (false, plain)] {
                let found = converted(reals(&large), Element::Float, element, saturate);
                assert_eq!(found.as_i64s().unwrap(), expected, "{element}, saturating: {saturate}");
            }
        }
        let zeros = converted(reals(&[0.0, -0.0, -1e-20]), Element::Float, Element::Float8E4M3FN, true);
        assert_eq!(zeros.as_i64s().unwrap(), [0, 0x80, 0x80]);
        let zeros = converted(reals(&[0.0, -0.0, -1e-20]), Element::Float, Element::Float8E4M3FNUZ, true);
        assert_eq!(zeros.as_i64s().unwrap(), [0, 0, 0]);
    }

    #[test]
    fn narrow_integers_wrap_and_the_highest_bit_of_64_is_no_sign() {
        let list = |values: &[i64]| Tensor::list_i64(values.to_vec());
        for (to, expected) in [
            (Element::Uint16, vec![65535, 0, 1, 65486]),
            (Element::Uint2, vec![3, 0, 1, 2]),
            (Element::Int2, vec![-1, 0, 1, -2]),
        ] {
            let found = converted(list(&[-1, 65536, 65537, -50]), Element::Int64, to, true);
            assert_eq!(found.as_i64s().unwrap(), expected, "{to}");
        }
        let bits = [u64::MAX, 1 << 63, (1 << 63) + (1 << 39) + 1, (1 << 63) + (1 << 39), 5].map(u64::cast_signed);
        let found = converted(list(&bits), Element::Uint64, Element::Float, true);
        let expected: Vec<f64> = bits.iter().map(|&x| f64::from(x.cast_unsigned() as f32)).collect();
        assert_eq!(found.as_f64s().unwrap(), expected);
        let found = converted(reals(&[1e19, 7.9, 9.3e18]), Element::Float, Element::Uint64, true);
        let expected = [1e19f32 as u64, 7, 9.3e18f32 as u64].map(u64::cast_signed);
        assert_eq!(found.as_i64s().unwrap(), expected);
    }
}
