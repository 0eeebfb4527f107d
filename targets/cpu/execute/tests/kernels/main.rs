//! Every kernel against its definition, through the contract that the runtime uses.

mod elementwise;
mod harness;
mod hostile;
mod movement;
mod normalization;
mod products;
mod reductions;
