//! The operator table, facts and the reference meaning of every operator.
//!
//! Depends on nothing else of the project, does no I/O, knows no target, no file format and no rewriting engine.

pub mod along;
pub mod arithmetic;
pub mod attr;
pub mod build;
pub mod composite;
pub mod dim;
pub mod dtype;
pub mod element;
pub mod fact;
pub mod fused_activation;
pub mod heads;
pub mod import;
pub mod numerics;
pub mod onnx;
pub mod op;
pub mod page;
pub mod primitive;
pub mod quantization;
pub mod signature;
pub mod structural;
pub mod table;
pub mod tensor;
pub mod window;

pub use attr::{Attr, AttrKind, Attrs, Group};
pub use build::{Build, Value};
pub use dim::{Binding, Dim, DimView, Guard, GuardKind, Symbols};
pub use dtype::DType;
pub use element::Element;
pub use fact::Fact;
pub use numerics::{Difference, Numerics};
pub use op::{Op, Violation};
pub use tensor::{Data, Tensor};
