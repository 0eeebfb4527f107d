//! The errors of the runtime, which are those of the format: one list of numbers for everything that can go wrong.

pub use m4c_format::error::{Code, Error};
