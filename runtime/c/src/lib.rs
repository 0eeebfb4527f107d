//! The C interface of the runtime, with the CPU executor. `include/m4c.h` documents every function for its callers.
//!
//! Every function checks its pointers for null and catches panics, so that nothing unwinds into C.

mod artifact;
mod failure;
mod ports;
mod session;
mod states;
mod threads;

pub use artifact::*;
pub use failure::*;
pub use ports::*;
pub use session::*;
pub use states::*;
pub use threads::RunJobs;
