//! Declared types of values: element type and shape, as far as the file says.

use super::ElementType;
use super::message::tensor_shape_proto::dimension::Value;
use super::message::type_proto::{self, Value as Kind};
use super::message::{TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto};

/// One dimension of a declared shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// Always this size.
    Known(u64),
    /// A name, or an expression of names such as `past_seq + 1`; equal names mean equal sizes.
    Named(String),
    /// Nothing is said.
    Unknown,
}

/// What a file says of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueType {
    /// The element type, if it is said.
    pub dtype: Option<ElementType>,
    /// The shape, if at least the rank is said.
    pub dims: Option<Vec<Dim>>,
}

impl ValueType {
    /// Reads a declaration; the error says what it is instead of a tensor.
    pub(super) fn read(info: &ValueInfoProto) -> Result<ValueType, String> {
        let Some(declared) = &info.r#type else {
            return Ok(ValueType::default());
        };
        let tensor = match &declared.value {
            None => return Ok(ValueType::default()),
            Some(Kind::TensorType(tensor)) => tensor,
            Some(Kind::SequenceType(_)) => return Err("a sequence".into()),
            Some(Kind::MapType(_)) => return Err("a map".into()),
            Some(Kind::OptionalType(_)) => return Err("optional".into()),
            Some(Kind::SparseTensorType(_)) => return Err("a sparse tensor".into()),
            Some(Kind::OpaqueType(_)) => return Err("of an opaque type".into()),
        };
        let dtype = match tensor.elem_type.unwrap_or_default() {
            0 => None,
            number => Some(ElementType::from_number(number).map_err(|found| format!("a tensor with {found}"))?),
        };
        let dims = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(Dim::read).collect());
        Ok(ValueType { dtype, dims })
    }

    /// The message that says the same.
    pub(super) fn to_proto(&self, name: &str) -> ValueInfoProto {
        let shape = self.dims.as_ref().map(|dims| TensorShapeProto { dim: dims.iter().map(Dim::to_proto).collect() });
        let tensor = type_proto::Tensor { elem_type: self.dtype.map(|dtype| dtype as i32), shape };
        ValueInfoProto {
            name: Some(name.to_owned()),
            r#type: Some(TypeProto { value: Some(Kind::TensorType(tensor)), denotation: None }),
            ..Default::default()
        }
    }
}

impl Dim {
    fn read(dim: &tensor_shape_proto::Dimension) -> Dim {
        match &dim.value {
            // Some exporters write -1 for a size that they do not know.
            Some(Value::DimValue(size)) => u64::try_from(*size).map_or(Dim::Unknown, Dim::Known),
            Some(Value::DimParam(name)) if !name.is_empty() => Dim::Named(name.clone()),
            Some(Value::DimParam(_)) | None => Dim::Unknown,
        }
    }

    fn to_proto(&self) -> tensor_shape_proto::Dimension {
        let value = match self {
            Dim::Known(size) => i64::try_from(*size).ok().map(Value::DimValue),
            Dim::Named(name) => Some(Value::DimParam(name.clone())),
            Dim::Unknown => None,
        };
        tensor_shape_proto::Dimension { value, denotation: None }
    }
}
