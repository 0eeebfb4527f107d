//! What forms cost: for a target what it takes them for, or nothing in particular.

use crate::rewrite::Saturated;
use crate::rewrite::language::{Head, Node, known, viewed};
use egg::Id;
use m4c_ir::Graph;
use m4c_ops::{Binding, Dim, Fact};
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

    /// On how many targets forms may be computed. The first is the host, which has inputs and outputs.
    fn targets(&self) -> usize {
        1
    }

    /// Seconds on one of the targets.
    fn price_on(&self, _target: usize, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        self.price(node, size)
    }

    /// Seconds to pass a value from one target to another.
    fn pass(&self, _from: usize, _to: usize, _fact: &Fact, _size: &dyn Fn(&Dim) -> f64) -> f64 {
        0.0
    }
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

/// What any of several targets takes, for what it costs there and to pass values between them. The first is the host, which
/// takes everything.
pub(in crate::rewrite) struct Placed<'t>(pub(in crate::rewrite) &'t [&'t dyn Target]);

impl Prices for Placed<'_> {
    fn price(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        self.price_on(0, node, size)
    }

    fn targets(&self) -> usize {
        self.0.len()
    }

    fn price_on(&self, target: usize, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        self.0.get(target).map_or(NOT_TAKEN, |target| Targeted(*target).price(node, size))
    }

    fn pass(&self, from: usize, to: usize, fact: &Fact, size: &dyn Fn(&Dim) -> f64) -> f64 {
        let ends = [from, to].into_iter().filter_map(|target| self.0.get(target));
        ends.map(|target| target.profile().cost.pass(fact, size)).sum()
    }
}

impl Saturated {
    /// What it costs to pass a value from one target to another.
    pub(super) fn pass(&self, class: Id, (from, to): (usize, usize), prices: &dyn Prices) -> f64 {
        let size = |dim: &Dim| self.usual(dim);
        known(&self.loaded.forms, class).map_or(NOT_TAKEN, |known| prices.pass(from, to, &known.fact, &size))
    }

    fn usual(&self, dim: &Dim) -> f64 {
        dim.eval(&self.sizes).map_or(USUAL_SIZE as f64, |size| size as f64)
    }

    /// What a node costs on the host.
    pub(in crate::rewrite) fn price(&self, class: Id, node: &Node, prices: &dyn Prices) -> f64 {
        self.price_on(0, class, node, prices)
    }

    /// What a node costs on a target.
    pub(super) fn price_on(&self, target: usize, class: Id, node: &Node, prices: &dyn Prices) -> f64 {
        let forms = &self.loaded.forms;
        let (Head::Apply(_), Some(own)) = (node.head, known(forms, class)) else { return 0.0 };
        let size = |dim: &Dim| self.usual(dim);
        if forms.analysis.op(node.head) == Some(&m4c_ops::structural::bind::OP) {
            return LEAST;
        }
        if own.constant {
            return LEAST + size(&own.fact.elements()) * STORED;
        }
        viewed(forms, class, node, |view| LEAST + prices.price_on(target, view, &size)).unwrap_or(NOT_TAKEN)
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
