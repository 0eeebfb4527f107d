//! A node of a model, with what is needed to speak about it.

use super::message::NodeProto;
use super::model_file::canonical_domain;
use super::{ModelFile, scope};
use crate::diagnostic::{Code, Diagnostic, Location, NodeRef};
use std::sync::Arc;

/// A node at its place in a graph. Attributes are read by the methods that begin with `attr`.
#[derive(Clone, Copy, Debug)]
pub struct Node<'m> {
    pub(super) file: &'m ModelFile,
    pub(super) proto: &'m NodeProto,
    index: u32,
}

impl<'m> Node<'m> {
    /// The node at `index` of a list of nodes of `file`: a graph's, or a function's.
    pub fn new(file: &'m ModelFile, proto: &'m NodeProto, index: usize) -> Self {
        Node { file, proto, index: u32::try_from(index).unwrap_or(u32::MAX) }
    }

    /// The message.
    pub fn proto(self) -> &'m NodeProto {
        self.proto
    }

    /// Position in the list of nodes.
    pub fn index(self) -> u32 {
        self.index
    }

    /// The name, perhaps empty, perhaps not unique.
    pub fn name(self) -> &'m str {
        self.proto.name()
    }

    /// The operator.
    pub fn op_type(self) -> &'m str {
        self.proto.op_type()
    }

    /// The operator's domain; ONNX's own is `""`.
    pub fn domain(self) -> &'m str {
        canonical_domain(self.proto.domain())
    }

    /// Inputs by position; `None` is one that was left out.
    pub fn inputs(self) -> impl ExactSizeIterator<Item = Option<&'m str>> {
        self.proto.input.iter().map(|name| present(name))
    }

    /// One input; `None` if it was left out, in the middle or at the end.
    pub fn input(self, position: usize) -> Option<&'m str> {
        self.proto.input.get(position).and_then(|name| present(name))
    }

    /// Outputs by position; `None` is one that nobody uses.
    pub fn outputs(self) -> impl ExactSizeIterator<Item = Option<&'m str>> {
        self.proto.output.iter().map(|name| present(name))
    }

    /// Dotted path of the traced module, such as `m.model.layers.0.self_attn.q_proj`.
    pub fn scope(self) -> Option<String> {
        scope::module_path(self.proto)
    }

    /// The node for diagnostics and as an origin.
    pub fn reference(self) -> NodeRef {
        NodeRef {
            file: Arc::clone(self.file.label()),
            index: self.index,
            name: self.name().to_owned(),
            op_type: self.op_type().to_owned(),
            scope: self.scope(),
            source: scope::source_line(self.proto),
        }
    }

    /// The node as the place of a diagnostic.
    pub fn location(self) -> Location {
        self.reference().into()
    }

    /// An error at this node.
    pub fn error(self, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).at(self.reference())
    }
}

fn present(name: &str) -> Option<&str> {
    (!name.is_empty()).then_some(name)
}
