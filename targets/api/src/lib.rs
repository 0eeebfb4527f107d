//! What a compilation target is: what it supports and why, and how it turns a node into a step.
//!
//! A target is data and code. The data is a [`Profile`], read from `target.toml` and `ops.toml`; it answers whether a
//! concrete node is supported. The code is a [`Target`], which names kernels and packs weights. Neither changes a graph.

pub mod condition;
pub mod cost;
pub mod fusion;
pub mod node;
pub mod profile;
pub mod target;
pub mod verdict;

mod parse;

pub use condition::Condition;
pub use cost::Cost;
pub use fusion::{Fused, Fusion, FusionOperand, Lie};
pub use node::{NodeView, OperandView};
pub use profile::{Evidence, EvidenceKind, Kind, OpEntry, Profile, ProfileError, Support};
pub use target::{Lowered, Step, StepOperand, Target, Weight};
pub use verdict::Verdict;
