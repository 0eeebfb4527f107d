//! The header of a .npy file, read without trusting any length in it.

use super::Array;
use super::element::{Element, descriptor};
use m4c_ir::memory;
use m4c_ops::DType;
use m4c_ops::tensor::{indices, strides};
use ndarray_npy::npy::header::{Header, Layout};
use std::io::Read;

/// NumPy itself reads no longer headers.
const LONGEST: usize = 10_000;
/// Records may nest; numbers, the only thing read here, nest three levels.
const DEEPEST: usize = 8;

/// What a header says.
#[derive(Debug)]
pub(crate) struct NpyHeader {
    pub(crate) element: Element,
    pub(crate) shape: Vec<usize>,
    columns_first: bool,
    /// Bytes of the header itself.
    length: usize,
}

impl NpyHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// What is wrong with the file, to follow its name.
    pub(crate) fn read(from: &mut impl Read) -> Result<NpyHeader, String> {
        let text = header_bytes(from)?;
        let nesting = text.iter().scan(0usize, |depth, byte| {
            match byte {
                b'(' | b'[' | b'{' => *depth += 1,
                b')' | b']' | b'}' => *depth = depth.saturating_sub(1),
                _ => {}
            }
            Some(*depth)
        });
        if nesting.max().unwrap_or(0) > DEEPEST {
            return Err("its header nests too deeply".into());
        }
        let header = Header::from_reader(&mut &*text).map_err(|error| format!("its header cannot be read: {error}"))?;
        let element = match header.type_descriptor.as_string() {
            Some(name) => Element::parse(name).ok_or_else(|| format!("m4c has no type for its elements, `{name}`"))?,
            None => return Err("its elements are records".into()),
        };
        let columns_first = header.layout.is_fortran();
        Ok(NpyHeader { element, shape: header.shape, columns_first, length: text.len() })
    }

    /// Reads the array that follows the header in a file of `size` bytes.
    ///
    /// # Errors
    /// What is wrong with the file, to follow its name.
    pub(crate) fn read_array(self, from: &mut impl Read, size: u64) -> Result<Array, String> {
        let bits = self.element.bits();
        let elements = self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let needed = elements.and_then(|elements| elements.checked_mul(bits / 8));
        let needed = needed.ok_or("its shape is too large")?;
        let there = size.saturating_sub(self.length as u64);
        if there != needed as u64 {
            return Err(format!("it has {there} bytes of elements, its shape needs {needed}"));
        }
        // The bytes, and the aligned or converted elements.
        let _taken = memory::take_elements(&[needed], 3).map_err(|error| error.to_string())?;
        // Grows with what really comes: an archive may promise more than it holds.
        let mut bytes = Vec::new();
        from.take(needed as u64).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() != needed {
            return Err(format!("it ends after {} of {needed} bytes", bytes.len()));
        }
        if self.columns_first {
            bytes = rows_first(&self.shape, bits / 8, &bytes);
        }
        self.element.array(self.shape, &bytes)
    }
}

/// The bytes of the header of an array; `None` for types that NumPy cannot store.
pub(crate) fn write(dtype: DType, shape: &[usize]) -> Option<Vec<u8>> {
    let header = Header {
        type_descriptor: format!("'{}'", descriptor(dtype)?).parse().ok()?,
        layout: Layout::Standard,
        shape: shape.to_vec(),
    };
    header.to_bytes().ok()
}

/// The whole header, with its lengths checked before they are used.
fn header_bytes(from: &mut impl Read) -> Result<Vec<u8>, String> {
    let short = |error: std::io::Error| format!("it ends in its header: {error}");
    let mut bytes = vec![0; 8];
    from.read_exact(&mut bytes).map_err(short)?;
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err("it does not begin like a NumPy array".into());
    }
    let length_bytes = if bytes[6] == 1 { 2 } else { 4 };
    bytes.resize(8 + length_bytes, 0);
    from.read_exact(&mut bytes[8..]).map_err(short)?;
    let length = bytes[8..].iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte));
    if length > LONGEST {
        return Err(format!("its header has {length} bytes, more than {LONGEST}"));
    }
    let start = bytes.len();
    bytes.resize(start + length, 0);
    from.read_exact(&mut bytes[start..]).map_err(short)?;
    Ok(bytes)
}

/// From the order in which the first index runs fastest to the one in which the last does.
fn rows_first(shape: &[usize], element: usize, bytes: &[u8]) -> Vec<u8> {
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    let strides: Vec<usize> = strides(&reversed).into_iter().rev().collect();
    indices(shape)
        .flat_map(|index| {
            let place: usize = index.iter().zip(&strides).map(|(i, stride)| i * stride).sum();
            &bytes[place * element..(place + 1) * element]
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Array, String> {
        let mut rest = bytes;
        let header = NpyHeader::read(&mut rest)?;
        header.read_array(&mut rest, bytes.len() as u64)
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16 + 1).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.push(b'\n');
        bytes.extend(data);
        bytes
    }

    #[test]
    fn what_is_written_reads_back() {
        for &dtype in m4c_ops::dtype::ALL {
            let Some(mut bytes) = write(dtype, &[2, 1]) else {
                assert_eq!(dtype.bits(), 4);
                continue;
            };
            let data = vec![1; dtype.bytes(2).unwrap()];
            bytes.extend(&data);
            let array = read(&bytes).unwrap();
            assert_eq!((array.dtype, &*array.shape), (dtype, &[2, 1][..]));
            assert_eq!(array.bytes.bytes(), data);
        }
    }

    #[test]
    fn numbers_that_another_type_carries_are_converted() {
        let with = |descr: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}");
        for (descr, bytes, expected) in [
            ("<f8", &0.1f64.to_le_bytes()[..], "f32[1] 0.1"),
            ("<u2", &[255, 255][..], "i32[1] 65535"),
            ("<u4", &[255; 4][..], "i64[1] 4294967295"),
            ("<u8", &[255; 8][..], "i64[1] -1"),
        ] {
            let array = read(&file(&with(descr), bytes)).unwrap();
            assert_eq!(array.to_tensor().unwrap().to_string(), expected, "{descr}");
        }
    }

    #[test]
    fn columns_first_becomes_rows_first() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
        let array = read(&file(header, &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(array.bytes.bytes(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn broken_files_are_refused_before_memory_is_taken() {
        let with =
            |descr: &str, shape: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
        let huge = "(18446744073709551615, 2)";
        for (bytes, reason) in [
            (b"hello".to_vec(), "ends in its header"),
            (b"hello, world!".to_vec(), "not begin like"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "more than"),
            (b"\x93NUMPY\x01\x00\xff\x00".to_vec(), "ends in its header"),
            (file(&"(".repeat(5000), b""), "nests"),
            (file("{}", b""), "cannot be read"),
            (file(&with("'<f4'", huge), b""), "too large"),
            (file(&with("'<f4'", "(1000000000000,)"), b""), "0 bytes of elements"),
            (file(&with("'<f4'", "(2,)"), b"1234"), "4 bytes of elements"),
            (file(&with("'|O'", "(2,)"), b""), "`|O`"),
            (file(&with("[('a', '<f4')]", "(2,)"), b""), "records"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(reason), "{error} has no {reason}");
        }
    }
}
