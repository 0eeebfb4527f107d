//! The states that programs share, as an artifact describes them.

use super::program::dtype;
use crate::plan::Plan;
use crate::states::{Axis, State, StateKind};
use m4c_format::description;

/// All states of these plans, each once, in the order of their first use.
pub(super) fn shared(plans: &[Plan]) -> Vec<&State> {
    let mut shared: Vec<&State> = Vec::new();
    for planned in plans.iter().flat_map(|plan| &plan.states) {
        if shared.iter().all(|state| state.name != planned.state.name) {
            shared.push(&planned.state);
        }
    }
    shared
}

/// A state as the artifact describes it.
pub(super) fn describe(state: &State) -> description::State {
    let kind = match state.kind {
        StateKind::Append(_) => description::StateKind::Append,
        StateKind::Write => description::StateKind::Write,
        StateKind::Carry => description::StateKind::Carry,
    };
    let axes = state.axes.iter().map(|axis| match axis {
        Axis::Fixed(size) => description::Axis { name: String::new(), size: *size },
        Axis::Bounded { name, most } => description::Axis { name: name.clone(), size: most.unwrap_or(i64::MAX) },
    });
    description::State {
        name: state.name.clone(),
        kind,
        dtype: dtype(state.dtype),
        axes: axes.collect(),
        axis: state.append_axis().map_or(0, |axis| axis as u32),
    }
}
