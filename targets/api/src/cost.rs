//! What steps cost: a roofline of arithmetic and memory, and a fixed price for each step.

use crate::node::NodeView;
use m4c_ops::{Dim, Fact};
use serde::Deserialize;

/// Figures of a usual device of a kind, to compare forms of one value by.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Arithmetic operations in a second.
    pub flops_per_second: f64,
    /// Bytes read or written in a second.
    pub bytes_per_second: f64,
    /// What a step costs by being there, in seconds.
    pub step_seconds: f64,
    /// What it costs to pass a value between the target and its host; nothing where both have the same memory.
    #[serde(default)]
    pub transfer: Option<Transfer>,
}

/// What it costs to pass a value.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Bytes that are passed in a second.
    pub bytes_per_second: f64,
    /// What it costs to pass anything, in seconds.
    pub seconds: f64,
}

impl Cost {
    /// Whether all figures are above 0.
    pub fn is_positive(&self) -> bool {
        let passing = self.transfer.map(|transfer| [transfer.bytes_per_second, transfer.seconds]);
        let own = [self.flops_per_second, self.bytes_per_second, self.step_seconds];
        own.iter().chain(passing.iter().flatten()).all(|figure| *figure > 0.0)
    }

    /// What it costs to pass a value between the target and its host, in seconds.
    pub fn pass(&self, fact: &Fact, size: &dyn Fn(&Dim) -> f64) -> f64 {
        let bytes = size(&fact.elements()) * fact.dtype.bits() as f64 / 8.0;
        self.transfer.map_or(0.0, |transfer| transfer.seconds + bytes / transfer.bytes_per_second)
    }

    /// What a step costs that computes a node: the larger of its arithmetic and its memory, in seconds.
    pub fn step(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        let operands: Vec<Option<&Fact>> = node.operands.iter().map(|one| one.map(|one| one.fact)).collect();
        let flops = size(&node.op.work(&operands, node.attrs, node.result));
        let bytes = |fact: &Fact| size(&fact.elements()) * fact.dtype.bits() as f64 / 8.0;
        let moved: f64 = operands.iter().flatten().map(|fact| bytes(fact)).sum::<f64>() + bytes(node.result);
        (flops / self.flops_per_second).max(moved / self.bytes_per_second) + self.step_seconds
    }
}
