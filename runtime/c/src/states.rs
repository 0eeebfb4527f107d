//! States: made, filled, read, lent to runs and destroyed.

use std::ffi::c_char;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use m4c_runtime::{Arena, Code, Error, Program, StateBounds, States};

use crate::artifact::{Opened, Text};
use crate::failure::{ErrorOut, Failure, borrow, guarded, list, list_mut, store, text};
use crate::session::{BoundIn, ShapeOut};

/// `m4c_states` of the header.
pub struct StatesHandle {
    inner: Mutex<Inner>,
}

/// The states are dropped before the artifact that they borrow from because they stand first.
struct Inner {
    states: States<'static>,
    opened: Arc<Opened>,
}

/// Reads the bounds that C gave.
///
/// # Safety
/// They are as the header asks.
unsafe fn bounds<'o>(opened: &'o Opened, given: *const BoundIn, count: usize) -> Result<StateBounds<'o>, Failure> {
    let mut bounds = StateBounds::new();
    // SAFETY: the caller's promise.
    for bound in unsafe { list(given, count, "bounds")? } {
        // SAFETY: the caller's promise.
        let name = unsafe { text(bound.symbol, "the name of a bound")? };
        bounds.at_most(opened.artifact(), name, bound.high).map_err(|error| of_artifact(error, opened))?;
    }
    Ok(bounds)
}

/// A failure with the name of the state that it is at.
fn of_artifact(error: Error, opened: &Opened) -> Failure {
    match Program::nth(opened.artifact(), 0) {
        Ok(program) => Failure::in_program(error, &program),
        Err(_) => error.into(),
    }
}

/// `m4c_state_count` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_state_count(artifact: *const Opened) -> usize {
    // SAFETY: the pointer is as the header asks.
    unsafe { artifact.as_ref() }.map_or(0, |opened| opened.artifact().states().len())
}

/// `m4c_state_name` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_state_name(
    artifact: *const Opened,
    state: usize,
    name: *mut Text,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let state = borrow(artifact, "artifact")?.artifact().states().get(state);
            store(name, state.ok_or(Error::new(Code::WrongName))?.name.as_str().into(), "name")
        })
    }
}

/// `m4c_find_state` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_find_state(
    artifact: *const Opened,
    program: usize,
    name: *const c_char,
    state: *mut usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let (program, name) = (borrow(artifact, "artifact")?.program(program)?, text(name, "name")?);
            let named = || program.artifact().states().iter().position(|state| state.name == name);
            let index = program.state(name).ok().or_else(named);
            store(state, index.ok_or(Error::new(Code::WrongName))?, "state")
        })
    }
}

/// `m4c_states_memory` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_states_memory(
    artifact: *const Opened,
    bound_list: *const BoundIn,
    bound_count: usize,
    bytes: *mut usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let opened = borrow(artifact, "artifact")?;
            let bounds = bounds(opened, bound_list, bound_count)?;
            let needed = States::memory(opened.artifact(), &bounds).map_err(|error| of_artifact(error, opened))?;
            store(bytes, needed, "bytes")
        })
    }
}

/// `m4c_states_create` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_states_create(
    artifact: *const Opened,
    bound_list: *const BoundIn,
    bound_count: usize,
    memory: *mut u8,
    memory_size: usize,
    states: *mut *mut StatesHandle,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks, and `artifact` came from `Arc::into_raw`.
    unsafe {
        guarded(error, || {
            store(states, std::ptr::null_mut(), "states")?;
            borrow(artifact, "artifact")?;
            Arc::increment_strong_count(artifact);
            let opened = Arc::from_raw(artifact);
            // The `Arc` beside the states keeps what this refers to alive and in place.
            let forever: &'static Opened = &*Arc::as_ptr(&opened);
            let bounds = bounds(forever, bound_list, bound_count)?;
            let memory = match memory.is_null() {
                true => Arena::Owned,
                // The header asks that the memory stays, unused by others, until the states are destroyed.
                false => Arena::Borrowed(list_mut(memory, memory_size, "memory")?),
            };
            let made = States::new(forever.artifact(), &bounds, memory).map_err(|error| of_artifact(error, forever))?;
            let inner = Mutex::new(Inner { states: made, opened });
            store(states, Box::into_raw(Box::new(StatesHandle { inner })), "states")
        })
    }
}

/// `m4c_states_destroy` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_states_destroy(states: *mut StatesHandle) {
    if !states.is_null() {
        // SAFETY: the pointer came from `m4c_states_create`, and the caller gives it back once.
        drop(unsafe { Box::from_raw(states) });
    }
}

fn locked(handle: &StatesHandle) -> Result<MutexGuard<'_, Inner>, Failure> {
    match handle.inner.try_lock() {
        Ok(inner) => Ok(inner),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => Err(Failure::argument("the states are in use")),
    }
}

/// Runs `work` with states that C gave.
///
/// # Safety
/// `states` is as the header asks.
pub(crate) unsafe fn with_states<T>(
    states: *const StatesHandle,
    work: impl FnOnce(&mut States<'static>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    // SAFETY: the caller's promise.
    work(&mut locked(unsafe { borrow(states, "states")? })?.states)
}

/// Runs `work` with states, and names the state that a failure is at.
///
/// # Safety
/// The pointers are as the header asks.
unsafe fn change(
    states: *const StatesHandle,
    error: *mut ErrorOut,
    work: impl FnOnce(&mut States<'static>) -> Result<(), Failure>,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        guarded(error, || {
            let mut inner = locked(borrow(states, "states")?)?;
            let opened = inner.opened.clone();
            work(&mut inner.states).map_err(|failure| failure.named(|error| of_artifact(error, &opened)))
        })
    }
}

/// `m4c_state_shape` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_state_shape(
    states: *const StatesHandle,
    state: usize,
    shape: *mut ShapeOut,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        change(states, error, |states| {
            states.most(state).ok_or(Error::new(Code::WrongName))?;
            let sizes = states.dims(state).ok_or(Error::at(Code::StateEmpty, state as u32))?;
            store(shape, ShapeOut::new(sizes, states.bytes(state)), "shape")
        })
    }
}

/// `m4c_set_state` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_set_state(
    states: *mut StatesHandle,
    state: usize,
    dims: *const usize,
    rank: usize,
    data: *const u8,
    length: usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        change(states, error, |states| Ok(states.set(state, list(dims, rank, "dims")?, list(data, length, "data")?)?))
    }
}

/// `m4c_get_state` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_get_state(
    states: *const StatesHandle,
    state: usize,
    data: *mut u8,
    length: usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { change(states, error, |states| Ok(states.get(state, list_mut(data, length, "data")?)?)) }
}

/// `m4c_reset_states` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_reset_states(states: *mut StatesHandle, error: *mut ErrorOut) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        change(states, error, |states| {
            states.reset();
            Ok(())
        })
    }
}

/// `m4c_truncate_states` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_truncate_states(
    states: *mut StatesHandle,
    axis: *const c_char,
    rows: usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { change(states, error, |states| Ok(states.truncate(text(axis, "axis")?, rows)?)) }
}

/// `m4c_copy_states` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_copy_states(
    to: *mut StatesHandle,
    from: *const StatesHandle,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { change(to, error, |to| with_states(from, |from| Ok(to.copy_from(from)?))) }
}
