//! Short ways to make messages: from files, and nodes, attributes and tensors from their parts.

use super::ElementType;
use super::message::attribute_proto::AttributeType as Kind;
use super::message::{AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto};
use prost::Message;
use prost::bytes::Bytes;

/// Messages as they stand in files of their own.
macro_rules! file_messages {
    ($($message:ty)*) => {$(
        impl $message {
            /// Reads a message; nothing of its content is checked.
            ///
            /// # Errors
            /// Why the bytes are none.
            pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, String> {
                Self::decode(bytes).map_err(|error| error.to_string())
            }

            /// The bytes of a file that holds it.
            pub fn to_file_bytes(&self) -> Vec<u8> {
                self.encode_to_vec()
            }
        }
    )*};
}

file_messages! { ModelProto TensorProto }

impl NodeProto {
    /// A node of ONNX's own domain. An empty name is an input that is left out.
    pub fn new<I, O>(op_type: &str, inputs: I, outputs: O) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
        O: IntoIterator<Item: Into<String>>,
    {
        NodeProto {
            op_type: Some(op_type.to_owned()),
            input: inputs.into_iter().map(Into::into).collect(),
            output: outputs.into_iter().map(Into::into).collect(),
            ..Default::default()
        }
    }

    /// With a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// With an attribute: an integer, a number, a text, a list, a tensor or a graph.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<AttributeProto>) -> Self {
        self.attribute.push(AttributeProto { name: Some(name.to_owned()), ..value.into() });
        self
    }

    /// With an entry of its metadata.
    #[must_use]
    pub fn with_metadata(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata_props.push(StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.into()) });
        self
    }
}

impl TensorProto {
    /// A tensor whose elements are given as little-endian bytes.
    pub fn from_bytes(name: &str, dtype: ElementType, dims: &[i64], bytes: impl Into<Bytes>) -> Self {
        TensorProto {
            name: Some(name.to_owned()),
            data_type: Some(dtype as i32),
            dims: dims.to_vec(),
            raw_data: Some(bytes.into()),
            ..Default::default()
        }
    }
}

/// Each kind of value fills one field of the message.
macro_rules! attribute_from {
    ($($value:ty => $kind:ident, $field:ident: $convert:expr;)*) => {$(
        impl From<$value> for AttributeProto {
            fn from(value: $value) -> Self {
                let kind = Some(Kind::$kind as i32);
                AttributeProto { r#type: kind, $field: $convert(value), ..Default::default() }
            }
        }
    )*};
}

attribute_from! {
    i64 => Int, i: Some;
    f32 => Float, f: Some;
    &str => String, s: |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
    TensorProto => Tensor, t: Some;
    GraphProto => Graph, g: Some;
    Vec<i64> => Ints, ints: |list| list;
    &[i64] => Ints, ints: |list: &[i64]| list.to_vec();
    Vec<f32> => Floats, floats: |list| list;
    &[f32] => Floats, floats: |list: &[f32]| list.to_vec();
    Vec<&str> => Strings, strings: |list: Vec<&str>| {
        list.into_iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect()
    };
}
