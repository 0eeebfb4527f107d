//! One run of a program of an artifact.

use crate::aligned::Aligned;
use crate::array::Array;
use crate::artifact::failure;
use crate::inputs::dtype_of;
use crate::size::describe_symbol;
use crate::targets;
use m4c_compiler::diagnostic::Diagnostic;
use m4c_runtime::{
    Arena, Bounds, Code, Error, Observer, Program, RunOptions, Session, SingleThread, ThreadPool, Threads,
};
use std::time::{Duration, Instant};

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In the order of the program's outputs.
    pub(crate) outputs: Vec<Array>,
    /// Time of the run alone.
    pub(crate) elapsed: Duration,
}

/// The number of threads to use where none is given.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs a program once.
pub(crate) fn execute(
    program: Program<'_>,
    inputs: &[Array],
    bounds: &Bounds,
    threads: usize,
    observer: Option<&dyn Observer>,
) -> Result<Outcome, Diagnostic> {
    let fail = |error: Error| explain(&error, &program, inputs);
    let pool = if threads > 1 { Some(ThreadPool::new(threads).map_err(fail)?) } else { None };
    let threads_of: &dyn Threads = pool.as_ref().map_or(&SingleThread, |pool| pool);
    let mut session = Session::new(program, bounds, &targets::executors(), threads, Arena::Owned).map_err(fail)?;
    let shapes: Vec<&[usize]> = inputs.iter().map(|array| &*array.shape).collect();
    session.bind(&shapes).map_err(fail)?;

    let mut outputs = Vec::new();
    for (index, port) in program.outputs().iter().enumerate() {
        let bytes = Aligned::try_zeroed(session.output_bytes(index).map_err(fail)?);
        outputs.push(Array {
            dtype: dtype_of(port),
            shape: session.output_most(index).map_err(fail)?.to_vec(),
            bytes: bytes.ok_or_else(|| fail(Error::new(Code::TooLarge)))?,
        });
    }
    let given: Vec<&[u8]> = inputs.iter().map(|array| array.bytes.bytes()).collect();
    let mut wanted: Vec<&mut [u8]> = outputs.iter_mut().map(|array| array.bytes.bytes_mut()).collect();
    let options = RunOptions { threads: threads_of, cancel: None, observer };
    let start = Instant::now();
    session.run(&given, &mut wanted, &options).map_err(fail)?;
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
    Ok(Outcome { outputs, elapsed })
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
