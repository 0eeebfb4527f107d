//! How many bytes elements of a storage type take.

use crate::description::DType;

impl DType {
    /// Bits of one element: 4, 8, 16, 32 or 64.
    pub const fn bits(self) -> u32 {
        match self {
            DType::I4 | DType::U4 => 4,
            DType::Bool | DType::I8 | DType::U8 => 8,
            DType::I16 | DType::F16 | DType::Bf16 => 16,
            DType::I32 | DType::F32 => 32,
            DType::I64 => 64,
        }
    }

    /// The alignment in bytes that a tensor of this type needs.
    pub const fn alignment(self) -> usize {
        match self.bits() {
            16 => 2,
            32 => 4,
            64 => 8,
            _ => 1,
        }
    }

    /// The bytes of so many elements, or `None` where that overflows. Two 4-bit elements share a byte.
    pub const fn byte_len(self, elements: u64) -> Option<u64> {
        match self.bits() {
            4 => Some(elements.div_ceil(2)),
            bits => elements.checked_mul((bits / 8) as u64),
        }
    }

    /// The name in messages and listings, such as `f32`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I4 => "i4",
            DType::U4 => "u4",
            DType::I8 => "i8",
            DType::U8 => "u8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::F16 => "f16",
            DType::Bf16 => "bf16",
            DType::F32 => "f32",
        }
    }
}
