//! Elements of any type as `f32`, some neighbors at a time.

use crate::element::{Bf16, F16, Float};
use crate::step::require;
use m4c_runtime::DType;
use m4c_runtime::error::Code;

/// Elements that are converted at a time.
pub(crate) const CHUNK: usize = 64;

/// How elements of a type are read.
pub(crate) type Load = fn(bytes: &[u8], start: usize, out: &mut [f32]);

/// Reads elements of this type; 4-bit ones lie two to a byte, the first in the low half.
///
/// # Errors
/// [`Code::BadStep`] for a type whose elements are no numbers of at most 32 bits.
pub(crate) fn load(dtype: DType) -> Result<Load, Code> {
    Ok(match dtype {
        DType::U4 => |bytes, start, out| nibbles(bytes, start, out, f32::from),
        DType::I4 => |bytes, start, out| nibbles(bytes, start, out, |nibble| f32::from((nibble as i8) << 4 >> 4)),
        DType::U8 => |bytes, start, out| numbers::<1>(bytes, start, out, |[byte]| f32::from(byte)),
        DType::I8 => |bytes, start, out| numbers::<1>(bytes, start, out, |[byte]| f32::from(byte as i8)),
        DType::I16 => |bytes, start, out| numbers(bytes, start, out, |raw| f32::from(i16::from_ne_bytes(raw))),
        DType::I32 => |bytes, start, out| numbers(bytes, start, out, |raw| i32::from_ne_bytes(raw) as f32),
        DType::F16 => |bytes, start, out| numbers(bytes, start, out, |raw| F16::to_f32(u16::from_ne_bytes(raw))),
        DType::Bf16 => |bytes, start, out| numbers(bytes, start, out, |raw| Bf16::to_f32(u16::from_ne_bytes(raw))),
        DType::F32 => |bytes, start, out| numbers(bytes, start, out, f32::from_ne_bytes),
        _ => return Err(Code::BadStep),
    })
}

fn numbers<const N: usize>(bytes: &[u8], start: usize, out: &mut [f32], value: impl Fn([u8; N]) -> f32) {
    let raw = bytes.as_chunks::<N>().0;
    out.iter_mut().zip(&raw[start..]).for_each(|(out, &raw)| *out = value(raw));
}

fn nibbles(bytes: &[u8], start: usize, out: &mut [f32], value: impl Fn(u8) -> f32) {
    for (at, out) in (start..).zip(out) {
        *out = value(bytes[at / 2] >> (at % 2 * 4) & 15);
    }
}

/// An operand as a stream of `f32`.
#[derive(Clone, Copy)]
pub(crate) struct Reals<'a> {
    bytes: &'a [u8],
    load: Load,
}

impl<'a> Reals<'a> {
    /// Elements of this type.
    ///
    /// # Errors
    /// [`Code::BadStep`] where there are fewer than `count`, or the type has no numbers.
    pub(crate) fn new(dtype: DType, bytes: &'a [u8], count: usize) -> Result<Reals<'a>, Code> {
        let bits = count.checked_mul(dtype.bits() as usize).ok_or(Code::BadStep)?;
        require(bytes.len() >= bits.div_ceil(8))?;
        Ok(Reals { bytes, load: load(dtype)? })
    }

    /// Elements from `start` on, `step` (0 or 1) apart.
    #[inline(always)]
    pub(crate) fn read(&self, start: usize, step: isize, out: &mut [f32]) {
        if step == 1 {
            (self.load)(self.bytes, start, out);
        } else if !out.is_empty() {
            let mut one = [0.0];
            (self.load)(self.bytes, start, &mut one);
            out.fill(one[0]);
        }
    }
}
