//! Files of named tensors as `safetensors` has them: the length of a header, the header (JSON), the elements.

use super::element::Element;
use super::{Array, unwritable};
use m4c_compiler::diagnostic::Diagnostic;
use m4c_compiler::file;
use m4c_ir::memory;
use m4c_ops::DType;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorView};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What a parsed header takes for each of its bytes: the texts, and small entries of the map by name.
const HEADER_COST: usize = 8;

/// An opened file.
#[derive(Debug)]
pub(super) struct Tensors {
    file: File,
    metadata: Metadata,
    /// Where the elements begin.
    start: u64,
}

impl Tensors {
    /// Reads the header of a file of `size` bytes.
    ///
    /// # Errors
    /// What is wrong with the file, to follow its name.
    pub(super) fn open(mut file: File, size: u64) -> Result<Tensors, String> {
        let short = |error: std::io::Error| format!("its header cannot be read: {error}");
        let mut bytes = vec![0; 8];
        file.read_exact(&mut bytes).map_err(short)?;
        let length = bytes.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        if length > size.saturating_sub(8) {
            return Err(format!("it has {size} bytes, its header alone needs {length}"));
        }
        let length = usize::try_from(length).map_err(|_| "its header is too long")?;
        let _taken = memory::take_elements(&[length], HEADER_COST).map_err(|error| error.to_string())?;
        bytes.resize(8 + length, 0);
        file.read_exact(&mut bytes[8..]).map_err(short)?;
        // Checks that tensors lie one after the other, each as long as its type and shape say.
        let metadata: Metadata =
            serde_json::from_slice(&bytes[8..]).map_err(|error| format!("its header cannot be read: {error}"))?;
        let (start, promised) = (bytes.len() as u64, metadata.data_len() as u64);
        if size.checked_sub(start) != Some(promised) {
            return Err(format!(
                "it has {} bytes of elements, its header promises {promised}",
                size.saturating_sub(start)
            ));
        }
        Ok(Tensors { file, metadata, start })
    }

    /// Names of the tensors, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metadata.tensors().into_keys().collect();
        names.sort_unstable();
        names
    }

    /// Reads one of the tensors.
    ///
    /// # Errors
    /// What is wrong with it, to follow its name.
    pub(super) fn read(&mut self, name: &str) -> Result<(Element, Array), String> {
        let info = self.metadata.info(name).ok_or("there is none")?;
        let element =
            element(info.dtype).ok_or_else(|| format!("m4c has no type for its elements, {:?}", info.dtype))?;
        let (from, to) = info.data_offsets;
        // The bytes, and the aligned or converted elements.
        let _taken = memory::take_elements(&[to - from], 3).map_err(|error| error.to_string())?;
        let mut bytes = vec![0; to - from];
        let read = self.file.seek(SeekFrom::Start(self.start + from as u64));
        read.and_then(|_| self.file.read_exact(&mut bytes)).map_err(|error| error.to_string())?;
        let array = element.array(info.shape.clone(), &bytes)?;
        Ok((element, array))
    }
}

/// Writes a file of tensors; the same arrays give the same bytes.
///
/// # Errors
/// Where a type has no name in such files, or the file cannot be written.
pub(super) fn write<'a>(path: &Path, arrays: &'a [(String, &'a Array)]) -> Result<(), Diagnostic> {
    let view = |(name, array): &'a (String, &'a Array)| {
        let dtype = dtype(array.dtype)
            .ok_or_else(|| unwritable(path, &format!("there is no type for `{name}`, which is {}", array.dtype)))?;
        let view = TensorView::new(dtype, array.shape.clone(), array.bytes.bytes());
        Ok((name.as_str(), view.map_err(|error| unwritable(path, &error.to_string()))?))
    };
    let views = arrays.iter().map(view).collect::<Result<Vec<_>, Diagnostic>>()?;
    let bytes = safetensors::serialize(views, None).map_err(|error| unwritable(path, &error.to_string()))?;
    file::write(path, &bytes)
}

/// The types that both have.
const SHARED: &[(Dtype, DType)] = &[
    (Dtype::BOOL, DType::Bool),
    (Dtype::I8, DType::I8),
    (Dtype::U8, DType::U8),
    (Dtype::I16, DType::I16),
    (Dtype::I32, DType::I32),
    (Dtype::I64, DType::I64),
    (Dtype::F16, DType::F16),
    (Dtype::BF16, DType::BF16),
    (Dtype::F32, DType::F32),
];

fn dtype(dtype: DType) -> Option<Dtype> {
    SHARED.iter().find(|(_, own)| *own == dtype).map(|(name, _)| *name)
}

fn element(dtype: Dtype) -> Option<Element> {
    use m4c_ops::Element as Stored;
    let known = SHARED.iter().find(|(name, _)| *name == dtype).map(|(_, own)| Element::Known(*own));
    known.or(match dtype {
        Dtype::U16 => Some(Element::Carried(Stored::Uint16, "uint16")),
        Dtype::U32 => Some(Element::Carried(Stored::Uint32, "uint32")),
        Dtype::U64 => Some(Element::Carried(Stored::Uint64, "uint64")),
        Dtype::F64 => Some(Element::Carried(Stored::Double, "float64")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aligned::Aligned;
    use crate::array::{ArrayFile, write_arrays};
    use m4c_compiler::diagnostic::codes;

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let arrays: Vec<(String, Array)> = SHARED
            .iter()
            .map(|(name, dtype)| {
                let bytes = Aligned::copy_of(&vec![1; dtype.bytes(6).unwrap()]);
                (format!("out:{name:?}"), Array { dtype: *dtype, shape: vec![2, 3], bytes })
            })
            .collect();
        let named: Vec<(String, &Array)> = arrays.iter().map(|(name, array)| (name.clone(), array)).collect();
        write_arrays(&path, &named).unwrap();
        let first = std::fs::read(&path).unwrap();
        let mut file = ArrayFile::open(&path).unwrap();
        assert_eq!(file.names().len(), SHARED.len());
        for (name, array) in &arrays {
            let read = file.read(name).unwrap().array;
            assert_eq!((read.describe(), read.bytes.bytes()), (array.describe(), array.bytes.bytes()), "{name}");
        }
        assert!(file.read("none").unwrap_err().message.contains("there is none"));
        write_arrays(&path, &named).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
    }

    #[test]
    fn numbers_that_another_type_carries_are_converted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        for (dtype, bytes, expected) in [
            ("F64", &0.1f64.to_le_bytes()[..], "f32[1] 0.1"),
            ("U16", &[255, 255][..], "i32[1] 65535"),
            ("U32", &[255; 4][..], "i64[1] 4294967295"),
            ("U64", &[255; 8][..], "i64[1] -1"),
        ] {
            let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{}]}}}}"#, bytes.len());
            let length = (header.len() as u64).to_le_bytes();
            std::fs::write(&path, [&length, header.as_bytes(), bytes].concat()).unwrap();
            let read = ArrayFile::open(&path).unwrap().read("a").unwrap();
            assert_eq!(read.array.to_tensor().unwrap().to_string(), expected, "{dtype}");
            assert!(read.converted_from.is_some());
        }
    }

    #[test]
    fn files_that_promise_more_than_they_hold_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let array = Array { dtype: DType::U8, shape: vec![30], bytes: Aligned::zeroed(30) };
        write_arrays(&path, &[("a".to_owned(), &array)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(ArrayFile::open(&path).unwrap_err().code, codes::ARRAYS_UNREADABLE, "cut at {at}");
        }
        let huge = [&u64::MAX.to_le_bytes(), &whole[8..]].concat();
        std::fs::write(&path, huge).unwrap();
        assert!(ArrayFile::open(&path).unwrap_err().message.contains("its header alone needs"));
        let header = br#"{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}"#;
        std::fs::write(&path, [&(header.len() as u64).to_le_bytes(), &header[..], &[0]].concat()).unwrap();
        assert!(
            ArrayFile::open(&path).unwrap().read("a").unwrap_err().message.contains("no type for its elements, F4")
        );
    }
}
