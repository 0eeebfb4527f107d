//! One run of a program of an artifact.

use crate::aligned::Aligned;
use crate::array::Array;
use crate::artifact::failure;
use crate::inputs::dtype_of;
use crate::size::describe_symbol;
use crate::targets;
use m4c_compiler::diagnostic::Diagnostic;
use m4c_ir::memory;
use m4c_runtime::{
    Arena, Bounds, Code, Error, Observer, Port, Program, RunOptions, Session, SingleThread, StateBounds, States,
    ThreadPool, Threads,
};
use std::time::{Duration, Instant};

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In the order of the model's outputs as [`ports`](crate::ports) has them.
    pub(crate) outputs: Vec<Array>,
    /// Time of the run alone.
    pub(crate) elapsed: Duration,
}

/// The number of threads to use where none is given.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs a program once. Its states are made for `state_bounds`, and set and read like inputs and outputs.
pub(crate) fn execute(
    program: Program<'_>,
    inputs: &[Array],
    bounds: &Bounds,
    state_bounds: &StateBounds<'_>,
    threads: usize,
    observer: Option<&dyn Observer>,
) -> Result<Outcome, Diagnostic> {
    let fail = |error: Error| explain(&error, &program, inputs);
    let pool = if threads > 1 { Some(ThreadPool::new(threads).map_err(fail)?) } else { None };
    let threads_of: &dyn Threads = pool.as_ref().map_or(&SingleThread, |pool| pool);
    let needs = program.memory(bounds, &targets::executors(), threads).map_err(fail)?;
    let of_states = States::memory(program.artifact(), state_bounds).map_err(fail)?;
    let _taken = memory::take_elements(&[needs.arena.saturating_add(needs.session).saturating_add(of_states)], 1)?;
    let mut session = Session::new(program, bounds, &targets::executors(), threads, Arena::Owned).map_err(fail)?;
    let mut states = States::new(program.artifact(), state_bounds, Arena::Owned).map_err(fail)?;
    let (plain, set) = inputs.split_at_checked(program.inputs().len()).unwrap_or((inputs, &[]));
    for (used, array) in program.states().iter().filter(|used| used.read.is_some()).zip(set) {
        states.set(used.state as usize, &array.shape, array.bytes.bytes()).map_err(fail)?;
    }
    let shapes: Vec<&[usize]> = plain.iter().map(|array| &*array.shape).collect();
    session.bind_with(&shapes, &states).map_err(fail)?;

    let mut outputs = Vec::new();
    for (index, port) in program.outputs().iter().enumerate() {
        let (shape, bytes) = (session.output_most(index).map_err(fail)?, session.output_bytes(index).map_err(fail)?);
        outputs.push(zeroed(port, shape, bytes).map_err(fail)?);
    }
    let given: Vec<&[u8]> = plain.iter().map(|array| array.bytes.bytes()).collect();
    let mut wanted: Vec<&mut [u8]> = outputs.iter_mut().map(|array| array.bytes.bytes_mut()).collect();
    let options = RunOptions { threads: threads_of, cancel: None, observer };
    let start = Instant::now();
    session.run_with(&given, &mut wanted, &mut states, &options).map_err(fail)?;
    let elapsed = start.elapsed();
    for (index, array) in outputs.iter_mut().enumerate() {
        let shape = session.output_dims(index).map_err(fail)?;
        if array.shape != shape {
            let elements: usize = shape.iter().product();
            let bytes = program.outputs().get(index).and_then(|port| port.dtype.byte_len(elements as u64));
            let cut = bytes.and_then(|bytes| array.bytes.bytes().get(..bytes as usize)).map(Aligned::copy_of);
            (array.shape, array.bytes) = (shape.to_vec(), cut.ok_or_else(|| fail(Error::new(Code::Internal)))?);
        }
    }
    for used in program.states() {
        if let Some(port) = &used.write {
            let state = used.state as usize;
            let mut array = zeroed(port, states.dims(state).unwrap_or(&[]), states.bytes(state)).map_err(fail)?;
            states.get(state, array.bytes.bytes_mut()).map_err(fail)?;
            outputs.push(array);
        }
    }
    Ok(Outcome { outputs, elapsed })
}

fn zeroed(port: &Port, shape: &[usize], bytes: usize) -> Result<Array, Error> {
    let bytes = Aligned::try_zeroed(bytes).ok_or(Error::new(Code::TooLarge))?;
    Ok(Array { dtype: dtype_of(port), shape: shape.to_vec(), bytes })
}

/// The runtime's error together with what was found and what is allowed.
fn explain(error: &Error, program: &Program<'_>, inputs: &[Array]) -> Diagnostic {
    let diagnostic = failure(error, program);
    let index = error.at.map_or(usize::MAX, |at| at as usize);
    match error.code {
        Code::OutOfBounds | Code::BoundOutOfRange => match program.tables().symbols().get(index) {
            Some(symbol) => diagnostic.note(format!("the program takes {}", describe_symbol(symbol))),
            None => diagnostic,
        },
        Code::WrongRank | Code::DimMismatch => match (program.inputs().get(index), inputs.get(index)) {
            (Some(port), Some(array)) => diagnostic.note(format!("`{}` was given as {}", port.name, array.describe())),
            _ => diagnostic,
        },
        _ => diagnostic,
    }
}
