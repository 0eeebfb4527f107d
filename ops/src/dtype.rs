//! Storage types of tensor elements.

use std::fmt;

/// How an element is stored. Types are storage only: scales and zero points are operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum DType {
    Bool,
    I4,
    U4,
    I8,
    U8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
}

use DType::*;

/// All storage types.
pub const ALL: &[DType] = &[Bool, I4, U4, I8, U8, I16, I32, I64, F16, BF16, F32];
/// Everything but `bool`.
pub const NUMERIC: &[DType] = &[I4, U4, I8, U8, I16, I32, I64, F16, BF16, F32];
/// Floating-point types.
pub const FLOAT: &[DType] = &[F16, BF16, F32];
/// Types whose elements stand for real numbers beside a scale.
pub const INTEGER: &[DType] = &[I4, U4, I8, U8, I16, I32];
/// Types an index operand may have.
pub const INDEX: &[DType] = &[I32, I64];

impl DType {
    /// The name in text form, targets' tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Bool => "bool",
            I4 => "i4",
            U4 => "u4",
            I8 => "i8",
            U8 => "u8",
            I16 => "i16",
            I32 => "i32",
            I64 => "i64",
            F16 => "f16",
            BF16 => "bf16",
            F32 => "f32",
        }
    }

    /// The type with this name.
    pub fn parse(name: &str) -> Option<DType> {
        ALL.iter().copied().find(|dtype| dtype.name() == name)
    }

    /// Bits of one element; 4-bit types are stored two to a byte, the first in the low half.
    pub fn bits(self) -> usize {
        match self {
            I4 | U4 => 4,
            Bool | I8 | U8 => 8,
            I16 | F16 | BF16 => 16,
            I32 | F32 => 32,
            I64 => 64,
        }
    }

    /// Bytes of `elements` elements, or `None` where that overflows.
    pub fn bytes(self, elements: usize) -> Option<usize> {
        Some(elements.checked_mul(self.bits())?.div_ceil(8))
    }

    /// The smallest and the largest number of an integer type.
    pub fn integer_range(self) -> Option<(i64, i64)> {
        let bits = self.bits() as u32;
        match self {
            U4 | U8 => Some((0, (1 << bits) - 1)),
            I4 | I8 | I16 | I32 => Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1)),
            I64 => Some((i64::MIN, i64::MAX)),
            Bool | F16 | BF16 | F32 => None,
        }
    }

    /// Whether elements are 16-bit floating-point numbers, which are computed in `f32`.
    pub fn is_narrow(self) -> bool {
        matches!(self, F16 | BF16)
    }

    /// Whether elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        FLOAT.contains(&self)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
