//! How far an output may be from another engine's: as far as the worst operator and the coarsest type on its way allow.

use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::numerics::coarser;
use m4c_ops::{DType, Numerics};
use std::collections::BTreeMap;

/// The worst numerics class on the way to each value, and the coarsest type that real numbers were rounded to.
pub(super) fn classes(graph: &Graph) -> BTreeMap<ValueId, (Numerics, DType)> {
    let mut classes: BTreeMap<ValueId, (Numerics, DType)> = BTreeMap::new();
    for value in graph.order() {
        let (own, dtype) = match &graph.node(value).kind {
            NodeKind::Apply { op, .. } => {
                let dtype = graph.fact(value).dtype;
                (if dtype.is_float() { op.numerics } else { Numerics::Exact }, dtype)
            }
            NodeKind::Input(_) | NodeKind::Constant(_) | NodeKind::Scan(_) | NodeKind::Result(_) => {
                (Numerics::Exact, DType::F32)
            }
        };
        let operands: Vec<ValueId> = graph.operands(value).into_iter().flatten().collect();
        let before = operands.iter().filter_map(|operand| classes.get(operand).copied());
        let (class, coarsest) = before.fold((own, DType::F32), |(class, dtype), (other_class, other_dtype)| {
            (class.max(other_class), coarser(dtype, other_dtype))
        });
        // What is not exact may fall on the other side of a limit between two integers.
        let rounds = dtype.is_float()
            || class > Numerics::Exact && operands.iter().any(|&operand| graph.fact(operand).dtype.is_float());
        classes.insert(value, (class, if rounds { coarser(coarsest, dtype) } else { coarsest }));
    }
    classes
}
