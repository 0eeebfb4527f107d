//! The runtime as a caller sees it, over artifacts made with the writer and a small executor.

mod allocation;
mod bounds;
mod damage;
mod executor;
mod malformed;
mod model;
mod running;
mod states;
