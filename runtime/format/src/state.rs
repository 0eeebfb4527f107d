//! States: what outlives runs, and what programs do with it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::MAX_RANK;
use crate::description::{Axis, DType, StateKind};
use crate::error::Error;
use crate::program::{Port, Program};
use crate::validate::{require, unique};

/// A tensor that outlives runs.
#[derive(Clone, Debug)]
pub struct State {
    /// Its name, unique in its artifact.
    pub name: String,
    /// How programs change it.
    pub kind: StateKind,
    /// Type of the elements.
    pub dtype: DType,
    /// Its axes, in the order in which callers see them.
    pub axes: Vec<Axis>,
    /// The axis along which rows are added; 0 where none are.
    pub axis: u32,
}

/// What a program does with a state.
#[derive(Clone, Debug)]
pub struct StateUse {
    /// Index of the state in its artifact.
    pub state: u32,
    /// The input that the state replaced.
    pub read: Option<Port>,
    /// The output that the state replaced.
    pub write: Option<Port>,
}

impl State {
    /// The axis along which rows are added.
    pub fn append_axis(&self) -> Option<usize> {
        (self.kind == StateKind::Append).then_some(self.axis as usize)
    }
}

impl StateUse {
    /// Whether the program reads the state and leaves it longer.
    pub fn appends(&self, state: &State) -> bool {
        state.kind == StateKind::Append && self.read.is_some() && self.write.is_some()
    }
}

/// States are tensors of whole bytes with names of their own.
pub(crate) fn check_states(states: &[State]) -> Result<(), Error> {
    for state in states {
        require(state.axes.len() <= MAX_RANK, "a state has too many axes")?;
        require(state.dtype.bits() >= 8, "the elements of a state are no whole bytes")?;
        require(state.axes.iter().all(|axis| axis.size >= 0), "a state has a negative size")?;
        let append = state.append_axis();
        require(append.is_none_or(|axis| axis < state.axes.len()), "a state grows along an axis that it lacks")?;
        let grows = append.is_none_or(|axis| state.axes.get(axis).is_some_and(|axis| !axis.name.is_empty()));
        require(grows, "a state grows along an axis of fixed size")?;
    }
    unique(states.iter().map(|state| &*state.name), "two states have the same name")
}

/// A program uses each state once, as one of its kind can be used.
pub(crate) fn check_uses(program: &Program, states: &[State]) -> Result<(), Error> {
    let mut seen = alloc::vec![false; states.len()];
    for used in &program.states {
        let state = states.get(used.state as usize).ok_or(Error::malformed("a program names no state"))?;
        let again = seen.get_mut(used.state as usize).map(|seen| core::mem::replace(seen, true));
        require(again == Some(false), "a program names a state twice")?;
        require(used.read.is_some() || used.write.is_some(), "a program neither reads nor writes its state")?;
        for port in [&used.read, &used.write].into_iter().flatten() {
            let fits = port.dtype == state.dtype && port.dims.len() == state.axes.len();
            require(fits, "a program takes a state for another tensor")?;
        }
        let both = used.read.is_some() && used.write.is_some();
        require(!both || state.kind != StateKind::Write, "a program overwrites a state that it reads")?;
    }
    Ok(())
}
