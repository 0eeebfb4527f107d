//! Which values of a graph are known when compiling, and which of them are worth their bytes.

use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::{Attrs, Binding, Fact};
use std::collections::BTreeSet;

/// Values of no more bytes than this are stored whatever they are made of.
const SMALL: usize = 16384;

/// Whether an application of known values has a known result: no size in it depends on the inputs.
pub(crate) fn is_fixed(attrs: &Attrs, result: &Fact) -> bool {
    attrs.bind(&Binding::new()).is_some() && result.sizes().is_some()
}

/// The constants, and what is computed of nothing else.
pub(crate) fn known(graph: &Graph) -> BTreeSet<ValueId> {
    let mut known = BTreeSet::new();
    for value in graph.order() {
        let fixed = match &graph.node(value).kind {
            NodeKind::Input(_) | NodeKind::Scan(_) | NodeKind::Result(_) => false,
            NodeKind::Constant(_) => true,
            NodeKind::Apply { attrs, .. } => {
                let operands = graph.operands(value);
                operands.iter().flatten().all(|operand| known.contains(operand)) && is_fixed(attrs, graph.fact(value))
            }
        };
        if fixed {
            known.insert(value);
        }
    }
    known
}

/// Whether a known value has more than twice the bytes of the constants that it is computed of: then the program computes
/// it, and the artifact stays small. Half precision widened once is worth its bytes: the program would widen it every run.
pub(crate) fn expands(graph: &Graph, value: ValueId) -> bool {
    let mut leaves = 0usize;
    for node in recipe(graph, value) {
        if let NodeKind::Constant(_) = graph.node(node).kind {
            leaves = leaves.saturating_add(bytes(graph.fact(node)));
        }
    }
    bytes(graph.fact(value)) > leaves.saturating_mul(2).max(SMALL)
}

/// The values that a value is computed of and itself, each after its operands.
pub(crate) fn recipe(graph: &Graph, value: ValueId) -> Vec<ValueId> {
    let (mut done, mut order) = (BTreeSet::new(), Vec::new());
    // A node is on the stack twice: to put its operands above it, and to follow them.
    let mut stack = vec![(value, false)];
    while let Some((node, operands_done)) = stack.pop() {
        if operands_done {
            order.push(node);
        } else if done.insert(node) {
            stack.push((node, true));
            stack.extend(graph.operands(node).into_iter().rev().flatten().map(|operand| (operand, false)));
        }
    }
    order
}

fn bytes(fact: &Fact) -> usize {
    let elements = fact.sizes().map(|sizes| sizes.into_iter().fold(1, usize::saturating_mul));
    elements.and_then(|elements| fact.dtype.bytes(elements)).unwrap_or(usize::MAX)
}
