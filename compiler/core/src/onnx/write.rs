//! Writes ONNX models: small ones as one file, large ones with their weights streamed into a second.

use super::message::tensor_proto::DataLocation;
use super::message::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto};
use super::{Dim, ElementType, TensorRef, ValueType, stored_bytes};
use crate::diagnostic::{Diagnostic, codes};
use crate::file::AtomicFile;
use prost::Message as _;
use prost::bytes::Bytes;
use std::io::{self, Write};
use std::path::Path;

/// Which edition of the file format is written; current tools read it.
const IR_VERSION: i64 = 10;
const OPSET: i64 = 20;
/// Above this, weights go to a second file. Readers limit a message to 2 GiB.
const INLINE_LIMIT: u64 = 1_500_000_000;
/// Smaller tensors stay in the model: readers want shapes and axes there.
const EXTERNAL_FROM: u64 = 1024;
/// Large tensors begin on a page, so that readers can map them.
const PAGE: u64 = 4096;
const LARGE: u64 = 65536;
const SMALL_ALIGNMENT: u64 = 64;

/// A model in the making. Nodes, values and initializers are written in the order they were added.
pub struct OnnxWriter<'w> {
    model: ModelProto,
    graph: GraphProto,
    weights: Vec<Weight<'w>>,
    inline_limit: u64,
}

struct Weight<'w> {
    name: String,
    dtype: ElementType,
    dims: Vec<u64>,
    data: WeightData<'w>,
}

enum WeightData<'w> {
    Stored(TensorRef),
    Made(Box<Make<'w>>),
}

type Make<'w> = dyn Fn(&mut dyn Write) -> io::Result<()> + 'w;

impl<'w> OnnxWriter<'w> {
    /// An empty model.
    pub fn new(graph_name: &str) -> Self {
        let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) };
        OnnxWriter {
            model: ModelProto {
                ir_version: Some(IR_VERSION),
                opset_import: vec![opset],
                producer_name: Some("m4c".into()),
                producer_version: Some(env!("CARGO_PKG_VERSION").into()),
                ..Default::default()
            },
            graph: GraphProto { name: Some(graph_name.to_owned()), ..Default::default() },
            weights: Vec::new(),
            inline_limit: INLINE_LIMIT,
        }
    }

    /// A text for the reader of the model.
    pub fn doc(&mut self, text: impl Into<String>) -> &mut Self {
        self.model.doc_string = Some(text.into());
        self
    }

    /// Imports an operator set for nodes of that domain, in place of one imported before.
    pub fn opset(&mut self, domain: &str, version: i64) -> &mut Self {
        self.model.opset_import.retain(|opset| opset.domain() != domain);
        let opset = OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        self.model.opset_import.push(opset);
        self
    }

    /// Total size of the initializers above which they go to a second file.
    pub fn inline_limit(&mut self, bytes: u64) -> &mut Self {
        self.inline_limit = bytes.min(INLINE_LIMIT);
        self
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, dtype: ElementType, dims: &[Dim]) -> &mut Self {
        self.graph.input.push(declared(dtype, dims).to_proto(name));
        self
    }

    /// Adds an output.
    pub fn output(&mut self, name: &str, dtype: ElementType, dims: &[Dim]) -> &mut Self {
        self.graph.output.push(declared(dtype, dims).to_proto(name));
        self
    }

    /// States the type of an inner value.
    pub fn value(&mut self, name: &str, dtype: ElementType, dims: &[Dim]) -> &mut Self {
        self.graph.value_info.push(declared(dtype, dims).to_proto(name));
        self
    }

    /// Adds a node. Nodes must be added in an order in which they can run.
    pub fn node(&mut self, node: NodeProto) -> &mut Self {
        self.graph.node.push(node);
        self
    }

    /// Adds an initializer. Its bytes are copied only while they are written.
    pub fn initializer(&mut self, name: &str, tensor: TensorRef) -> &mut Self {
        self.weights.push(Weight {
            name: name.to_owned(),
            dtype: tensor.dtype,
            dims: tensor.dims.clone(),
            data: WeightData::Stored(tensor),
        });
        self
    }

    /// Adds an initializer whose bytes `make` writes when it is their turn.
    pub fn made_initializer(
        &mut self,
        name: &str,
        dtype: ElementType,
        dims: &[u64],
        make: impl Fn(&mut dyn Write) -> io::Result<()> + 'w,
    ) -> &mut Self {
        let data = WeightData::Made(Box::new(make));
        self.weights.push(Weight { name: name.to_owned(), dtype, dims: dims.to_vec(), data });
        self
    }

    /// Writes the model to `path`, and if it is large its weights to `path` with `.data` appended.
    pub fn save(mut self, path: &Path) -> Result<(), Diagnostic> {
        let weights = std::mem::take(&mut self.weights);
        let sizes = weights.iter().map(Weight::len).collect::<Result<Vec<_>, _>>()?;
        let total = sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));

        let mut model_file = AtomicFile::create(path)?;
        let data_file = if total <= self.inline_limit {
            for (weight, len) in weights.iter().zip(sizes) {
                self.graph.initializer.push(weight.inline(len, &model_file)?);
            }
            None
        } else {
            let mut data = DataFile::beside(path)?;
            for (weight, len) in weights.iter().zip(sizes) {
                let tensor =
                    if len < EXTERNAL_FROM { weight.inline(len, &data.file)? } else { data.append(weight, len)? };
                self.graph.initializer.push(tensor);
            }
            Some(data.file)
        };

        self.model.graph = Some(self.graph);
        let bytes = self.model.encode_to_vec();
        model_file.write_all(&bytes).map_err(|error| model_file.failure(&error))?;
        // Both are whole before one appears, and the model appears last: it must not name a missing file.
        let complete = model_file.complete()?;
        if let Some(data) = data_file {
            data.commit()?;
        }
        complete.commit()
    }
}

/// The file of external weights while it is filled.
struct DataFile {
    file: AtomicFile,
    location: String,
    offset: u64,
}

impl DataFile {
    fn beside(model: &Path) -> Result<Self, Diagnostic> {
        let name = model.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            let message = format!("`{}` must be UTF-8 to name its data file", model.display());
            Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message).help("choose another name")
        })?;
        let location = format!("{name}.data");
        let file = AtomicFile::create(model.with_file_name(&location))?;
        Ok(DataFile { file, location, offset: 0 })
    }

    fn append(&mut self, weight: &Weight<'_>, len: u64) -> Result<TensorProto, Diagnostic> {
        let alignment = if len >= LARGE { PAGE } else { SMALL_ALIGNMENT };
        let padding = self.offset.next_multiple_of(alignment) - self.offset;
        let zeros = [0_u8; PAGE as usize];
        self.file.write_all(&zeros[..padding as usize]).map_err(|error| self.file.failure(&error))?;
        let begin = self.offset + padding;
        let written = weight.write_to(&mut self.file).map_err(|error| self.file.failure(&error))?;
        weight.check_len(written, len)?;
        self.offset = begin + len;

        let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
        Ok(TensorProto {
            data_location: Some(DataLocation::External as i32),
            external_data: vec![
                entry("location", self.location.clone()),
                entry("offset", begin.to_string()),
                entry("length", len.to_string()),
            ],
            ..weight.without_data()?
        })
    }
}

impl Weight<'_> {
    fn len(&self) -> Result<u64, Diagnostic> {
        let size = stored_bytes(self.dtype, &self.dims);
        size.map(|(_, bytes)| bytes).map_err(|reason| self.bug(&reason))
    }

    fn inline(&self, len: u64, output: &AtomicFile) -> Result<TensorProto, Diagnostic> {
        let raw = match &self.data {
            WeightData::Stored(tensor) => tensor.shared_bytes(),
            WeightData::Made(make) => {
                let mut bytes = Vec::new();
                make(&mut bytes).map_err(|error| output.failure(&error))?;
                Bytes::from(bytes)
            }
        };
        self.check_len(raw.len() as u64, len)?;
        Ok(TensorProto { raw_data: Some(raw), ..self.without_data()? })
    }

    fn without_data(&self) -> Result<TensorProto, Diagnostic> {
        let dims = self.dims.iter().map(|dim| i64::try_from(*dim)).collect::<Result<_, _>>();
        Ok(TensorProto {
            name: Some(self.name.clone()),
            data_type: Some(self.dtype as i32),
            dims: dims.map_err(|_| self.bug("a dimension does not fit a signed number"))?,
            ..Default::default()
        })
    }

    /// Writes the bytes and counts them.
    fn write_to(&self, out: &mut dyn Write) -> io::Result<u64> {
        match &self.data {
            WeightData::Stored(tensor) => {
                out.write_all(tensor.bytes())?;
                Ok(tensor.bytes().len() as u64)
            }
            WeightData::Made(make) => {
                let mut counted = Counted { out, count: 0 };
                make(&mut counted)?;
                Ok(counted.count)
            }
        }
    }

    fn check_len(&self, written: u64, expected: u64) -> Result<(), Diagnostic> {
        if written == expected {
            return Ok(());
        }
        Err(self.bug(&format!("{written} bytes were made, its shape needs {expected}")))
    }

    fn bug(&self, what: &str) -> Diagnostic {
        let message = format!("cannot write tensor `{}`: {what}", self.name);
        Diagnostic::bug(codes::INTERNAL, message)
    }
}

struct Counted<'o> {
    out: &'o mut dyn Write,
    count: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn declared(dtype: ElementType, dims: &[Dim]) -> ValueType {
    ValueType { dtype: Some(dtype), dims: Some(dims.to_vec()) }
}
