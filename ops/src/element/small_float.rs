//! Floats of 8 and 4 bits: their formats and values.
//!
//! Sources: "FP8 Formats for Deep Learning" (arXiv 2209.05433) for E4M3FN and E5M2, "8-bit Numerical Formats for Deep Neural
//! Networks" (arXiv 2206.02915) for the FNUZ ones, OCP Microscaling Formats 1.0 for E2M1 and E8M0.

use super::Element;

/// A format with a sign, exponent bits and mantissa bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SmallFloat {
    /// Bits without the sign.
    pub magnitude_bits: u32,
    /// Bits of the mantissa.
    pub mantissa_bits: u32,
    /// What is subtracted from the stored exponent.
    pub bias: i32,
    /// The largest finite pattern without its sign.
    pub largest: u8,
    /// The pattern of infinity without its sign, where there is one.
    pub infinity: Option<u8>,
    /// The whole pattern that NaN becomes: that of negative zero where there is none.
    pub nan: u8,
    /// Whether zero has no sign: then its negative pattern is NaN, and there is only one NaN.
    pub one_zero: bool,
}

const E4M3FN: SmallFloat = SmallFloat {
    magnitude_bits: 7,
    mantissa_bits: 3,
    bias: 7,
    largest: 0x7e,
    infinity: None,
    nan: 0x7f,
    one_zero: false,
};

const E4M3FNUZ: SmallFloat = SmallFloat { bias: 8, largest: 0x7f, nan: 0x80, one_zero: true, ..E4M3FN };

const E5M2: SmallFloat =
    SmallFloat { mantissa_bits: 2, bias: 15, largest: 0x7b, infinity: Some(0x7c), nan: 0x7e, ..E4M3FN };

const E5M2FNUZ: SmallFloat =
    SmallFloat { mantissa_bits: 2, bias: 16, largest: 0x7f, nan: 0x80, one_zero: true, ..E4M3FN };

const E2M1: SmallFloat = SmallFloat { magnitude_bits: 3, mantissa_bits: 1, bias: 1, largest: 7, nan: 8, ..E4M3FN };

impl Element {
    /// The format of a float of 8 or 4 bits with a sign.
    pub fn small_float(self) -> Option<&'static SmallFloat> {
        Some(match self {
            Element::Float8E4M3FN => &E4M3FN,
            Element::Float8E4M3FNUZ => &E4M3FNUZ,
            Element::Float8E5M2 => &E5M2,
            Element::Float8E5M2FNUZ => &E5M2FNUZ,
            Element::Float4E2M1 => &E2M1,
            _ => return None,
        })
    }

    /// Whether it is a float that is carried as a pattern.
    pub fn is_small_float(self) -> bool {
        self == Element::Float8E8M0 || self.small_float().is_some()
    }

    /// The values of a float that is carried as a pattern, by pattern.
    pub fn values(self) -> Option<Vec<f32>> {
        if self == Element::Float8E8M0 {
            // 2^-127 is no normal number of f32, so the power is taken in f64.
            let powers = (0..255).map(|code| 2f64.powi(code - 127) as f32);
            return Some(powers.chain([f32::NAN]).collect());
        }
        let format = self.small_float()?;
        Some((0..2u16 << format.magnitude_bits).map(|pattern| format.value(pattern as u8)).collect())
    }
}

impl SmallFloat {
    /// The smallest normal exponent.
    pub fn lowest_exponent(&self) -> i32 {
        1 - self.bias
    }

    /// The value of a pattern.
    pub fn value(&self, pattern: u8) -> f32 {
        let sign_bit = 1 << self.magnitude_bits;
        let (negative, magnitude) = (pattern & sign_bit != 0, pattern & (sign_bit - 1));
        let nan = match self.one_zero {
            true => pattern == self.nan,
            false => magnitude > self.infinity.unwrap_or(self.largest),
        };
        if nan {
            return f32::NAN;
        }
        let value = if Some(magnitude) == self.infinity {
            f32::INFINITY
        } else {
            let mantissa = f32::from(magnitude & ((1 << self.mantissa_bits) - 1));
            let stored = i32::from(magnitude >> self.mantissa_bits);
            let one = (1 << self.mantissa_bits) as f32;
            let (exponent, mantissa) = if stored == 0 { (1, mantissa) } else { (stored, mantissa + one) };
            mantissa * 2f32.powi(exponent - self.bias - self.mantissa_bits as i32)
        };
        if negative { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let value = |element: Element, pattern: u8| element.small_float().unwrap().value(pattern);
        assert_eq!(value(Element::Float8E4M3FN, 0x7e), 448.0);
        assert_eq!(value(Element::Float8E4M3FN, 0x01), 2f32.powi(-9));
        assert!(value(Element::Float8E4M3FN, 0xff).is_nan());
        assert_eq!(value(Element::Float8E4M3FNUZ, 0x7f), 240.0);
        assert!(value(Element::Float8E4M3FNUZ, 0x80).is_nan());
        assert_eq!(value(Element::Float8E5M2, 0x7b), 57344.0);
        assert_eq!(value(Element::Float8E5M2, 0xfc), f32::NEG_INFINITY);
        assert!(value(Element::Float8E5M2, 0x7d).is_nan());
        assert_eq!(value(Element::Float8E5M2FNUZ, 0x7f), 57344.0);
        let all: Vec<f32> = (0..8).map(|pattern| value(Element::Float4E2M1, pattern)).collect();
        assert_eq!(all, [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]);
        let powers = Element::Float8E8M0.values().unwrap();
        assert!(powers[127] == 1.0 && powers[0] == 2f32.powi(-126) / 2.0 && powers[255].is_nan());
    }
}
