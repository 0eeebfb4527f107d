//! Elements as files store them, in their carriers.

use super::Element;
use crate::tensor::{Data, Tensor};

/// A tensor of row-major little-endian elements as ONNX files store them, in its carrier. `None` where the number of bytes
/// does not fit the shape.
pub fn carried(element: Element, shape: Vec<usize>, bytes: &[u8]) -> Option<Tensor> {
    let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    if elements.checked_mul(element.bits())?.div_ceil(8) != bytes.len() {
        return None;
    }
    let data = match element {
        Element::Double => {
            Data::F32(bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk) as f32).collect())
        }
        Element::Uint16 => {
            Data::I32(bytes.as_chunks().0.iter().map(|chunk| u16::from_le_bytes(*chunk).into()).collect())
        }
        Element::Uint32 => {
            Data::I64(bytes.as_chunks().0.iter().map(|chunk| u32::from_le_bytes(*chunk).into()).collect())
        }
        Element::Uint2 => Data::U4(pairs(bytes).take(elements).collect()),
        Element::Int2 => Data::I4(pairs(bytes).take(elements).map(|pair| ((pair << 6) as i8) >> 6).collect()),
        _ => return Tensor::from_bytes(element.carrier(), shape, bytes),
    };
    Tensor::new(shape, data)
}

/// Four elements a byte, the first in the low bits.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [0, 2, 4, 6].map(|shift| (byte >> shift) & 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_values() {
        let values = |element, bytes: &[u8], count| carried(element, vec![count], bytes).unwrap().as_f64s().unwrap();
        assert_eq!(values(Element::Int2, &[0b1110_0100, 1], 5), [0.0, 1.0, -2.0, -1.0, 1.0]);
        assert_eq!(values(Element::Uint2, &[0b1110_0100], 3), [0.0, 1.0, 2.0]);
        assert_eq!(values(Element::Uint16, &[255, 255], 1), [65535.0]);
        assert_eq!(values(Element::Uint32, &[255; 4], 1), [4_294_967_295.0]);
        assert_eq!(values(Element::Uint64, &[255; 8], 1), [-1.0]);
        assert_eq!(values(Element::Double, &0.1f64.to_le_bytes(), 1), [f64::from(0.1f32)]);
        assert_eq!(carried(Element::Double, vec![2], &[0; 8]), None);
        assert_eq!(carried(Element::Int2, vec![usize::MAX, 2], &[]), None);
    }
}
