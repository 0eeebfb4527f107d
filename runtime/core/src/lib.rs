//! Loads an artifact, checks it and runs its programs.
//!
//! The order of use: [`Artifact::open`], [`Program::find`], [`Bounds::of`], [`Program::memory`], [`Session::new`],
//! [`Session::bind`], [`Session::run`]. Programs that share states take [`States`] in addition, with
//! [`Session::bind_with`] and [`Session::run_with`]. Binding and running allocate nothing. The crate knows kernels by name
//! only.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod error;
pub mod executor;

mod arena;
mod bounds;
mod carve;
mod describe;
mod levels;
#[cfg(feature = "std")]
mod mapped_file;
mod memory;
mod placement;
mod plan;
#[cfg(feature = "std")]
mod pool;
mod program;
mod run;
mod session;
mod session_states;
mod sizes;
mod solve;
mod states;

pub use arena::Arena;
pub use bounds::Bounds;
pub use describe::{describe, describe_given};
pub use error::{Code, Error};
pub use executor::{Executor, Kernel, SingleThread, Threads, Work};
pub use m4c_format::program::Port;
pub use m4c_format::{Artifact, DType, State, StateKind, StateUse};
#[cfg(feature = "std")]
pub use mapped_file::MappedFile;
pub use memory::MemoryNeeds;
#[cfg(feature = "std")]
pub use pool::ThreadPool;
pub use program::{Dim, Program};
pub use run::{Observer, RunOptions};
pub use session::Session;
pub use states::{StateBounds, States};
