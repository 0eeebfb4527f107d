//! The artifact: schema, reader, writer.
//!
//! An artifact is a fixed header, page-aligned segments of bytes, and a FlatBuffer description of what they mean.
//! [`Artifact::open`] checks all of it but the segments' content before anything else looks at it.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod description;
pub mod error;
pub mod expression;
pub mod interner;
pub mod program;

mod artifact;
mod decode;
mod digest;
mod dtype;
mod header;
mod liveness;
mod state;
mod validate;
#[cfg(feature = "std")]
mod writer;

// The FlatBuffer traits are `unsafe` to implement, so the generated code cannot do without.
#[rustfmt::skip]
#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    unreachable_pub,
    missing_docs,
    rustdoc::private_intra_doc_links,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
mod generated;

pub use artifact::{Artifact, Constant, Segment};
pub use description::{DType, ExprOp, ExprStep, GuardKind, Place, StateKind};
pub use error::{Code, Error};
pub use header::VERSION;
pub use interner::ExprBuilder;
pub use program::Program;
pub use state::{State, StateUse};
#[cfg(feature = "std")]
pub use writer::{ConstantId, ConstantSpec, SegmentId, Writer};

/// Every segment starts at a multiple of this many bytes, the largest page size of current devices.
pub const SEGMENT_ALIGNMENT: u64 = 16384;
/// Every constant starts at a multiple of this many bytes.
pub const CONSTANT_ALIGNMENT: u64 = 64;
/// The largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 8;
