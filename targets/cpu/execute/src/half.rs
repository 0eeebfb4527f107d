//! Conversions between `f32` and the 16-bit floats, rounding to nearest even.

/// The value of a half-precision float.
#[inline(always)]
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    let sign = (bits as u32 & 0x8000) << 16;
    let magnitude = (bits as u32 & 0x7fff) << 13;
    // Multiplying by 2^112 moves the exponent's bias from 15 to 127 and is exact, for subnormals too.
    let scaled = f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23);
    let special = magnitude | 0x7f80_0000;
    let finite = scaled.to_bits();
    f32::from_bits(sign | if magnitude >= 0x0f80_0000 { special } else { finite })
}

/// The nearest half-precision float.
#[inline(always)]
pub(crate) fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    let nan = 0x7e00 | ((magnitude >> 13) & 0x03ff);
    // Adding 0.5 leaves a subnormal result, rounded by the addition, in the low bits of the sum.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3f00_0000);
    let odd = (magnitude >> 13) & 1;
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0x0fff + odd) >> 13;
    let half = if magnitude > 0x7f80_0000 {
        nan
    } else if magnitude >= 0x4780_0000 {
        0x7c00
    } else if magnitude < 0x3880_0000 {
        subnormal
    } else {
        normal
    };
    (sign | half) as u16
}

/// The value of a bfloat16.
#[inline(always)]
pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits((bits as u32) << 16)
}

/// The nearest bfloat16.
#[inline(always)]
pub(crate) fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    // Rounding could carry a NaN into infinity, so NaNs are cut and marked quiet.
    (if value.is_nan() { (bits >> 16) | 0x40 } else { rounded }) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value from the definition: sign, exponent, fraction.
    fn value(bits: u16, exponent_bits: i32, fraction_bits: i32) -> f64 {
        let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
        let exponent = i32::from(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
        let fraction = f64::from(i32::from(bits) & ((1 << fraction_bits) - 1)) / f64::from(1 << fraction_bits);
        let bias = (1 << (exponent_bits - 1)) - 1;
        sign * match exponent {
            0 => fraction * 2f64.powi(1 - bias),
            e if e == (1 << exponent_bits) - 1 && fraction == 0.0 => f64::INFINITY,
            e if e == (1 << exponent_bits) - 1 => f64::NAN,
            e => (1.0 + fraction) * 2f64.powi(e - bias),
        }
    }

    #[test]
    fn all_bit_patterns_convert_exactly_and_back() {
        for bits in 0..=u16::MAX {
            for (to, from, e, f) in [
                (f16_to_f32 as fn(u16) -> f32, f32_to_f16 as fn(f32) -> u16, 5, 10),
                (bf16_to_f32 as fn(u16) -> f32, f32_to_bf16 as fn(f32) -> u16, 8, 7),
            ] {
                let expected = value(bits, e, f);
                let got = to(bits);
                if expected.is_nan() {
                    assert!(got.is_nan() && to(from(got)).is_nan(), "{bits:#x}");
                } else {
                    assert_eq!(f64::from(got).to_bits(), expected.to_bits(), "{bits:#x}");
                    assert_eq!(from(got), bits);
                }
            }
        }
    }

    #[test]
    fn values_between_two_neighbors_round_to_nearest_even() {
        for (to, from, infinity) in [
            (f16_to_f32 as fn(u16) -> f32, f32_to_f16 as fn(f32) -> u16, 0x7c00u16),
            (bf16_to_f32 as fn(u16) -> f32, f32_to_bf16 as fn(f32) -> u16, 0x7f80),
        ] {
            for low in 0..infinity - 1 {
                let high = low + 1;
                let middle = ((f64::from(to(low)) + f64::from(to(high))) / 2.0) as f32;
                let even = if low % 2 == 0 { low } else { high };
                for (value, expected) in [
                    (middle, even),
                    (f32::from_bits(middle.to_bits() - 1), low),
                    (f32::from_bits(middle.to_bits() + 1), high),
                ] {
                    assert_eq!(from(value), expected, "{value:e}");
                    assert_eq!(from(-value), expected | 0x8000);
                }
            }
        }
        // The largest finite half is 65504; from 65520 on the nearest is infinity.
        assert_eq!((f32_to_f16(65519.996), f32_to_f16(65520.0)), (0x7bff, 0x7c00));
        assert_eq!((f32_to_bf16(f32::MAX), f32_to_f16(1e-10)), (0x7f80, 0));
    }
}
