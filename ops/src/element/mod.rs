//! ONNX's element types, and how each is carried in a storage type.
//!
//! Most are stored as they are. `double` is carried as `f32`. Integers without a storage type are carried by value in a wider
//! one, but for `uint64`, whose bits an `i64` has. Floats of 8 and 4 bits are carried as bit patterns: movement does not care,
//! and conversions decompose exactly.

mod carry;
pub mod convert;
mod integers;
mod rules;
mod small_float;

pub use carry::carried;
pub use integers::{divided, halved, wrapped};
pub use rules::import;
pub use small_float::SmallFloat;

use crate::dtype::DType;
use std::fmt;

/// An element type of ONNX.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs)]
pub enum Element {
    Float,
    Uint8,
    Int8,
    Uint16,
    Int16,
    Int32,
    Int64,
    Bool,
    Float16,
    Double,
    Uint32,
    Uint64,
    Bfloat16,
    Float8E4M3FN,
    Float8E4M3FNUZ,
    Float8E5M2,
    Float8E5M2FNUZ,
    Uint4,
    Int4,
    Float4E2M1,
    Float8E8M0,
    Uint2,
    Int2,
}

use Element::*;

/// Type, name, number in `TensorProto.DataType`, carrier.
const TABLE: &[(Element, &str, i64, DType)] = &[
    (Float, "float", 1, DType::F32),
    (Uint8, "uint8", 2, DType::U8),
    (Int8, "int8", 3, DType::I8),
    (Uint16, "uint16", 4, DType::I32),
    (Int16, "int16", 5, DType::I16),
    (Int32, "int32", 6, DType::I32),
    (Int64, "int64", 7, DType::I64),
    (Bool, "bool", 9, DType::Bool),
    (Float16, "float16", 10, DType::F16),
    (Double, "double", 11, DType::F32),
    (Uint32, "uint32", 12, DType::I64),
    (Uint64, "uint64", 13, DType::I64),
    (Bfloat16, "bfloat16", 16, DType::BF16),
    (Float8E4M3FN, "float8e4m3fn", 17, DType::U8),
    (Float8E4M3FNUZ, "float8e4m3fnuz", 18, DType::U8),
    (Float8E5M2, "float8e5m2", 19, DType::U8),
    (Float8E5M2FNUZ, "float8e5m2fnuz", 20, DType::U8),
    (Uint4, "uint4", 21, DType::U4),
    (Int4, "int4", 22, DType::I4),
    (Float4E2M1, "float4e2m1", 23, DType::U4),
    (Float8E8M0, "float8e8m0", 24, DType::U8),
    (Uint2, "uint2", 25, DType::U4),
    (Int2, "int2", 26, DType::I4),
];

/// All of them.
pub fn all() -> impl Iterator<Item = Element> {
    TABLE.iter().map(|(element, ..)| *element)
}

impl Element {
    /// The type with this number in ONNX's `TensorProto.DataType`, where values of it can be carried.
    pub fn from_number(number: i64) -> Option<Element> {
        TABLE.iter().find(|(_, _, known, _)| *known == number).map(|(element, ..)| *element)
    }

    /// The type whose elements are stored as they are.
    pub fn of(dtype: DType) -> Element {
        TABLE
            .iter()
            .find(|(element, _, _, carrier)| *carrier == dtype && element.is_stored())
            .map_or(Float, |row| row.0)
    }

    /// Its number.
    pub fn number(self) -> i64 {
        self.row().2
    }

    /// Its name in the standard.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The storage type that carries it.
    pub fn carrier(self) -> DType {
        self.row().3
    }

    /// Whether its carrier's elements are its own.
    pub fn is_stored(self) -> bool {
        !matches!(self, Uint16 | Double | Uint32 | Uint64 | Uint2 | Int2) && !self.is_small_float()
    }

    /// Whether its carrier has its bits and not its value.
    pub fn is_pattern(self) -> bool {
        self == Uint64 || self.is_small_float()
    }

    /// Whether it is a real number.
    pub fn is_real(self) -> bool {
        matches!(self, Float | Float16 | Bfloat16 | Double) || self.is_small_float()
    }

    /// Bits of an integer whose carrier is wider, and whether one of them is a sign.
    pub fn width(self) -> Option<(u32, bool)> {
        match self {
            Uint16 => Some((16, false)),
            Uint32 => Some((32, false)),
            Uint2 => Some((2, false)),
            Int2 => Some((2, true)),
            _ => None,
        }
    }

    /// Bits of an element as ONNX counts them.
    pub fn bits(self) -> usize {
        match self {
            Uint2 | Int2 => 2,
            Uint16 => 16,
            Uint32 => 32,
            Double => 64,
            _ => self.carrier().bits(),
        }
    }

    fn row(self) -> &'static (Element, &'static str, i64, DType) {
        TABLE.iter().find(|(element, ..)| *element == self).unwrap_or(&TABLE[0])
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_stands_once_and_every_storage_type_is_one() {
        for (index, element) in all().enumerate() {
            assert_eq!(element.number(), TABLE[index].2);
            assert_eq!(Element::from_number(element.number()), Some(element));
        }
        for &dtype in crate::dtype::ALL {
            assert!(Element::of(dtype).carrier() == dtype && Element::of(dtype).is_stored(), "{dtype}");
        }
    }
}
