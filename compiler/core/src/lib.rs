//! Everything between a model file and an artifact.

pub mod adapter;
pub mod compile;
pub mod diagnostic;
pub mod emit;
pub mod facts;
pub mod file;
pub mod import;
pub mod lower;
pub mod onnx;
pub mod onnx_out;
pub mod outline;
pub mod phase;
pub mod plan;
pub mod project;
pub mod rewrite;
pub mod states;
