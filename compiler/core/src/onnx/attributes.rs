//! Attributes of a node, by name and kind. A missing one is `None`, one of another kind an error.

use super::message::attribute_proto::AttributeType as Kind;
use super::message::{AttributeProto, GraphProto};
use super::{Node, TensorRef};
use crate::diagnostic::{Diagnostic, codes};
use prost::bytes::Bytes;

impl<'m> Node<'m> {
    /// An integer.
    pub fn attr_i64(self, name: &str) -> Result<Option<i64>, Diagnostic> {
        // Writers that follow the third edition of protobuf leave out zeros and empty texts.
        Ok(self.attr_of_kind(name, Kind::Int)?.map(|attribute| attribute.i.unwrap_or(0)))
    }

    /// A list of integers.
    pub fn attr_ints(self, name: &str) -> Result<Option<&'m [i64]>, Diagnostic> {
        Ok(self.attr_of_kind(name, Kind::Ints)?.map(|attribute| attribute.ints.as_slice()))
    }

    /// A number.
    pub fn attr_f32(self, name: &str) -> Result<Option<f32>, Diagnostic> {
        Ok(self.attr_of_kind(name, Kind::Float)?.map(|attribute| attribute.f.unwrap_or(0.0)))
    }

    /// A list of numbers.
    pub fn attr_floats(self, name: &str) -> Result<Option<&'m [f32]>, Diagnostic> {
        Ok(self.attr_of_kind(name, Kind::Floats)?.map(|attribute| attribute.floats.as_slice()))
    }

    /// A text.
    pub fn attr_str(self, name: &str) -> Result<Option<&'m str>, Diagnostic> {
        let Some(attribute) = self.attr_of_kind(name, Kind::String)? else {
            return Ok(None);
        };
        attribute.s.as_ref().map_or(Ok(Some("")), |text| self.utf8(name, text).map(Some))
    }

    /// A list of texts.
    pub fn attr_strings(self, name: &str) -> Result<Option<Vec<&'m str>>, Diagnostic> {
        let Some(attribute) = self.attr_of_kind(name, Kind::Strings)? else {
            return Ok(None);
        };
        attribute.strings.iter().map(|text| self.utf8(name, text)).collect::<Result<_, _>>().map(Some)
    }

    /// A tensor.
    pub fn attr_tensor(self, name: &str) -> Result<Option<TensorRef>, Diagnostic> {
        let Some(attribute) = self.attr_of_kind(name, Kind::Tensor)? else {
            return Ok(None);
        };
        let Some(tensor) = &attribute.t else {
            return Err(self.wrong_kind(name, "is empty"));
        };
        self.file.tensor(tensor).map(Some).map_err(|error| error.at(self.reference()))
    }

    /// A graph: the body of a branch or a loop.
    pub fn attr_graph(self, name: &str) -> Result<Option<&'m GraphProto>, Diagnostic> {
        let Some(attribute) = self.attr_of_kind(name, Kind::Graph)? else {
            return Ok(None);
        };
        attribute.g.as_ref().map(Some).ok_or_else(|| self.wrong_kind(name, "is empty"))
    }

    /// Whether there is an attribute of this name, of any kind.
    pub fn has_attr(self, name: &str) -> bool {
        self.attr_names().any(|other| other == name)
    }

    /// The names of all attributes.
    pub fn attr_names(self) -> impl Iterator<Item = &'m str> {
        self.proto.attribute.iter().map(AttributeProto::name)
    }

    fn attr_of_kind(self, name: &str, kind: Kind) -> Result<Option<&'m AttributeProto>, Diagnostic> {
        let mut found = self.proto.attribute.iter().filter(|attribute| attribute.name() == name);
        let Some(attribute) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(self.wrong_kind(name, "is given twice"));
        }
        if !attribute.ref_attr_name().is_empty() {
            let what = format!("refers to `{}` of a function around it", attribute.ref_attr_name());
            return Err(self.wrong_kind(name, &what));
        }
        let stored = kind_of(attribute);
        if stored == Some(kind) {
            return Ok(Some(attribute));
        }
        // An empty list has no element that tells its kind, and some writers leave the kind open.
        if stored.is_none() && matches!(kind, Kind::Ints | Kind::Floats | Kind::Strings) {
            return Ok(Some(attribute));
        }
        let stored = stored.map_or("of no known kind".into(), |kind| described(kind).to_owned());
        Err(self.wrong_kind(name, &format!("is {stored}, it must be {}", described(kind))))
    }

    fn utf8(self, name: &str, text: &'m Bytes) -> Result<&'m str, Diagnostic> {
        std::str::from_utf8(text).map_err(|_| self.wrong_kind(name, "is not a UTF-8 text"))
    }

    fn wrong_kind(self, name: &str, what: &str) -> Diagnostic {
        self.error(codes::ATTRIBUTE_KIND, format!("attribute `{name}` of {} {what}", self.op_type()))
    }
}

/// The declared kind; files of the first editions have none, but a field that is filled.
fn kind_of(attribute: &AttributeProto) -> Option<Kind> {
    match attribute.r#type.map(Kind::try_from) {
        None | Some(Ok(Kind::Undefined)) => {}
        Some(kind) => return kind.ok(),
    }
    let filled = [
        (attribute.i.is_some(), Kind::Int),
        (attribute.f.is_some(), Kind::Float),
        (attribute.s.is_some(), Kind::String),
        (attribute.t.is_some(), Kind::Tensor),
        (attribute.g.is_some(), Kind::Graph),
        (!attribute.ints.is_empty(), Kind::Ints),
        (!attribute.floats.is_empty(), Kind::Floats),
        (!attribute.strings.is_empty(), Kind::Strings),
    ];
    filled.iter().find(|(is_filled, _)| *is_filled).map(|(_, kind)| *kind)
}

fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::Undefined => "of no kind",
        Kind::Float => "a number",
        Kind::Int => "an integer",
        Kind::String => "a text",
        Kind::Tensor => "a tensor",
        Kind::Graph => "a graph",
        Kind::SparseTensor => "a sparse tensor",
        Kind::TypeProto => "a type",
        Kind::Floats => "a list of numbers",
        Kind::Ints => "a list of integers",
        Kind::Strings => "a list of texts",
        Kind::Tensors => "a list of tensors",
        Kind::Graphs => "a list of graphs",
        Kind::SparseTensors => "a list of sparse tensors",
        Kind::TypeProtos => "a list of types",
    }
}
