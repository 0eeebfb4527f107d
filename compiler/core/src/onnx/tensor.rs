//! Tensors of a model: their type and shape, and where their bytes lie.

use super::external::ExternalFiles;
use super::message::{TensorProto, tensor_proto::DataLocation};
use super::{ElementType, Slice, Source, typed_fields};
use crate::diagnostic::{Code, Diagnostic, codes};
use prost::bytes::Bytes;
use std::sync::Arc;

/// A stored tensor. Its data has exactly the length that type and shape ask for.
#[derive(Clone, Debug)]
pub struct TensorRef {
    /// The type of its elements.
    pub dtype: ElementType,
    /// Its shape; no dimensions mean one element.
    pub dims: Vec<u64>,
    /// Its elements in row-major order, little-endian; types below 8 bits are packed from the low bits up.
    pub data: TensorData,
}

/// Where the bytes of a tensor are.
#[derive(Clone, Debug)]
pub enum TensorData {
    /// In a mapped file, untouched. Bools may be stored as other numbers than 0 and 1: all but 0 are true.
    Slice(Slice),
    /// Made from typed fields, or of a message that is not in a file.
    Owned(Bytes),
}

/// Number of elements, and of bytes that they take in a file; the error says what is impossible.
pub fn stored_bytes(dtype: ElementType, dims: &[u64]) -> Result<(u64, u64), String> {
    let bits = dtype.bits().ok_or_else(|| format!("type {} has no fixed size", dtype.name()))?;
    // A zero anywhere makes the tensor empty. As in NumPy, the other dimensions must be those of a tensor all the same.
    let others = dims.iter().filter(|&&dim| dim != 0).try_fold(1_u64, |product, dim| product.checked_mul(*dim));
    let bytes = others.and_then(|elements| elements.checked_mul(bits)).map(|bits| bits.div_ceil(8));
    match (others, bytes) {
        (Some(_), Some(_)) if dims.contains(&0) => Ok((0, 0)),
        (Some(elements), Some(bytes)) => Ok((elements, bytes)),
        _ => Err(format!("the size of {}{dims:?} does not fit 64 bits", dtype.name())),
    }
}

impl TensorRef {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            TensorData::Slice(slice) => slice.bytes(),
            TensorData::Owned(bytes) => bytes,
        }
    }

    /// The number of its elements.
    pub fn element_count(&self) -> u64 {
        // It was checked when the tensor was read, and `dims` of one made by hand is its maker's duty.
        stored_bytes(self.dtype, &self.dims).map_or(0, |(elements, _)| elements)
    }

    /// Its bytes as a shared handle, without a copy.
    pub fn shared_bytes(&self) -> Bytes {
        match &self.data {
            TensorData::Slice(slice) => Bytes::from_owner(slice.clone()),
            TensorData::Owned(bytes) => bytes.clone(),
        }
    }

    /// Its elements, if they are of an integer type of 8 to 64 bits or bool: shapes, axes, indices.
    pub fn integers(&self) -> Option<Vec<i64>> {
        fn all<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> i64) -> Option<Vec<i64>> {
            Some(bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect())
        }
        let bytes = self.bytes();
        match self.dtype {
            ElementType::Int64 => all(bytes, i64::from_le_bytes),
            ElementType::Int32 => all(bytes, |chunk| i32::from_le_bytes(chunk).into()),
            ElementType::Int16 => all(bytes, |chunk| i16::from_le_bytes(chunk).into()),
            ElementType::Int8 => all(bytes, |chunk| i8::from_le_bytes(chunk).into()),
            ElementType::Uint32 => all(bytes, |chunk| u32::from_le_bytes(chunk).into()),
            ElementType::Uint16 => all(bytes, |chunk| u16::from_le_bytes(chunk).into()),
            ElementType::Uint8 => all(bytes, |[byte]| byte.into()),
            ElementType::Bool => all(bytes, |[byte]| (byte != 0).into()),
            ElementType::Uint64 => {
                let chunks = bytes.as_chunks::<8>().0.iter();
                chunks.map(|chunk| i64::try_from(u64::from_le_bytes(*chunk)).ok()).collect()
            }
            _ => None,
        }
    }

    /// Reads a tensor of the model in `source`.
    pub(super) fn read(
        tensor: &TensorProto,
        source: &Arc<Source>,
        external: &ExternalFiles,
    ) -> Result<TensorRef, Diagnostic> {
        let refuse = |code: Code, what: String| {
            let message = format!("tensor `{}` {what}", tensor.name());
            Diagnostic::error(code, message).at(source.path()).help("export the model again")
        };
        let dtype = ElementType::from_number(tensor.data_type.unwrap_or_default())
            .map_err(|found| refuse(codes::UNSUPPORTED_DTYPE, format!("has {found}")))?;
        if dtype == ElementType::String {
            let what = "holds texts, which m4c has no type for".into();
            return Err(refuse(codes::UNSUPPORTED_DTYPE, what));
        }
        let dims = tensor.dims.iter().map(|dim| u64::try_from(*dim)).collect::<Result<Vec<_>, _>>();
        let dims = dims.map_err(|_| refuse(codes::TENSOR_SHAPE, format!("has the shape {:?}", tensor.dims)))?;
        let (elements, len) = stored_bytes(dtype, &dims)
            .map_err(|reason| refuse(codes::TENSOR_SHAPE, format!("is impossible: {reason}")))?;

        let stored = if tensor.data_location.unwrap_or_default() == DataLocation::External as i32 {
            TensorData::Slice(external.slice(tensor.name(), &tensor.external_data, len)?)
        } else if tensor.segment.is_some() {
            let what = "is split into segments, which m4c does not join".into();
            return Err(refuse(codes::TENSOR_LENGTH, what));
        } else if let Some(raw) = tensor.raw_data.as_ref().filter(|raw| !raw.is_empty()) {
            if typed_fields::any(tensor) {
                let what = "has its data twice: as bytes and as numbers".into();
                return Err(refuse(codes::TENSOR_LENGTH, what));
            }
            if raw.len() as u64 != len {
                let what = format!("has {} bytes of data, {}{dims:?} needs {len}", raw.len(), dtype.name());
                return Err(refuse(codes::TENSOR_LENGTH, what));
            }
            source.locate(raw).map_or_else(|| TensorData::Owned(raw.clone()), TensorData::Slice)
        } else {
            let bytes =
                typed_fields::decode(tensor, dtype, elements).map_err(|problem| refuse(problem.code, problem.what))?;
            TensorData::Owned(bytes)
        };
        Ok(TensorRef { dtype, dims, data: stored })
    }
}
