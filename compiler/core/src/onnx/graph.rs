//! A graph of a model, indexed by name.

use super::message::{GraphProto, TensorProto, ValueInfoProto, tensor_proto::DataLocation};
use super::{ModelFile, Node, TensorRef, ValueType};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use std::collections::HashMap;

/// The main graph of a model, or the body of a branch or a loop.
#[derive(Debug)]
pub struct Graph<'m> {
    file: &'m ModelFile,
    proto: &'m GraphProto,
    initializers: HashMap<&'m str, &'m TensorProto>,
    declared: HashMap<&'m str, &'m ValueInfoProto>,
}

impl<'m> Graph<'m> {
    /// Indexes `proto`, which belongs to `file`. Names that are defined twice go to `diagnostics`.
    pub fn new(file: &'m ModelFile, proto: &'m GraphProto, diagnostics: &mut Diagnostics) -> Self {
        let mut initializers = HashMap::new();
        for tensor in &proto.initializer {
            if initializers.insert(tensor.name(), tensor).is_some() {
                diagnostics.push(twice(file, "initializer", tensor.name()));
            }
        }
        let mut declared = HashMap::new();
        for input in &proto.input {
            if declared.insert(input.name(), input).is_some() {
                diagnostics.push(twice(file, "input", input.name()));
            }
        }
        // An output may be an input as well, and inner values repeat what inputs and outputs say.
        for info in proto.output.iter().chain(&proto.value_info) {
            declared.entry(info.name()).or_insert(info);
        }
        if !proto.sparse_initializer.is_empty() {
            let count = proto.sparse_initializer.len();
            let message = format!("the graph has {count} sparse initializers");
            diagnostics.push(
                Diagnostic::error(codes::SPARSE_TENSOR, message)
                    .at(file.path())
                    .help("convert them to dense tensors before the export"),
            );
        }
        Graph { file, proto, initializers, declared }
    }

    /// The message.
    pub fn proto(&self) -> &'m GraphProto {
        self.proto
    }

    /// The name of the graph, perhaps empty.
    pub fn name(&self) -> &'m str {
        self.proto.name()
    }

    /// All nodes in the order of the file.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'m>> + use<'m> {
        let file = self.file;
        self.proto.node.iter().enumerate().map(move |(index, node)| Node::new(file, node, index))
    }

    /// The inputs that a run must give: those without an initializer.
    pub fn inputs(&self) -> impl Iterator<Item = &'m ValueInfoProto> {
        self.proto.input.iter().filter(|input| !self.initializers.contains_key(input.name()))
    }

    /// The outputs in order.
    pub fn outputs(&self) -> &'m [ValueInfoProto] {
        &self.proto.output
    }

    /// Whether a value of this name is stored in the file.
    pub fn is_initializer(&self, name: &str) -> bool {
        self.initializers.contains_key(name)
    }

    /// One initializer.
    pub fn initializer(&self, name: &str) -> Result<Option<TensorRef>, Diagnostic> {
        self.initializers.get(name).map(|tensor| self.file.tensor(tensor)).transpose()
    }

    /// All initializers in the order of the file. Those that cannot be read go to `diagnostics`; external
    /// ones that fail alike are reported together, since one missing file can hold thousands.
    pub fn initializers(&self, diagnostics: &mut Diagnostics) -> Vec<(&'m str, TensorRef)> {
        let mut tensors = Vec::with_capacity(self.proto.initializer.len());
        let mut external: Vec<(Diagnostic, usize)> = Vec::new();
        for tensor in &self.proto.initializer {
            let error = match self.file.tensor(tensor) {
                Ok(read) => {
                    tensors.push((tensor.name(), read));
                    continue;
                }
                Err(error) => error,
            };
            if tensor.data_location != Some(DataLocation::External as i32) {
                diagnostics.push(error);
                continue;
            }
            match external.iter_mut().find(|(first, _)| first.code == error.code) {
                Some((_, more)) => *more += 1,
                None => external.push((error, 0)),
            }
        }
        diagnostics.extend(external.into_iter().map(|(error, more)| match more {
            0 => error,
            _ => error.note(format!("{more} more external tensors fail for the same reason")),
        }));
        self.note_checksums(diagnostics);
        tensors
    }

    /// What the file says of a value: an input, an output or an inner one. Nothing said is no error.
    pub fn value_type(&self, name: &str) -> Result<ValueType, Diagnostic> {
        let Some(info) = self.declared.get(name) else {
            return Ok(ValueType::default());
        };
        ValueType::read(info).map_err(|what| {
            Diagnostic::error(codes::UNSUPPORTED_DTYPE, format!("value `{name}` is {what}"))
                .at(self.file.path())
                .help("m4c compiles graphs of dense tensors; keep this value outside of the graph")
        })
    }

    fn note_checksums(&self, diagnostics: &mut Diagnostics) {
        let has_checksum = |tensor: &&TensorProto| tensor.external_data.iter().any(|entry| entry.key() == "checksum");
        let count = self.proto.initializer.iter().filter(has_checksum).count();
        if count > 0 {
            let message = format!("the checksums of {count} external tensors are not checked");
            diagnostics.push(Diagnostic::remark(codes::EXTERNAL_DATA_CHECKSUM, message).at(self.file.path()));
        }
    }
}

fn twice(file: &ModelFile, what: &str, name: &str) -> Diagnostic {
    Diagnostic::error(codes::DUPLICATE_DEFINITION, format!("{what} `{name}` is defined twice"))
        .at(file.path())
        .help("give each value its own name in the export")
}
