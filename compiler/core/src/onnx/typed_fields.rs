//! Tensors that are stored as numbers in protobuf fields instead of bytes: turned into bytes.

use super::ElementType;
use super::message::TensorProto;
use crate::diagnostic::{Code, codes};
use prost::bytes::Bytes;

/// Why the fields are not the tensor.
pub(super) struct Problem {
    pub(super) code: Code,
    /// Goes on after the tensor's name.
    pub(super) what: String,
}

/// Whether there are numbers at all.
pub(super) fn any(tensor: &TensorProto) -> bool {
    !(tensor.float_data.is_empty()
        && tensor.int32_data.is_empty()
        && tensor.int64_data.is_empty()
        && tensor.double_data.is_empty()
        && tensor.uint64_data.is_empty())
}

/// The little-endian bytes of `elements` elements. Memory is taken only for numbers that are there.
pub(super) fn decode(tensor: &TensorProto, dtype: ElementType, elements: u64) -> Result<Bytes, Problem> {
    use ElementType as T;
    let ints = tensor.int32_data.as_slice();
    Ok(match dtype {
        T::Float => {
            counted(&tensor.float_data, "float_data", elements, 1)?;
            pack(&tensor.float_data, |value| value.to_le_bytes())
        }
        T::Complex64 => {
            counted(&tensor.float_data, "float_data", elements, 2)?;
            pack(&tensor.float_data, |value| value.to_le_bytes())
        }
        T::Double => {
            counted(&tensor.double_data, "double_data", elements, 1)?;
            pack(&tensor.double_data, |value| value.to_le_bytes())
        }
        T::Complex128 => {
            counted(&tensor.double_data, "double_data", elements, 2)?;
            pack(&tensor.double_data, |value| value.to_le_bytes())
        }
        T::Int64 => {
            counted(&tensor.int64_data, "int64_data", elements, 1)?;
            pack(&tensor.int64_data, |value| value.to_le_bytes())
        }
        T::Uint64 => {
            counted(&tensor.uint64_data, "uint64_data", elements, 1)?;
            pack(&tensor.uint64_data, |value| value.to_le_bytes())
        }
        T::Uint32 => {
            counted(&tensor.uint64_data, "uint64_data", elements, 1)?;
            try_pack(&tensor.uint64_data, dtype, |value| u32::try_from(value).ok().map(u32::to_le_bytes))?
        }
        T::Int32 => {
            counted(ints, "int32_data", elements, 1)?;
            pack(ints, |value| value.to_le_bytes())
        }
        T::Int16 => {
            counted(ints, "int32_data", elements, 1)?;
            try_pack(ints, dtype, |value| i16::try_from(value).ok().map(i16::to_le_bytes))?
        }
        T::Uint16 | T::Float16 | T::Bfloat16 => {
            counted(ints, "int32_data", elements, 1)?;
            try_pack(ints, dtype, |value| u16::try_from(value).ok().map(u16::to_le_bytes))?
        }
        T::Int8 => {
            counted(ints, "int32_data", elements, 1)?;
            try_pack(ints, dtype, |value| i8::try_from(value).ok().map(i8::to_le_bytes))?
        }
        T::Bool => {
            counted(ints, "int32_data", elements, 1)?;
            pack(ints, |value| [u8::from(value != 0)])
        }
        T::Uint8 | T::Float8e4m3fn | T::Float8e4m3fnuz | T::Float8e5m2 | T::Float8e5m2fnuz | T::Float8e8m0 => {
            counted(ints, "int32_data", elements, 1)?;
            try_pack(ints, dtype, |value| u8::try_from(value).ok().map(u8::to_le_bytes))?
        }
        // Each number is one byte, which holds two or four elements.
        T::Uint4 | T::Int4 | T::Float4e2m1 => {
            counted(ints, "int32_data", elements.div_ceil(2), 1)?;
            try_pack(ints, dtype, packed_byte)?
        }
        T::Uint2 | T::Int2 => {
            counted(ints, "int32_data", elements.div_ceil(4), 1)?;
            try_pack(ints, dtype, packed_byte)?
        }
        T::Float6e2m3 | T::Float6e3m2 => {
            counted(ints, "int32_data", elements, 1)?;
            pack_six_bits(ints, dtype)?
        }
        T::Undefined | T::String => {
            let what = "has a type that is not stored as numbers".into();
            return Err(Problem { code: codes::UNSUPPORTED_DTYPE, what });
        }
    })
}

fn counted<T>(values: &[T], field: &str, elements: u64, per_element: u64) -> Result<(), Problem> {
    // No overflow is possible where it matters: a product that is too large equals no length.
    if elements.checked_mul(per_element) == Some(values.len() as u64) {
        return Ok(());
    }
    let what =
        format!("has {} numbers in {field}, its shape needs {}", values.len(), elements.saturating_mul(per_element));
    Err(Problem { code: codes::TENSOR_LENGTH, what })
}

fn pack<T: Copy, const N: usize>(values: &[T], encode: impl Fn(T) -> [u8; N]) -> Bytes {
    values.iter().flat_map(|value| encode(*value)).collect::<Vec<u8>>().into()
}

fn try_pack<T: Copy + std::fmt::Display, const N: usize>(
    values: &[T],
    dtype: ElementType,
    encode: impl Fn(T) -> Option<[u8; N]>,
) -> Result<Bytes, Problem> {
    let mut bytes = Vec::with_capacity(values.len().saturating_mul(N));
    for value in values {
        bytes.extend(encode(*value).ok_or_else(|| out_of_range(*value, dtype))?);
    }
    Ok(bytes.into())
}

/// Some writers store the byte as a signed number.
fn packed_byte(value: i32) -> Option<[u8; 1]> {
    let unsigned = u8::try_from(value).ok();
    unsigned.or_else(|| Some(i8::try_from(value).ok()?.cast_unsigned())).map(|byte| [byte])
}

/// Four elements share three bytes, from the low bits up.
fn pack_six_bits(values: &[i32], dtype: ElementType) -> Result<Bytes, Problem> {
    let mut bytes = Vec::with_capacity(values.len().div_ceil(4).saturating_mul(3));
    for group in values.chunks(4) {
        let mut bits = 0_u32;
        for (index, value) in group.iter().enumerate() {
            let six = u32::try_from(*value).ok().filter(|six| *six < 64);
            bits |= six.ok_or_else(|| out_of_range(*value, dtype))? << (6 * index);
        }
        bytes.extend(&bits.to_le_bytes()[..(6 * group.len()).div_ceil(8)]);
    }
    Ok(bytes.into())
}

fn out_of_range(value: impl std::fmt::Display, dtype: ElementType) -> Problem {
    let what = format!("holds {value}, which is no {}", dtype.name());
    Problem { code: codes::TENSOR_VALUE, what }
}
