//! Attention by one kernel, which reads queries, keys and values where they lie.

use m4c_ops::Dim;
use m4c_target::{Lie, Lowered, NodeView, Step, StepOperand};

/// Place of the parameter that says how the axes of the result are ordered.
const ORDER: usize = 10;
/// Orders of `[batch, heads, queries, depth]` with their numbers.
const ORDERS: &[([i64; 4], i64)] = &[([0, 2, 1, 3], 1), ([2, 0, 1, 3], 2)];

pub(crate) fn attention(node: &NodeView<'_>) -> Result<Lowered, String> {
    let shape = |index: usize| node.operand(index).map_or(&[][..], |operand| &operand.fact.shape[..]);
    let step = step(node, [0, 1, 2].map(|index| Lie::row_major(shape(index))));
    step.map(Lowered::Step).ok_or_else(|| format!("no kernel computes {node}"))
}

/// The same of operands that lie in other values.
pub(crate) fn strided(node: &NodeView<'_>, lies: &[Option<Lie>]) -> Option<Step> {
    let [Some(q), Some(k), Some(v), rest @ ..] = lies else { return None };
    // The others are read as they are, so they must lie so.
    let others = (3..).zip(rest).all(|(index, lie)| match (lie, node.operand(index)) {
        (Some(lie), Some(operand)) => *lie == Lie::row_major(&operand.fact.shape),
        _ => true,
    });
    let beside = |lie: &Lie, axis: usize| lie.steps.get(axis).is_some_and(|step| step.is(1) || step.is(0));
    // Each row of q, and rows or columns of the others, must lie element by element.
    let read = beside(q, 3) && [k, v].iter().all(|lie| beside(lie, 3) || beside(lie, 2));
    (others && read).then(|| step(node, [q.clone(), k.clone(), v.clone()]))?
}

fn step(node: &NodeView<'_>, lies: [Lie; 3]) -> Option<Step> {
    let [q, k, v] = [node.operand(0)?.fact, node.operand(1)?.fact, node.operand(2)?.fact];
    let ([batch, heads, queries, width], [_, shared, keys, _], [.., depth]) = (&*q.shape, &*k.shape, &*v.shape) else {
        return None;
    };
    let sizes = [batch, heads, shared, queries, keys, width, depth];
    let (causal, before) = match node.attrs.get_dims("causal") {
        [before] => (1, before.clone()),
        _ => (0, Dim::from(0)),
    };
    let mut params: Vec<Dim> = sizes.into_iter().cloned().collect();
    let guarded = i64::from(node.attrs.get_flag("guarded"));
    params.extend([Dim::from(causal), before, Dim::from(guarded), Dim::from(0)]);
    for Lie { first, steps } in lies {
        params.push(first);
        params.extend(steps);
    }
    Some(Step { kernel: "attention_f32".into(), operands: (0..6).map(StepOperand::Plain).collect(), params })
}

/// The step that leaves its result with its axes in another order.
pub(crate) fn ordered(step: &Step, order: &[Dim]) -> Option<Step> {
    let first = step.params.get(ORDER)?.is(0);
    let (_, number) = ORDERS.iter().find(|(known, _)| order.iter().zip(known).all(|(axis, known)| axis.is(*known)))?;
    let mut step = step.clone();
    *step.params.get_mut(ORDER)? = Dim::from(*number);
    (first && order.len() == 4).then_some(step)
}
