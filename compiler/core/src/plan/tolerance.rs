//! How far an output may be from another engine's: as far as the worst operator on its way allows.

use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::Numerics;
use std::collections::BTreeMap;

/// The worst numerics class on the way to each value.
pub(super) fn classes(graph: &Graph) -> BTreeMap<ValueId, Numerics> {
    let mut classes: BTreeMap<ValueId, Numerics> = BTreeMap::new();
    for value in graph.order() {
        let own = match &graph.node(value).kind {
            NodeKind::Apply { op, .. } => op.numerics,
            NodeKind::Input(_) | NodeKind::Constant(_) => Numerics::Exact,
        };
        let operands = graph.operands(value).into_iter().flatten();
        let class = operands.filter_map(|operand| classes.get(&operand).copied()).fold(own, Numerics::max);
        classes.insert(value, class);
    }
    classes
}
