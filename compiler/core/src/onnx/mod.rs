//! The ONNX file layer: reads a model without copying its weights, and writes one. It knows no operators.

mod attributes;
mod construct;
mod decoded_size;
mod element_type;
mod external;
mod format_check;
mod graph;
pub mod message;
mod model_file;
mod node;
mod scope;
mod source;
mod tensor;
mod typed_fields;
mod value_type;
mod write;

pub use external::DataFiles;
pub use graph::Graph;
pub use message::tensor_proto::DataType as ElementType;
pub(crate) use model_file::canonical_domain;
pub use model_file::{IR_VERSIONS, ModelFile};
pub use node::Node;
pub use source::{Slice, Source};
pub use tensor::{TensorData, TensorRef, stored_bytes};
pub use value_type::{Dim, ValueType};
pub use write::OnnxWriter;

#[cfg(test)]
mod tests;
