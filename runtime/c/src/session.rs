//! Sessions: made, bound, run, canceled and destroyed.

use std::ffi::{c_char, c_void};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use m4c_runtime::{
    Arena, Bounds, Code, Error, Executor, MemoryNeeds, Program, RunOptions, Session, States, ThreadPool,
};

use crate::artifact::Opened;
use crate::failure::{ErrorOut, Failure, borrow, guarded, list, list_mut, store, text};
use crate::states::{StatesHandle, with_states};
use crate::threads::{CallerThreads, RunJobs, Workers};

static EXECUTORS: &[&dyn Executor] = &[&m4c_exec_cpu::CPU];
const MAX_RANK: usize = 8;

/// `m4c_bound` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct BoundIn {
    pub(crate) symbol: *const c_char,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// `m4c_session_options` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct OptionsIn {
    bounds: *const BoundIn,
    bound_count: usize,
    threads: usize,
    arena: *mut u8,
    arena_size: usize,
    run_jobs: Option<RunJobs>,
    run_jobs_context: *mut c_void,
    states: *const StatesHandle,
}

const DEFAULTS: OptionsIn = OptionsIn {
    bounds: std::ptr::null(),
    bound_count: 0,
    threads: 1,
    arena: std::ptr::null_mut(),
    arena_size: 0,
    run_jobs: None,
    run_jobs_context: std::ptr::null_mut(),
    states: std::ptr::null(),
};

/// `m4c_memory_needs` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct NeedsOut {
    arena: usize,
    alignment: usize,
    session: usize,
}

/// `m4c_shape` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct ShapeOut {
    rank: u32,
    dims: [usize; MAX_RANK],
    bytes: usize,
}

impl ShapeOut {
    pub(crate) fn new(sizes: &[usize], bytes: usize) -> ShapeOut {
        let mut dims = [0; MAX_RANK];
        dims.iter_mut().zip(sizes).for_each(|(slot, &size)| *slot = size);
        ShapeOut { rank: sizes.len() as u32, dims, bytes }
    }
}

/// `m4c_input` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct InputIn {
    data: *const u8,
    length: usize,
}

/// `m4c_output` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct OutputIn {
    data: *mut u8,
    length: usize,
}

/// `m4c_session` of the header. `cancel` stands apart so that another thread can reach it during a run.
pub struct SessionHandle {
    cancel: AtomicBool,
    inner: Mutex<Inner>,
}

/// The session is dropped before the artifact that it borrows from because it stands first.
struct Inner {
    session: Session<'static>,
    workers: Workers,
    shapes: Vec<NotedShape>,
    /// Recycled lists, so that binding and running allocate nothing.
    dims: Vec<&'static [usize]>,
    inputs: Vec<&'static [u8]>,
    outputs: Vec<&'static mut [u8]>,
    _opened: Arc<Opened>,
}

#[derive(Clone, Copy, Default)]
struct NotedShape {
    rank: usize,
    dims: [usize; MAX_RANK],
}

impl Deref for NotedShape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

/// Reads the bounds that C gave.
///
/// # Safety
/// The options are as the header asks.
unsafe fn bounds(program: &Program<'_>, options: &OptionsIn) -> Result<Bounds, Failure> {
    let mut bounds = Bounds::of(program);
    // SAFETY: the caller's promise.
    for bound in unsafe { list(options.bounds, options.bound_count, "bounds")? } {
        // SAFETY: the caller's promise.
        let name = unsafe { text(bound.symbol, "the name of a bound")? };
        let named = |error| Failure::in_program(error, program);
        if bound.low == -1 {
            bounds.at_most(program, name, bound.high).map_err(named)?;
        } else {
            bounds.between(program, name, bound.low, bound.high).map_err(named)?;
        }
    }
    if !options.states.is_null() {
        // SAFETY: the caller's promise.
        unsafe {
            with_states(options.states, |states| {
                bounds.within(program, states).map_err(|error| Failure::in_program(error, program))?;
                Ok(())
            })?;
        }
    }
    Ok(bounds)
}

/// `m4c_memory` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_memory(
    artifact: *const Opened,
    program: usize,
    options: *const OptionsIn,
    needs: *mut NeedsOut,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        guarded(error, || {
            let program = borrow(artifact, "artifact")?.program(program)?;
            let options = options.as_ref().unwrap_or(&DEFAULTS);
            let bounds = bounds(&program, options)?;
            let MemoryNeeds { arena, alignment, session } = program
                .memory(&bounds, EXECUTORS, options.threads)
                .map_err(|error| Failure::in_program(error, &program))?;
            store(needs, NeedsOut { arena, alignment, session }, "needs")
        })
    }
}

/// `m4c_session_create` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_session_create(
    artifact: *const Opened,
    program: usize,
    options: *const OptionsIn,
    session: *mut *mut SessionHandle,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks, and `artifact` came from `Arc::into_raw`.
    unsafe {
        guarded(error, || {
            store(session, std::ptr::null_mut(), "session")?;
            borrow(artifact, "artifact")?;
            Arc::increment_strong_count(artifact);
            let opened = Arc::from_raw(artifact);
            let inner = create(opened, program, options.as_ref().unwrap_or(&DEFAULTS))?;
            let handle = SessionHandle { cancel: AtomicBool::new(false), inner: Mutex::new(inner) };
            store(session, Box::into_raw(Box::new(handle)), "session")
        })
    }
}

/// # Safety
/// The options are as the header asks.
unsafe fn create(opened: Arc<Opened>, program: usize, options: &OptionsIn) -> Result<Inner, Failure> {
    // SAFETY: the `Arc` beside the session keeps what this refers to alive and in place.
    let forever: &'static Opened = unsafe { &*Arc::as_ptr(&opened) };
    let program = forever.program(program)?;
    // SAFETY: the caller's promise.
    let bounds = unsafe { bounds(&program, options)? };
    let arena = if options.arena.is_null() {
        Arena::Owned
    } else {
        // SAFETY: the header asks that the arena stays, unused by others, until the session is destroyed.
        Arena::Borrowed(unsafe { list_mut(options.arena, options.arena_size, "arena")? })
    };
    let threads = options.threads.max(1);
    let session = Session::new(program, &bounds, EXECUTORS, threads, arena)
        .map_err(|error| Failure::in_program(error, &program))?;
    let workers = match options.run_jobs {
        Some(run) => Workers::Caller(CallerThreads { run, context: options.run_jobs_context, count: threads }),
        None => Workers::Pool(ThreadPool::new(threads)?),
    };
    Ok(Inner {
        session,
        workers,
        shapes: vec![NotedShape::default(); program.inputs().len()],
        dims: Vec::with_capacity(program.inputs().len()),
        inputs: Vec::with_capacity(program.inputs().len()),
        outputs: Vec::with_capacity(program.outputs().len()),
        _opened: opened,
    })
}

/// `m4c_session_destroy` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_session_destroy(session: *mut SessionHandle) {
    if !session.is_null() {
        // SAFETY: the pointer came from `m4c_session_create`, and the caller gives it back once.
        drop(unsafe { Box::from_raw(session) });
    }
}

/// Runs `work` with the inside of a session.
///
/// # Safety
/// `error` and `session` are as the header asks.
unsafe fn with_session(
    session: *const SessionHandle,
    error: *mut ErrorOut,
    work: impl FnOnce(&mut Inner, &AtomicBool) -> Result<(), Failure>,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        guarded(error, || {
            let handle = borrow(session, "session")?;
            let mut inner: MutexGuard<'_, Inner> = match handle.inner.try_lock() {
                Ok(inner) => inner,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Err(Failure::argument("the session is in use")),
            };
            work(&mut inner, &handle.cancel)
        })
    }
}

/// `m4c_set_input_shape` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_set_input_shape(
    session: *mut SessionHandle,
    input: usize,
    dims: *const usize,
    rank: usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        with_session(session, error, |inner, _| {
            let noted = inner.shapes.get_mut(input).ok_or(Error::new(Code::WrongInputCount))?;
            let slots = noted.dims.get_mut(..rank).ok_or(Error::at(Code::WrongRank, input as u32))?;
            slots.copy_from_slice(list(dims, rank, "dims")?);
            noted.rank = rank;
            Ok(())
        })
    }
}

/// `m4c_bind` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_bind(session: *mut SessionHandle, error: *mut ErrorOut) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { with_session(session, error, |inner, _| inner.bind(None)) }
}

/// `m4c_bind_with` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_bind_with(
    session: *mut SessionHandle,
    states: *const StatesHandle,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe { with_session(session, error, |inner, _| with_states(states, |states| inner.bind(Some(states)))) }
}

/// `m4c_output_shape` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_output_shape(
    session: *mut SessionHandle,
    output: usize,
    shape: *mut ShapeOut,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        with_session(session, error, |inner, _| {
            let sizes = inner.session.output_dims(output).or_else(|_| inner.session.output_most(output))?;
            let bytes = inner.session.output_bytes(output)?;
            store(shape, ShapeOut::new(sizes, bytes), "shape")
        })
    }
}

/// `m4c_run` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_run(
    session: *mut SessionHandle,
    inputs: *const InputIn,
    input_count: usize,
    outputs: *const OutputIn,
    output_count: usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        with_session(session, error, |inner, cancel| {
            inner.run(list(inputs, input_count, "inputs")?, list(outputs, output_count, "outputs")?, None, cancel)
        })
    }
}

/// `m4c_run_with` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_run_with(
    session: *mut SessionHandle,
    states: *mut StatesHandle,
    inputs: *const InputIn,
    input_count: usize,
    outputs: *const OutputIn,
    output_count: usize,
    error: *mut ErrorOut,
) -> u32 {
    // SAFETY: the pointers are as the header asks.
    unsafe {
        with_session(session, error, |inner, cancel| {
            let (inputs, outputs) = (list(inputs, input_count, "inputs")?, list(outputs, output_count, "outputs")?);
            with_states(states, |states| inner.run(inputs, outputs, Some(states), cancel))
        })
    }
}

impl Inner {
    fn bind(&mut self, states: Option<&States<'_>>) -> Result<(), Failure> {
        let mut dims: Vec<&[usize]> = std::mem::take(&mut self.dims);
        dims.extend(self.shapes.iter().map(|shape| &**shape));
        let outcome = match states {
            Some(states) => self.session.bind_with(&dims, states),
            None => self.session.bind(&dims),
        };
        let outcome = outcome.map_err(|error| Failure::in_binding(error, &self.session.program(), &dims));
        // Collecting in place keeps the allocation.
        dims.clear();
        self.dims = dims.into_iter().map(|_| -> &'static [usize] { &[] }).collect();
        outcome
    }

    /// Runs over the caller's buffers.
    ///
    /// # Safety
    /// The buffers are as the header asks.
    unsafe fn run(
        &mut self,
        inputs: &[InputIn],
        outputs: &[OutputIn],
        states: Option<&mut States<'_>>,
        cancel: &AtomicBool,
    ) -> Result<(), Failure> {
        let program = self.session.program();
        if inputs.len() != program.inputs().len() || outputs.len() != program.outputs().len() {
            return Err(Error::new(Code::WrongInputCount).into());
        }
        // SAFETY: the caller's promise.
        let outcome = unsafe { self.run_listed(inputs, outputs, states, cancel) };
        // The lists would outlive the caller's buffers.
        self.inputs.clear();
        self.outputs.clear();
        outcome
    }

    /// Fills the recycled lists and runs. The caller empties them.
    ///
    /// # Safety
    /// The buffers are as the header asks.
    unsafe fn run_listed(
        &mut self,
        inputs: &[InputIn],
        outputs: &[OutputIn],
        states: Option<&mut States<'_>>,
        cancel: &AtomicBool,
    ) -> Result<(), Failure> {
        for input in inputs {
            // SAFETY: the caller's promise; the list is emptied before the buffers go.
            self.inputs.push(unsafe { list(input.data, input.length, "an input")? });
        }
        for output in outputs {
            // SAFETY: as above.
            self.outputs.push(unsafe { list_mut(output.data, output.length, "an output")? });
        }
        let options = RunOptions { threads: self.workers.threads(), cancel: Some(cancel), observer: None };
        let outcome = match states {
            Some(states) => self.session.run_with(&self.inputs, &mut self.outputs, states, &options),
            None => self.session.run(&self.inputs, &mut self.outputs, &options),
        };
        outcome.map_err(|error| {
            if error.code == Code::Cancelled {
                cancel.store(false, Ordering::Relaxed);
            }
            Failure::in_program(error, &self.session.program())
        })
    }
}

/// `m4c_cancel` of the header.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn m4c_cancel(session: *const SessionHandle) {
    // SAFETY: the pointer is as the header asks, and only the flag beside the session is touched.
    if let Some(handle) = unsafe { session.as_ref() } {
        handle.cancel.store(true, Ordering::Relaxed);
    }
}
