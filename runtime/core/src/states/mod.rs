//! What outlives runs: the states of an artifact, shared by sessions of its programs.
//!
//! The caller makes [`States`] for upper bounds and lends them to [`Session::bind_with`](crate::Session::bind_with) and
//! [`Session::run_with`](crate::Session::run_with). Programs change them in place; their content goes in and out under
//! logical sizes, whatever the layout in memory is.

mod bounds;
mod layout;

pub use bounds::StateBounds;

use alloc::vec::Vec;

use m4c_format::{Artifact, State, StateKind, StateUse};

use crate::arena::{ALIGNMENT, Arena, Memory};
use crate::error::{Code, Error};
use crate::executor::Dims;
use layout::Layout;

/// The states of an artifact and their memory. At first all are empty.
#[derive(Debug)]
pub struct States<'a> {
    artifact: &'a Artifact<'a>,
    memory: Memory<'a>,
    slots: Vec<Slot>,
}

/// A state's part of the memory.
#[derive(Clone, Copy, Debug)]
struct Slot {
    offset: usize,
    /// Bytes of a copy at the bounds, rounded up to the alignment.
    room: usize,
    most: Dims,
    /// `None` while the state is empty.
    dims: Option<Dims>,
    /// Of a carried state: whether the second copy is the current one.
    flipped: bool,
}

impl<'a> States<'a> {
    /// The bytes that states for these bounds take, to be lent aligned to 64 or allocated by [`States::new`].
    ///
    /// # Errors
    /// [`Code::UnboundedState`], [`Code::TooLarge`].
    pub fn memory(artifact: &Artifact<'_>, bounds: &StateBounds<'_>) -> Result<usize, Error> {
        slots(artifact, bounds).map(|(_, bytes)| bytes)
    }

    /// Makes the states of an artifact for these bounds, all of them empty.
    ///
    /// # Errors
    /// [`Code::UnboundedState`], [`Code::TooLarge`], [`Code::ArenaTooSmall`], [`Code::Misaligned`].
    pub fn new(artifact: &'a Artifact<'a>, bounds: &StateBounds<'_>, memory: Arena<'a>) -> Result<States<'a>, Error> {
        let (slots, bytes) = slots(artifact, bounds)?;
        Ok(States { artifact, memory: Memory::new(memory, bytes)?, slots })
    }

    /// The artifact whose states these are.
    pub fn artifact(&self) -> &'a Artifact<'a> {
        self.artifact
    }

    /// The number of the state with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`].
    pub fn find(&self, name: &str) -> Result<usize, Error> {
        self.artifact.states().iter().position(|state| state.name == name).ok_or(Error::new(Code::WrongName))
    }

    /// The sizes of a state; `None` while it is empty and where there is no such state.
    pub fn dims(&self, state: usize) -> Option<&[usize]> {
        self.slots.get(state).and_then(|slot| slot.dims.as_deref())
    }

    /// The largest sizes of a state; `None` where there is no such state.
    pub fn most(&self, state: usize) -> Option<&[usize]> {
        self.slots.get(state).map(|slot| &*slot.most)
    }

    /// The bytes of a state's content, 0 while it is empty.
    pub fn bytes(&self, state: usize) -> usize {
        let table = self.artifact.states().get(state);
        let layout = table.zip(self.dims(state)).and_then(|(table, dims)| layout_of(table, dims));
        layout.map_or(0, |layout| layout.bytes())
    }

    /// Fills a state with row-major elements.
    ///
    /// # Errors
    /// [`Code::WrongName`] where there is no such state; [`Code::StateMismatch`], [`Code::StateFull`] for sizes that it
    /// cannot have; [`Code::BufferTooSmall`]. The state is then as it was.
    pub fn set(&mut self, state: usize, dims: &[usize], bytes: &[u8]) -> Result<(), Error> {
        let (table, slot) = self.state(state)?;
        let mismatch = Error::at(Code::StateMismatch, state as u32);
        if dims.len() != table.axes.len() {
            return Err(mismatch.because("it has another number of dimensions"));
        }
        for (axis, &size) in table.axes.iter().zip(dims) {
            if axis.name.is_empty() && usize::try_from(axis.size) != Ok(size) {
                return Err(mismatch);
            }
        }
        require_room(&slot, dims, state)?;
        let (new, layout) = Dims::new(dims).zip(layout_of(table, dims)).ok_or(mismatch)?;
        let plain = bytes.get(..layout.bytes());
        let plain = plain.ok_or(Error::at(Code::BufferTooSmall, state as u32).because("state"))?;
        layout.store(plain, self.content_mut(state, layout.bytes())?);
        self.set_dims(state, Some(new));
        Ok(())
    }

    /// Writes the row-major elements of a state to the beginning of `out`.
    ///
    /// # Errors
    /// [`Code::WrongName`] where there is no such state, [`Code::StateEmpty`], [`Code::BufferTooSmall`].
    pub fn get(&self, state: usize, out: &mut [u8]) -> Result<(), Error> {
        let (table, slot) = self.state(state)?;
        let dims = slot.dims.ok_or(Error::at(Code::StateEmpty, state as u32))?;
        let layout = layout_of(table, &dims).ok_or(Error::new(Code::Internal))?;
        let out = out.get_mut(..layout.bytes());
        let out = out.ok_or(Error::at(Code::BufferTooSmall, state as u32).because("state"))?;
        layout.load(self.content(state, layout.bytes())?, out);
        Ok(())
    }

    /// Empties all states.
    pub fn reset(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.dims = None);
    }

    /// Takes back what was added last: no state keeps more than `rows` rows along an axis of this name that rows are
    /// added along. Takes no time; states without rows are empty.
    ///
    /// # Errors
    /// [`Code::WrongName`] where rows are added along no axis of this name.
    pub fn truncate(&mut self, axis: &str, rows: usize) -> Result<(), Error> {
        let mut found = false;
        for (state, slot) in self.artifact.states().iter().zip(&mut self.slots) {
            let Some(index) = state.append_axis() else { continue };
            if state.axes.get(index).is_none_or(|found| found.name != axis) {
                continue;
            }
            found = true;
            if let Some(dims) = &mut slot.dims {
                let mut sizes = [0; crate::executor::MAX_RANK];
                let sizes = sizes.get_mut(..dims.len()).unwrap_or(&mut []);
                sizes.copy_from_slice(dims);
                if let Some(size) = sizes.get_mut(index) {
                    *size = rows.min(*size);
                }
                slot.dims = Dims::new(sizes).filter(|_| rows > 0);
            }
        }
        if found { Ok(()) } else { Err(Error::new(Code::WrongName)) }
    }

    /// Makes the content of all states that of others of the same artifact, whose bounds may be different.
    ///
    /// # Errors
    /// [`Code::StatesMissing`] where they belong to another artifact; [`Code::StateFull`] where one does not fit. The
    /// states are then as they were.
    pub fn copy_from(&mut self, other: &States<'_>) -> Result<(), Error> {
        if !self.are_of(other.artifact) {
            return Err(Error::new(Code::StatesMissing).because("the states belong to another artifact"));
        }
        for (index, (slot, from)) in self.slots.iter().zip(&other.slots).enumerate() {
            if let Some(dims) = &from.dims {
                require_room(slot, dims, index)?;
            }
        }
        for index in 0..self.slots.len() {
            let bytes = other.bytes(index);
            let dims = other.slots.get(index).and_then(|slot| slot.dims);
            self.content_mut(index, bytes)?.copy_from_slice(other.content(index, bytes)?);
            self.set_dims(index, dims);
        }
        Ok(())
    }

    /// Whether these are the states of this artifact.
    pub(crate) fn are_of(&self, artifact: &Artifact<'_>) -> bool {
        core::ptr::eq(self.artifact.bytes(), artifact.bytes())
    }

    /// The size of a state along an axis. A state that rows are added to has none of them while it is empty.
    pub(crate) fn size(&self, state: usize, axis: usize) -> Result<usize, Error> {
        let (table, slot) = self.state(state)?;
        match slot.dims {
            Some(dims) => dims.get(axis).copied().ok_or(Error::new(Code::Internal)),
            None if table.append_axis() == Some(axis) => Ok(0),
            None => Err(Error::at(Code::StateEmpty, state as u32)),
        }
    }

    /// Requires that a state has these sizes. One that rows are added to fits all that have no rows while it is empty.
    pub(crate) fn require_dims(&self, state: usize, expected: &[usize], otherwise: Code) -> Result<(), Error> {
        let (table, slot) = self.state(state)?;
        let same = match (slot.dims, table.append_axis()) {
            (Some(dims), _) => *dims == *expected,
            (None, Some(axis)) => expected.get(axis) == Some(&0),
            (None, None) => return Err(Error::at(Code::StateEmpty, state as u32)),
        };
        if same { Ok(()) } else { Err(Error::at(otherwise, state as u32)) }
    }

    /// Requires room for a state of these sizes.
    pub(crate) fn require_room(&self, state: usize, dims: &[usize]) -> Result<(), Error> {
        let (_, slot) = self.state(state)?;
        require_room(&slot, dims, state)
    }

    /// Where a state begins in the memory; `next` is where a run writes it anew.
    pub(crate) fn start(&self, state: usize, next: bool) -> usize {
        let carried = self.artifact.states().get(state).is_some_and(|state| state.kind == StateKind::Carry);
        self.slots.get(state).map_or(0, |slot| {
            let second = carried && (slot.flipped != next);
            slot.offset + if second { slot.room } else { 0 }
        })
    }

    /// A run begins: what it writes over is empty until it has succeeded.
    pub(crate) fn begin(&mut self, used: &StateUse) {
        let state = used.state as usize;
        let kind = self.artifact.states().get(state).map(|state| state.kind);
        if used.write.is_some() && used.read.is_none() && kind != Some(StateKind::Carry) {
            self.set_dims(state, None);
        }
    }

    /// A run that wrote the state has succeeded.
    pub(crate) fn commit(&mut self, used: &StateUse, dims: Dims) {
        let state = used.state as usize;
        self.set_dims(state, Some(dims));
        if let Some(slot) = self.slots.get_mut(state) {
            slot.flipped = !slot.flipped;
        }
    }

    pub(crate) fn memory_mut(&mut self) -> &mut [u8] {
        self.memory.bytes_mut()
    }

    fn state(&self, index: usize) -> Result<(&'a State, Slot), Error> {
        let table = self.artifact.states().get(index);
        let both = table.zip(self.slots.get(index).copied());
        both.ok_or(Error::new(Code::WrongName).because("there is no such state"))
    }

    fn set_dims(&mut self, state: usize, dims: Option<Dims>) {
        if let Some(slot) = self.slots.get_mut(state) {
            slot.dims = dims;
        }
    }

    fn range(&self, state: usize, bytes: usize) -> core::ops::Range<usize> {
        let start = self.start(state, false);
        start..start.saturating_add(bytes)
    }

    fn content(&self, state: usize, bytes: usize) -> Result<&[u8], Error> {
        self.memory.bytes().get(self.range(state, bytes)).ok_or(Error::new(Code::Internal))
    }

    fn content_mut(&mut self, state: usize, bytes: usize) -> Result<&mut [u8], Error> {
        let range = self.range(state, bytes);
        self.memory.bytes_mut().get_mut(range).ok_or(Error::new(Code::Internal))
    }
}

fn layout_of(state: &State, dims: &[usize]) -> Option<Layout> {
    Layout::new(dims, state.append_axis(), state.dtype.bits() as usize / 8)
}

fn require_room(slot: &Slot, dims: &[usize], state: usize) -> Result<(), Error> {
    let fits = dims.len() == slot.most.len() && dims.iter().zip(&*slot.most).all(|(size, most)| size <= most);
    if fits { Ok(()) } else { Err(Error::at(Code::StateFull, state as u32)) }
}

fn slots(artifact: &Artifact<'_>, bounds: &StateBounds<'_>) -> Result<(Vec<Slot>, usize), Error> {
    let mut slots = Vec::with_capacity(artifact.states().len());
    let mut end = 0usize;
    for (index, state) in artifact.states().iter().enumerate() {
        let too_large = Error::at(Code::TooLarge, index as u32).because("a state does not fit into memory");
        let most = bounds.most(state, index)?;
        let bytes = layout_of(state, &most).ok_or(too_large)?.bytes();
        let room = bytes.checked_next_multiple_of(ALIGNMENT).ok_or(too_large)?;
        slots.push(Slot { offset: end, room, most, dims: None, flipped: false });
        let copies = if state.kind == StateKind::Carry { 2 } else { 1 };
        end = room.checked_mul(copies).and_then(|room| end.checked_add(room)).ok_or(too_large)?;
    }
    Ok((slots, end))
}
