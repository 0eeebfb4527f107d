//! Running a program of an artifact, once or again and again.

use crate::aligned::Aligned;
use crate::array::Array;
use crate::artifact::failure;
use crate::inputs::dtype_of;
use crate::size::describe_symbol;
use crate::targets;
use m4c_compiler::diagnostic::Diagnostic;
use m4c_ir::memory::{self, Taken};
use m4c_runtime::{
    Arena, Bounds, Code, Error, Observer, Port, Program, RunOptions, Session, SingleThread, StateBounds, States,
    ThreadPool, Threads,
};
use std::time::{Duration, Instant};

/// The number of threads to use where none is given.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A program with memory and inputs. Its states are made for given bounds, and set and read like inputs and outputs.
pub(crate) struct Execution<'a> {
    program: Program<'a>,
    inputs: &'a [Array],
    outputs: Vec<Array>,
    pool: Option<ThreadPool>,
    session: Session<'a>,
    states: States<'a>,
    /// What session and states take.
    _taken: Taken,
}

impl<'a> Execution<'a> {
    /// Takes the memory and binds the sizes of the inputs.
    pub(crate) fn new(
        program: Program<'a>,
        inputs: &'a [Array],
        bounds: &Bounds,
        state_bounds: &StateBounds<'_>,
        threads: usize,
    ) -> Result<Execution<'a>, Diagnostic> {
        let fail = |error: Error| explain(&error, &program, inputs);
        let pool = if threads > 1 { Some(ThreadPool::new(threads).map_err(fail)?) } else { None };
        let needs = program.memory(bounds, &targets::executors(), threads).map_err(fail)?;
        let of_states = States::memory(program.artifact(), state_bounds).map_err(fail)?;
        let bytes = needs.arena.saturating_add(needs.session).saturating_add(of_states);
        let taken = memory::take(bytes as u64)?;
        let session = Session::new(program, bounds, &targets::executors(), threads, Arena::Owned).map_err(fail)?;
        let states = States::new(program.artifact(), state_bounds, Arena::Owned).map_err(fail)?;
        let mut execution = Execution { program, inputs, outputs: Vec::new(), pool, session, states, _taken: taken };
        execution.begin().map_err(fail)?;
        for (index, port) in program.outputs().iter().enumerate() {
            let shape = execution.session.output_most(index).map_err(fail)?;
            let bytes = execution.session.output_bytes(index).map_err(fail)?;
            execution.outputs.push(zeroed(port, shape, bytes).map_err(fail)?);
        }
        Ok(execution)
    }

    /// Runs from the states that were given, and says how long the run alone took.
    pub(crate) fn run(&mut self, observer: Option<&dyn Observer>) -> Result<Duration, Diagnostic> {
        self.begin().map_err(|error| explain(&error, &self.program, self.inputs))?;
        let given: Vec<&[u8]> = self.split().0.iter().map(|array| array.bytes.bytes()).collect();
        let mut wanted: Vec<&mut [u8]> = self.outputs.iter_mut().map(|array| array.bytes.bytes_mut()).collect();
        let threads: &dyn Threads = self.pool.as_ref().map_or(&SingleThread, |pool| pool);
        let options = RunOptions { threads, cancel: None, observer };
        let start = Instant::now();
        let outcome = self.session.run_with(&given, &mut wanted, &mut self.states, &options);
        let elapsed = start.elapsed();
        outcome.map_err(|error| explain(&error, &self.program, self.inputs))?;
        Ok(elapsed)
    }

    /// The session, for what it knows of the last run.
    pub(crate) fn session(&self) -> &Session<'a> {
        &self.session
    }

    /// What the last run gave, in the order of the model's outputs as [`ports`](crate::ports) has them.
    pub(crate) fn outputs(mut self) -> Result<Vec<Array>, Diagnostic> {
        let fail = |error: Error| explain(&error, &self.program, self.inputs);
        for (index, array) in self.outputs.iter_mut().enumerate() {
            let shape = self.session.output_dims(index).map_err(fail)?;
            if array.shape != shape {
                let elements: usize = shape.iter().product();
                let bytes = self.program.outputs().get(index).and_then(|port| port.dtype.byte_len(elements as u64));
                let cut = bytes.and_then(|bytes| array.bytes.bytes().get(..bytes as usize)).map(Aligned::copy_of);
                (array.shape, array.bytes) = (shape.to_vec(), cut.ok_or_else(|| fail(Error::new(Code::Internal)))?);
            }
        }
        for used in self.program.states() {
            if let Some(port) = &used.write {
                let state = used.state as usize;
                let dims = self.states.dims(state).unwrap_or(&[]);
                let mut array = zeroed(port, dims, self.states.bytes(state)).map_err(fail)?;
                self.states.get(state, array.bytes.bytes_mut()).map_err(fail)?;
                self.outputs.push(array);
            }
        }
        Ok(self.outputs)
    }

    /// Sets the states that the program reads and binds all sizes.
    fn begin(&mut self) -> Result<(), Error> {
        let (plain, set) = self.split();
        for (used, array) in self.program.states().iter().filter(|used| used.read.is_some()).zip(set) {
            self.states.set(used.state as usize, &array.shape, array.bytes.bytes())?;
        }
        let shapes: Vec<&[usize]> = plain.iter().map(|array| &*array.shape).collect();
        self.session.bind_with(&shapes, &self.states)
    }

    /// What the program takes, and what its states are set to.
    fn split(&self) -> (&'a [Array], &'a [Array]) {
        self.inputs.split_at_checked(self.program.inputs().len()).unwrap_or((self.inputs, &[]))
    }
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
