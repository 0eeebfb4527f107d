//! Sizes and names of the element types that ONNX can store.

use super::ElementType;

impl ElementType {
    /// Bits per element, of stored tensors; `None` for types without a fixed size.
    pub fn bits(self) -> Option<u64> {
        Some(match self {
            Self::Undefined | Self::String => return None,
            Self::Uint2 | Self::Int2 => 2,
            Self::Uint4 | Self::Int4 | Self::Float4e2m1 => 4,
            Self::Float6e2m3 | Self::Float6e3m2 => 6,
            Self::Uint8 | Self::Int8 | Self::Bool => 8,
            Self::Float8e4m3fn | Self::Float8e4m3fnuz => 8,
            Self::Float8e5m2 | Self::Float8e5m2fnuz | Self::Float8e8m0 => 8,
            Self::Uint16 | Self::Int16 | Self::Float16 | Self::Bfloat16 => 16,
            Self::Uint32 | Self::Int32 | Self::Float => 32,
            Self::Uint64 | Self::Int64 | Self::Double | Self::Complex64 => 64,
            Self::Complex128 => 128,
        })
    }

    /// The type of this number in a file; an error says what was found.
    pub(super) fn from_number(number: i32) -> Result<Self, String> {
        match Self::try_from(number) {
            Ok(Self::Undefined) => Err("no element type".into()),
            Ok(dtype) => Ok(dtype),
            Err(_) => Err(format!("the unknown element type {number}")),
        }
    }

    /// The name that ONNX gives it, in lower case.
    pub fn name(self) -> String {
        self.as_str_name().to_ascii_lowercase()
    }
}
