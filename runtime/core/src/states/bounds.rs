//! The sizes states are made for: an upper bound for every axis that has no fixed size.

use alloc::vec::Vec;

use m4c_format::{Artifact, State};

use crate::error::{Code, Error};
use crate::executor::Dims;

/// Upper bounds by the names of axes, at first those that the model declares.
///
/// An axis that rows are added along bears the name of the states' group, as in `kv`: its bound is their capacity. Other
/// axes bear the name of the size in the program that reads the state, as in `batch`.
#[derive(Clone, Debug, Default)]
pub struct StateBounds<'a> {
    given: Vec<(&'a str, i64)>,
}

impl<'a> StateBounds<'a> {
    /// What the model declares.
    pub fn new() -> StateBounds<'a> {
        StateBounds::default()
    }

    /// Sets the largest size of all axes of this name.
    ///
    /// # Errors
    /// [`Code::WrongName`] where no state has such an axis, [`Code::StateBoundOutOfRange`] for a negative size and for
    /// one above the largest that the model allows.
    pub fn at_most(
        &mut self,
        artifact: &'a Artifact<'_>,
        axis: &str,
        high: i64,
    ) -> Result<&mut StateBounds<'a>, Error> {
        let mut name = None;
        for (index, state) in artifact.states().iter().enumerate() {
            for found in state.axes.iter().filter(|found| !found.name.is_empty() && found.name == axis) {
                name = Some(&*found.name);
                if high < 0 || high > found.size {
                    return Err(Error::at(Code::StateBoundOutOfRange, index as u32));
                }
            }
        }
        let name = name.ok_or(Error::new(Code::WrongName))?;
        self.given.retain(|(known, _)| *known != name);
        self.given.push((name, high));
        Ok(self)
    }

    /// The largest sizes of a state.
    pub(super) fn most(&self, state: &State, index: usize) -> Result<Dims, Error> {
        let mut most = [0usize; crate::executor::MAX_RANK];
        for (slot, axis) in most.iter_mut().zip(&state.axes) {
            let given = self.given.iter().find(|(name, _)| *name == axis.name && !axis.name.is_empty());
            let high = given.map_or(axis.size, |(_, high)| *high);
            if high == i64::MAX {
                return Err(Error::at(Code::UnboundedState, index as u32));
            }
            *slot = usize::try_from(high).map_err(|_| Error::at(Code::TooLarge, index as u32))?;
        }
        most.get(..state.axes.len()).and_then(Dims::new).ok_or(Error::at(Code::TooLarge, index as u32))
    }
}
