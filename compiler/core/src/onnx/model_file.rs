//! A model file: mapped, decoded, and checked as far as its own format goes.

use super::decoded_size::decoded_size;
use super::external::{DataFiles, ExternalFiles};
use super::message::{FunctionProto, GraphProto, ModelProto, TensorProto};
use super::{Graph, Source, TensorRef, format_check};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_ir::memory::{self, Taken};
use prost::bytes::Bytes;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The editions of the file format that are read. Earlier ones have no operator sets.
pub const IR_VERSIONS: RangeInclusive<i64> = 3..=14;

/// An open ONNX model. Weights stay in its file, and in the files that it names.
#[derive(Debug)]
pub struct ModelFile {
    source: Arc<Source>,
    label: Arc<Path>,
    model: Arc<ModelProto>,
    external: ExternalFiles,
    /// By domain, name and overload.
    functions: HashMap<[String; 3], usize>,
    /// The decoded messages count as taken for as long as they are there.
    _taken: Taken,
}

impl ModelFile {
    /// Opens the model at `path`.
    pub fn open(path: impl AsRef<Path>) -> Result<ModelFile, Diagnostic> {
        Self::open_with(path, &DataFiles::default())
    }

    /// Opens the model at `path`, which shares data files with others.
    pub fn open_with(path: impl AsRef<Path>, shared: &DataFiles) -> Result<ModelFile, Diagnostic> {
        Self::from_source(Source::map(path.as_ref())?, shared.clone())
    }

    /// Reads a model that is already in memory. `path` names it, and its folder holds external data.
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: Bytes) -> Result<ModelFile, Diagnostic> {
        Self::from_source(Source::in_memory(path, bytes), DataFiles::default())
    }

    fn from_source(source: Arc<Source>, shared: DataFiles) -> Result<ModelFile, Diagnostic> {
        let path = source.path();
        let taken = memory::take(decoded_size(source.bytes())).map_err(|error| Diagnostic::from(error).at(path))?;
        let model = format_check::decode(path, source.shared_bytes())?;
        check_ir_version(path, &model)?;
        check_opsets(path, &model)?;
        let mut functions = HashMap::new();
        for (index, function) in model.functions.iter().enumerate() {
            let id = [canonical_domain(function.domain()), function.name(), function.overload()];
            functions.entry(id.map(str::to_owned)).or_insert(index);
        }
        Ok(ModelFile {
            functions,
            label: Arc::from(path),
            external: ExternalFiles::beside(path, shared),
            model: Arc::new(model),
            _taken: taken,
            source,
        })
    }

    /// Where the model is.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// It, and the files with weights that were read so far.
    pub fn files(&self) -> Vec<PathBuf> {
        [self.path().to_owned()].into_iter().chain(self.external.paths()).collect()
    }

    /// The path of the model, shared, for the many places that name it.
    pub(super) fn label(&self) -> &Arc<Path> {
        &self.label
    }

    /// The mapped file.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The decoded messages. Tensors in them are best read through [`tensor`](Self::tensor).
    pub fn proto(&self) -> &Arc<ModelProto> {
        &self.model
    }

    /// The main graph's message.
    pub fn graph_proto(&self) -> &GraphProto {
        // `format_check::decode` refuses models without a graph.
        self.model.graph.as_ref().expect("a model file has a graph")
    }

    /// The main graph, indexed; what is wrong with its names goes to `diagnostics`.
    pub fn graph(&self, diagnostics: &mut Diagnostics) -> Graph<'_> {
        Graph::new(self, self.graph_proto(), diagnostics)
    }

    /// The version of an imported operator set; `""` and `"ai.onnx"` are the same domain.
    pub fn opset(&self, domain: &str) -> Option<i64> {
        let mut opsets = self.opsets();
        opsets.find(|(name, _)| *name == canonical_domain(domain)).map(|(_, version)| version)
    }

    /// All imported operator sets as (domain, version); ONNX's own domain is `""`.
    pub fn opsets(&self) -> impl Iterator<Item = (&str, i64)> {
        self.model.opset_import.iter().map(|opset| (canonical_domain(opset.domain()), opset.version()))
    }

    /// A function that the model itself defines.
    pub fn function(&self, domain: &str, name: &str, overload: &str) -> Option<&FunctionProto> {
        // Asked for every node of a model, and few models have any.
        if self.functions.is_empty() {
            return None;
        }
        let index = self.functions.get(&[canonical_domain(domain), name, overload].map(str::to_owned))?;
        self.model.functions.get(*index)
    }

    /// Reads a tensor of this model: checked against its shape, and not copied if it is stored as bytes.
    pub fn tensor(&self, tensor: &TensorProto) -> Result<TensorRef, Diagnostic> {
        TensorRef::read(tensor, &self.source, &self.external)
    }
}

/// ONNX's own domain has two names.
pub(crate) fn canonical_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

fn check_ir_version(path: &Path, model: &ModelProto) -> Result<(), Diagnostic> {
    let (low, high) = (IR_VERSIONS.start(), IR_VERSIONS.end());
    let message = match model.ir_version {
        Some(version) if IR_VERSIONS.contains(&version) => return Ok(()),
        Some(version) => format!("IR version {version} is not supported; {low} to {high} are"),
        None => "the model does not say its IR version".into(),
    };
    Err(Diagnostic::error(codes::UNSUPPORTED_IR_VERSION, message)
        .at(path)
        .help(format!("save the model again with IR version {low} to {high}")))
}

fn check_opsets(path: &Path, model: &ModelProto) -> Result<(), Diagnostic> {
    let refuse = |message: String| {
        Err(Diagnostic::error(codes::UNSUPPORTED_OPSET, message)
            .at(path)
            .help("export the model again; each domain is imported once, with its version"))
    };
    if model.opset_import.is_empty() {
        return refuse("the model imports no operator set".into());
    }
    for (index, opset) in model.opset_import.iter().enumerate() {
        let domain = canonical_domain(opset.domain());
        let shown = if domain.is_empty() { "ai.onnx" } else { domain };
        if opset.version() < 1 {
            return refuse(format!("operator set `{shown}` has version {}", opset.version()));
        }
        let same = |other: &&super::message::OperatorSetIdProto| {
            canonical_domain(other.domain()) == domain && other.version() != opset.version()
        };
        if let Some(other) = model.opset_import[..index].iter().find(same) {
            let (first, second) = (other.version(), opset.version());
            return refuse(format!("operator set `{shown}` is imported as {first} and as {second}"));
        }
    }
    Ok(())
}
