//! Rotary position embedding by one kernel, which reads rows and angles where they lie.

use m4c_ops::Dim;
use m4c_target::{Lie, Lowered, NodeView, Step, StepOperand};

pub(crate) fn rope(node: &NodeView<'_>) -> Result<Lowered, String> {
    let lie = |index: usize| node.operand(index).map(|operand| Lie::row_major(&operand.fact.shape));
    // The sizes of cos are those of sin, too: as many elements are all that it must have of its own.
    let step = step(node, &[lie(0), lie(1), lie(1)]);
    step.map(Lowered::Step).ok_or_else(|| format!("no kernel computes {node}"))
}

/// The same of operands that lie in other values, each element by element along its last axis.
pub(crate) fn strided(node: &NodeView<'_>, lies: &[Option<Lie>]) -> Option<Step> {
    let alike = node.operand(1)?.fact.shape == node.operand(2)?.fact.shape;
    alike.then(|| step(node, lies))?
}

fn step(node: &NodeView<'_>, lies: &[Option<Lie>]) -> Option<Step> {
    let interleaved = i64::from(node.attrs.get_flag("interleaved"));
    let pairs = node.operand(1)?.fact.shape.last()?.clone();
    let mut params = vec![Dim::from(interleaved), pairs];
    for lie in lies {
        let Lie { first, steps } = lie.clone()?;
        steps.last().filter(|step| step.is(1) || step.is(0))?;
        params.push(first);
        params.extend(steps);
    }
    Some(Step { kernel: "rope_f32".into(), operands: (0..3).map(StepOperand::Plain).collect(), params })
}
