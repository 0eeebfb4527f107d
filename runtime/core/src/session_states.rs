//! What a session does with the states that it is lent.

use core::cmp::Reverse;
use core::ops::Range;

use crate::carve::{Piece, Use};
use crate::error::{Code, Error};
use crate::session::Session;
use crate::states::States;

impl Session<'_> {
    /// Requires the states of the program's artifact where the program has any.
    pub(crate) fn require_states(&self, states: Option<&States<'_>>) -> Result<(), Error> {
        let missing = Error::new(Code::StatesMissing);
        match states {
            Some(states) if !states.are_of(self.program.artifact) => {
                Err(missing.because("the states belong to another artifact"))
            }
            None if !self.program.states().is_empty() => Err(missing),
            _ => Ok(()),
        }
    }

    /// Requires that states are what sizes say, and that there is room for what a run leaves.
    pub(crate) fn check_states(&self, states: &States<'_>, otherwise: Code) -> Result<(), Error> {
        let sizes = self.sizes.reads.iter().zip(&self.sizes.writes);
        for (used, (read, write)) in self.program.states().iter().zip(sizes) {
            let state = used.state as usize;
            if used.read.is_some() {
                states.require_dims(state, &read.dims, otherwise)?;
            }
            if used.write.is_some() {
                states.require_room(state, &write.dims)?;
            }
            if self.appends(used) {
                let axis = self.program.artifact.states().get(state).and_then(|state| state.append_axis());
                let grows = |(index, (before, after)): (usize, (&usize, &usize))| {
                    if Some(index) == axis { before <= after } else { before == after }
                };
                if !read.dims.iter().zip(&*write.dims).enumerate().all(grows) {
                    return Err(Error::at(Code::StateMismatch, used.state).because("it cannot grow so"));
                }
            }
        }
        Ok(())
    }

    /// The bytes of a state that a step writes: all of it, or behind what was there.
    pub(crate) fn written(&self, used: usize) -> Range<usize> {
        let bytes = |shapes: &[crate::executor::Shape]| shapes.get(used).map_or(0, |shape| shape.bytes);
        let start = match self.program.states().get(used) {
            Some(used) if self.appends(used) => bytes(&self.sizes.reads),
            _ => 0,
        };
        start..bytes(&self.sizes.writes).max(start)
    }

    /// Finds where the tensors of all steps that lie in states lie now.
    pub(crate) fn place_states(&mut self, states: &States<'_>) {
        for index in 0..self.state_tensors.len() {
            let Some(tensor) = self.state_tensors.get(index).copied() else { continue };
            let Some(used) = self.program.states().get(tensor.used) else { continue };
            let range = match (tensor.role, tensor.next) {
                (Use::Result(_), _) => self.written(tensor.used),
                (_, true) => 0..self.sizes.writes.get(tensor.used).map_or(0, |shape| shape.bytes),
                (_, false) => 0..self.sizes.reads.get(tensor.used).map_or(0, |shape| shape.bytes),
            };
            let start = states.start(used.state as usize, tensor.next);
            if let Some(piece) = self.state_pieces.get_mut(index) {
                *piece = Piece { start: start + range.start, len: range.len(), role: tensor.role };
            }
        }
        for step in &self.steps {
            let pieces = self.state_pieces.get_mut(step.states.clone()).unwrap_or(&mut []);
            pieces.sort_unstable_by_key(|piece| (piece.start, Reverse(piece.len), piece.role));
        }
    }

    fn appends(&self, used: &m4c_format::StateUse) -> bool {
        self.program.artifact.states().get(used.state as usize).is_some_and(|state| used.appends(state))
    }
}
