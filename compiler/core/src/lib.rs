//! Everything between a model file and an artifact.

pub mod diagnostic;
pub mod facts;
pub mod file;
pub mod import;
pub mod onnx;
pub mod onnx_out;
pub mod phase;
pub mod project;
pub mod compile;
pub mod lower;
pub mod plan;
pub mod emit;
