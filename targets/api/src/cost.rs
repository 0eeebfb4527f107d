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
}

impl Cost {
    /// Whether all figures are above 0.
    pub fn is_positive(&self) -> bool {
        [self.flops_per_second, self.bytes_per_second, self.step_seconds].iter().all(|figure| *figure > 0.0)
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
