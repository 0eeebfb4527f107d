//! Sessions: made, bound, run, canceled and destroyed.

use std::ffi::{c_char, c_void};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use m4c_runtime::{Arena, Bounds, Code, Error, Executor, MemoryNeeds, Program, RunOptions, Session, ThreadPool};

use crate::artifact::Opened;
use crate::failure::{ErrorOut, Failure, borrow, guarded, list, list_mut, store, text};
use crate::threads::{CallerThreads, RunJobs, Workers};

static EXECUTORS: &[&dyn Executor] = &[&m4c_exec_cpu::CPU];
const MAX_RANK: usize = 8;

/// `m4c_bound` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct BoundIn {
    symbol: *const c_char,
    low: i64,
    high: i64,
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
}

const DEFAULTS: OptionsIn = OptionsIn {
    bounds: std::ptr::null(),
    bound_count: 0,
    threads: 1,
    arena: std::ptr::null_mut(),
    arena_size: 0,
    run_jobs: None,
    run_jobs_context: std::ptr::null_mut(),
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
    unsafe {
        with_session(session, error, |inner, _| {
            let mut dims: Vec<&[usize]> = std::mem::take(&mut inner.dims);
            dims.extend(inner.shapes.iter().map(|shape| &**shape));
            let outcome = inner.session.bind(&dims);
            // Collecting in place keeps the allocation.
            dims.clear();
            inner.dims = dims.into_iter().map(|_| -> &'static [usize] { &[] }).collect();
            outcome.map_err(|error| Failure::in_program(error, &inner.session.program()))
        })
    }
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
            let mut dims = [0; MAX_RANK];
            dims.iter_mut().zip(sizes).for_each(|(slot, &size)| *slot = size);
            let bytes = inner.session.output_bytes(output)?;
            store(shape, ShapeOut { rank: sizes.len() as u32, dims, bytes }, "shape")
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
            let program = inner.session.program();
            if input_count != program.inputs().len() || output_count != program.outputs().len() {
                return Err(Error::new(Code::WrongInputCount).into());
            }
            let outcome =
                inner.run(list(inputs, input_count, "inputs")?, list(outputs, output_count, "outputs")?, cancel);
            // The lists would outlive the caller's buffers.
            inner.inputs.clear();
            inner.outputs.clear();
            outcome
        })
    }
}

impl Inner {
    /// Fills the recycled lists and runs. The caller empties them.
    ///
    /// # Safety
    /// The buffers are as the header asks.
    unsafe fn run(&mut self, inputs: &[InputIn], outputs: &[OutputIn], cancel: &AtomicBool) -> Result<(), Failure> {
        for input in inputs {
            // SAFETY: the caller's promise; the list is emptied before the buffers go.
            self.inputs.push(unsafe { list(input.data, input.length, "an input")? });
        }
        for output in outputs {
            // SAFETY: as above.
            self.outputs.push(unsafe { list_mut(output.data, output.length, "an output")? });
        }
        let options = RunOptions { threads: self.workers.threads(), cancel: Some(cancel), observer: None };
        self.session.run(&self.inputs, &mut self.outputs, &options).map_err(|error| {
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
