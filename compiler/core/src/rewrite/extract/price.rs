//! What forms cost: for a target what it takes them for, or nothing in particular.

use crate::rewrite::Saturated;
use crate::rewrite::language::{Head, Node, known, viewed};
use egg::Id;
use m4c_ir::Graph;
use m4c_ops::{Binding, Dim};
use m4c_target::{NodeView, Target};

/// A symbol without an upper limit is taken to be this.
const USUAL_SIZE: i64 = 64;
/// What a form costs beyond all others that its target does not take: seconds.
pub(super) const NOT_TAKEN: f64 = 1e3;
/// What known values cost: seconds for each byte, since they only take room.
const STORED: f64 = 1e-15;
/// What every form costs, so that none comes for nothing.
const LEAST: f64 = 1e-10;

/// What forms cost.
pub trait Prices {
    /// Seconds.
    fn price(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64;
}

/// The fewest operators, of these those with the least work: forms for people, and for a target that is not known.
pub struct Smallest;

impl Prices for Smallest {
    fn price(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        let operands: Vec<_> = node.operands.iter().map(|operand| operand.map(|operand| operand.fact)).collect();
        let work = size(&node.op.work(&operands, node.attrs, node.result));
        let moved = size(&node.result.elements());
        // What only regroups sizes is nothing that anybody computes.
        let counts = if *node.op == m4c_ops::primitive::reshape::OP { 1e-8 } else { 1e-6 };
        counts + (work + moved) * 1e-14
    }
}

/// What a target takes, for what it costs there.
pub struct Targeted<'t>(pub &'t dyn Target);

impl Prices for Targeted<'_> {
    fn price(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        if self.0.supports(node).is_yes() { self.0.cost(node, size) } else { NOT_TAKEN }
    }
}

impl Saturated {
    /// What a node costs.
    pub(in crate::rewrite) fn price(&self, class: Id, node: &Node, prices: &dyn Prices) -> f64 {
        let forms = &self.loaded.forms;
        let (Head::Apply(_), Some(own)) = (node.head, known(forms, class)) else { return 0.0 };
        let binding = &self.sizes;
        let size = |dim: &Dim| dim.eval(binding).map_or(USUAL_SIZE as f64, |size| size as f64);
        if forms.analysis.op(node.head) == Some(&m4c_ops::structural::bind::OP) {
            return LEAST;
        }
        if own.constant {
            return LEAST + size(&own.fact.elements()) * STORED;
        }
        viewed(forms, class, node, |view| LEAST + prices.price(view, &size)).unwrap_or(NOT_TAKEN)
    }
}

/// Usual sizes of the symbols of a graph.
pub(in crate::rewrite) fn usual_sizes(graph: &Graph) -> Binding {
    let usual = |range: &m4c_ir::Range| {
        let high = range.high.unwrap_or(i64::MAX);
        let steps = (USUAL_SIZE.clamp(range.low, high.max(range.low)) - range.low) / range.step.max(1);
        range.low + steps * range.step.max(1)
    };
    graph.ranges.iter().map(|(name, range)| (name.clone(), usual(range))).collect()
}
