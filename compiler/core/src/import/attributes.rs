//! Attributes of a node as plain data.

use crate::diagnostic::{Diagnostic, codes};
use crate::onnx::message::{AttributeProto, attribute_proto::AttributeType};
use crate::onnx::{ModelFile, Node, TensorRef};
use m4c_ops::Tensor;
use m4c_ops::onnx::OnnxAttr;
use std::collections::BTreeMap;

/// All attributes by name.
///
/// # Errors
/// Where a tensor attribute cannot be read.
pub(super) fn read(file: &ModelFile, node: Node<'_>) -> Result<BTreeMap<String, OnnxAttr>, Diagnostic> {
    let mut attrs = BTreeMap::new();
    for attr in &node.proto().attribute {
        attrs.insert(attr.name().to_string(), value(file, node, attr)?);
    }
    Ok(attrs)
}

fn value(file: &ModelFile, node: Node<'_>, attr: &AttributeProto) -> Result<OnnxAttr, Diagnostic> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match kind(attr) {
        AttributeType::Int => OnnxAttr::Int(attr.i()),
        AttributeType::Ints => OnnxAttr::Ints(attr.ints.clone()),
        AttributeType::Float => OnnxAttr::Float(attr.f()),
        AttributeType::Floats => OnnxAttr::Floats(attr.floats.clone()),
        AttributeType::String => OnnxAttr::Text(text(attr.s())),
        AttributeType::Strings => OnnxAttr::Texts(attr.strings.iter().map(|s| text(s)).collect()),
        AttributeType::Tensor => match &attr.t {
            Some(tensor) => OnnxAttr::Tensor(tensor_of(&file.tensor(tensor)?, node)?),
            None => OnnxAttr::Other,
        },
        _ => OnnxAttr::Other,
    })
}

/// The declared kind; files of the first ONNX versions declare none, and the field that is set tells.
fn kind(attr: &AttributeProto) -> AttributeType {
    match attr.r#type() {
        AttributeType::Undefined if attr.i.is_some() => AttributeType::Int,
        AttributeType::Undefined if attr.f.is_some() => AttributeType::Float,
        AttributeType::Undefined if attr.s.is_some() => AttributeType::String,
        AttributeType::Undefined if attr.t.is_some() => AttributeType::Tensor,
        AttributeType::Undefined if !attr.ints.is_empty() => AttributeType::Ints,
        AttributeType::Undefined if !attr.floats.is_empty() => AttributeType::Floats,
        declared => declared,
    }
}

/// The elements of a tensor that a node carries.
///
/// # Errors
/// Where its type is none of ours.
pub(super) fn tensor_of(tensor: &TensorRef, node: Node<'_>) -> Result<Tensor, Diagnostic> {
    super::tensor(tensor).ok_or_else(|| {
        let message = format!("a constant of type {} has no storage type here", tensor.dtype.name());
        node.error(codes::UNSUPPORTED_DTYPE, message).help("export the model with numbers as constants")
    })
}
