//! Tensors from and to little-endian bytes, the storage of files and buffers.

use super::{Data, Tensor};
use crate::dtype::DType;
use half::{bf16, f16};

impl Tensor {
    /// Reads row-major little-endian elements; 4-bit types are packed two to a byte, the first in the low half.
    ///
    /// `None` where the number of bytes does not fit the shape.
    pub fn from_bytes(dtype: DType, shape: Vec<usize>, bytes: &[u8]) -> Option<Tensor> {
        let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        if dtype.bytes(elements)? != bytes.len() {
            return None;
        }
        macro_rules! numbers {
            ($type:ty) => {
                bytes.as_chunks().0.iter().map(|chunk| <$type>::from_le_bytes(*chunk)).collect()
            };
        }
        let nibbles = || bytes.iter().flat_map(|byte| [byte & 15, byte >> 4]).take(elements);
        let data = match dtype {
            DType::Bool => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
            DType::I4 => Data::I4(nibbles().map(|half| ((half << 4) as i8) >> 4).collect()),
            DType::U4 => Data::U4(nibbles().collect()),
            DType::I8 => Data::I8(bytes.iter().map(|&byte| byte as i8).collect()),
            DType::U8 => Data::U8(bytes.to_vec()),
            DType::I16 => Data::I16(numbers!(i16)),
            DType::I32 => Data::I32(numbers!(i32)),
            DType::I64 => Data::I64(numbers!(i64)),
            DType::F16 => Data::F16(numbers!(f16)),
            DType::BF16 => Data::BF16(numbers!(bf16)),
            DType::F32 => Data::F32(numbers!(f32)),
        };
        Tensor::new(shape, data)
    }

    /// The elements as row-major little-endian bytes, or `None` where a size is not a number yet.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        macro_rules! numbers {
            ($v:expr) => {
                $v.iter().flat_map(|x| x.to_le_bytes()).collect()
            };
        }
        let pairs = |v: Vec<u8>| v.chunks(2).map(|pair| pair[0] | pair.get(1).copied().unwrap_or(0) << 4).collect();
        Some(match self.data() {
            Data::Bool(v) => v.iter().map(|&x| u8::from(x)).collect(),
            Data::I4(v) => pairs(v.iter().map(|&x| x as u8 & 15).collect()),
            Data::U4(v) => pairs(v.iter().map(|&x| x & 15).collect()),
            Data::I8(v) => v.iter().map(|&x| x as u8).collect(),
            Data::U8(v) => v.clone(),
            Data::I16(v) => numbers!(v),
            Data::I32(v) => numbers!(v),
            Data::I64(v) => numbers!(v),
            Data::F16(v) => numbers!(v),
            Data::BF16(v) => numbers!(v),
            Data::F32(v) => numbers!(v),
            Data::Dim(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_back_for_every_type() {
        for &dtype in crate::dtype::ALL {
            let tensor = Tensor::new(vec![3], Data::from_i64(dtype, [1, 0, 3].into_iter())).unwrap();
            let bytes = tensor.to_bytes().unwrap();
            assert_eq!(bytes.len(), dtype.bytes(3).unwrap(), "{dtype}");
            assert_eq!(Tensor::from_bytes(dtype, vec![3], &bytes), Some(tensor), "{dtype}");
            assert_eq!(Tensor::from_bytes(dtype, vec![4, usize::MAX], &bytes), None);
        }
    }
}
