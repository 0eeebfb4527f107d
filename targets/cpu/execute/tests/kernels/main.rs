//! Every kernel against its definition, through the contract that the runtime uses.

mod attention;
mod elementwise;
mod fused;
mod harness;
mod hostile;
mod movement;
mod normalization;
mod products;
mod reductions;
mod rope;
