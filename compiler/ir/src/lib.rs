//! The graph, its text form, its verifier and the interpreter over it.

mod bind;
pub mod binding;
pub mod builder;
pub mod constant;
pub mod graph;
pub mod interpret;
mod loops;
pub mod memory;
pub mod origin;
pub mod scan;
pub mod text;
pub mod verify;

pub use builder::GraphBuilder;
pub use constant::{Constant, DataFile, Identity};
pub use graph::{Graph, Node, NodeKind, Output, Range, ValueId};
pub use interpret::interpret;
pub use origin::Origin;
pub use scan::Scan;
