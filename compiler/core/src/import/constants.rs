//! Initializers and `Constant` nodes as values.

use super::attributes;
use super::elements::{element, tensor, tensor_fact};
use crate::diagnostic::{Diagnostic, codes};
use crate::onnx::{ModelFile, Node, Source, TensorData, TensorRef};
use m4c_ir::memory::{self, Taken};
use m4c_ir::{Constant, DataFile, GraphBuilder};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Data, Element, Tensor};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Integers up to this many bytes are known when compiling: they may be shapes, axes or positions.
const KNOWN_INTEGER_BYTES: usize = 64 << 10;
/// Real numbers up to this many bytes are known when compiling: scales and thresholds, not weights.
const KNOWN_REAL_BYTES: usize = 256;

/// The constants of one model.
pub(super) struct Constants<'m> {
    file: &'m ModelFile,
    files: BTreeMap<PathBuf, Arc<DataFile>>,
}

/// A source's bytes, kept alive by whoever refers to them.
struct Bytes(Arc<Source>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// Elements that had to be converted.
struct Converted {
    bytes: Vec<u8>,
    _taken: Taken,
}

impl AsRef<[u8]> for Converted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'m> Constants<'m> {
    pub(super) fn new(file: &'m ModelFile) -> Constants<'m> {
        Constants { file, files: BTreeMap::new() }
    }

    /// An initializer as a value: small ones known, weights as places in their file.
    pub(super) fn value(
        &mut self,
        builder: &mut GraphBuilder,
        name: &str,
        stored: &TensorRef,
    ) -> Result<Value, Diagnostic> {
        let fact = tensor_fact(stored).ok_or_else(|| {
            let message =
                format!("initializer `{name}` is of type {}, which has no storage type here", stored.dtype.name());
            Diagnostic::error(codes::UNSUPPORTED_DTYPE, message)
                .at(self.file.path())
                .help("export the model with real numbers or integers")
        })?;
        let limit = if fact.dtype.is_float() { KNOWN_REAL_BYTES } else { KNOWN_INTEGER_BYTES };
        if stored.bytes().len() <= limit
            && let Some(tensor) = tensor(stored)
        {
            return Ok(builder.constant(tensor));
        }
        if !element(stored.dtype).is_some_and(Element::is_stored)
            && let Some(bytes) = self.converted(stored)?
        {
            let length = bytes.as_ref().len() as u64;
            let file = Arc::new(DataFile::new(format!("initializer {name}"), bytes));
            return Ok(builder.stored(Constant::Stored { file, offset: 0, length }, fact));
        }
        let constant = match &stored.data {
            TensorData::Slice(slice) => {
                Constant::Stored { file: self.data_file(slice.source()), offset: slice.offset(), length: slice.len() }
            }
            // Written as numbers, not bytes: decoded once, and a file of its own.
            TensorData::Owned(bytes) => {
                let file = DataFile::new(format!("initializer {name}"), bytes.clone());
                Constant::Stored { file: Arc::new(file), offset: 0, length: bytes.len() as u64 }
            }
        };
        Ok(builder.stored(constant, fact))
    }

    /// The elements in the type that carries them, in memory.
    fn converted(&self, stored: &TensorRef) -> Result<Option<Converted>, Diagnostic> {
        // Elements of at most 8 bytes, as a tensor and as bytes.
        let elements = usize::try_from(stored.element_count()).unwrap_or(usize::MAX);
        let taken =
            memory::take_elements(&[elements], 16).map_err(|error| Diagnostic::from(error).at(self.file.path()))?;
        let bytes = tensor(stored).and_then(|tensor| tensor.to_bytes());
        Ok(bytes.map(|bytes| Converted { bytes, _taken: taken }))
    }

    /// A `Constant` node as a value.
    pub(super) fn constant_node(
        &self,
        builder: &mut GraphBuilder,
        node: Node<'_>,
    ) -> Result<(Value, Element), Diagnostic> {
        let list = |data: Data| Tensor::new(vec![data.len()], data);
        let mut declared = None;
        let tensor = if let Some(tensor) = node.attr_tensor("value")? {
            declared = element(tensor.dtype);
            Some(attributes::tensor_of(&tensor, node)?)
        } else if let Some(value) = node.attr_i64("value_int")? {
            Some(Tensor::scalar_i64(value))
        } else if let Some(value) = node.attr_f32("value_float")? {
            Some(Tensor::scalar_f32(value))
        } else if let Some(values) = node.attr_ints("value_ints")? {
            list(Data::I64(values.to_vec()))
        } else if let Some(values) = node.attr_floats("value_floats")? {
            list(Data::F32(values.to_vec()))
        } else {
            None
        };
        let missing = || {
            node.error(codes::UNSUPPORTED_ATTRIBUTE, "the constant's value is none of a tensor, numbers or a number")
                .help("texts and sparse tensors are not supported")
        };
        let tensor = tensor.ok_or_else(missing)?;
        let element = declared.unwrap_or(Element::of(tensor.dtype()));
        Ok((builder.constant(tensor), element))
    }

    fn data_file(&mut self, source: &Arc<Source>) -> Arc<DataFile> {
        let folder = self.file.path().parent().and_then(|folder| folder.canonicalize().ok());
        let entry = self.files.entry(source.path().to_path_buf()).or_insert_with(|| {
            // Relative names keep text form and reports the same wherever the model lies.
            let path = source.path().canonicalize().unwrap_or_else(|_| source.path().to_path_buf());
            let name = folder.as_ref().and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(&path);
            Arc::new(DataFile::new(name.to_string_lossy(), Bytes(source.clone())))
        });
        entry.clone()
    }
}
