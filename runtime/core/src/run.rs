//! Runs the steps of a bound session over the caller's inputs and outputs.

use core::mem::take;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};

use m4c_format::Place;
use m4c_format::program::{StepRow, Tensor};

use crate::arena::is_aligned;
use crate::carve::Slices;
use crate::error::{Code, Error};
use crate::executor::{Kernel, Shape, SingleThread, StepData, StepShape, Threads};
use crate::program::Program;
use crate::session::Session;
use crate::sizes::Sizes;
use crate::states::States;

/// Sees every step, for profiling.
pub trait Observer {
    /// Called before step `step`, which errors name as `node`.
    fn before_step(&self, step: usize, node: u32);

    /// Called after a step that succeeded.
    fn after_step(&self, step: usize, node: u32);
}

/// How to run.
#[derive(Clone, Copy)]
pub struct RunOptions<'r> {
    /// Where kernels run their jobs; no more threads are used than the session was made for.
    pub threads: &'r dyn Threads,
    /// Set by another thread to stop before the next step.
    pub cancel: Option<&'r AtomicBool>,
    /// Told of every step.
    pub observer: Option<&'r dyn Observer>,
}

impl Default for RunOptions<'_> {
    fn default() -> Self {
        RunOptions { threads: &SingleThread, cancel: None, observer: None }
    }
}

impl Session<'_> {
    /// Computes all outputs. Buffers must be at least as long as their tensors and aligned for their types; what lies
    /// behind the tensor is left alone. After an error the outputs hold anything, and the session can run again.
    ///
    /// # Errors
    /// [`Code::NotBound`], the codes from 300 to 399 for the buffers, and the codes from 400 to 499.
    pub fn run(&mut self, inputs: &[&[u8]], outputs: &mut [&mut [u8]], options: &RunOptions<'_>) -> Result<(), Error> {
        self.run_on(inputs, outputs, None, options)
    }

    /// Computes all outputs and changes the states, whose sizes must be those that were bound. A run that fails leaves
    /// states that it adds to or carries as they were; those that it writes without reading them are then empty.
    ///
    /// # Errors
    /// Those of [`Session::run`], and [`Code::StateChanged`] where the states are not as they were bound.
    pub fn run_with(
        &mut self,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        states: &mut States<'_>,
        options: &RunOptions<'_>,
    ) -> Result<(), Error> {
        self.run_on(inputs, outputs, Some(states), options)
    }

    fn run_on(
        &mut self,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        mut states: Option<&mut States<'_>>,
        options: &RunOptions<'_>,
    ) -> Result<(), Error> {
        if !self.bound {
            return Err(Error::new(Code::NotBound));
        }
        self.require_states(states.as_deref())?;
        if inputs.len() != self.sizes.inputs.len() || outputs.len() != self.sizes.outputs.len() {
            return Err(Error::new(Code::WrongInputCount));
        }
        for (index, (bytes, shape)) in inputs.iter().zip(&self.sizes.inputs).enumerate() {
            check_buffer(bytes, shape, index, "input")?;
        }
        for (index, (bytes, shape)) in outputs.iter().zip(&self.largest).enumerate() {
            check_buffer(bytes, shape, index, "output")?;
        }
        if let Some(states) = states.as_deref_mut() {
            self.check_states(states, Code::StateChanged)?;
            self.place_states(states);
            self.program.states().iter().for_each(|used| states.begin(used));
        }
        let threads = Limited { inner: options.threads, most: self.threads };
        self.reached = 0;
        let memory = states.as_deref_mut().map_or(&mut [][..], States::memory_mut);
        let mut io = Io { inputs, outputs: &mut *outputs, states: memory, threads: &threads, options };
        self.run_span(0..self.steps.len(), 0..self.program.tables.loops().len(), &mut io)?;
        self.bind_symbols(self.steps.len(), &io)?;
        if let Some(states) = states {
            for (used, after) in self.program.states().iter().zip(&self.sizes.writes) {
                if used.write.is_some() {
                    states.commit(used, after.dims);
                }
            }
        }
        Ok(())
    }

    /// Runs steps, and the loops among them; nests are shallow, which was checked.
    fn run_span(&mut self, steps: Range<usize>, loops: Range<usize>, io: &mut Io<'_, '_>) -> Result<(), Error> {
        let (mut index, mut number) = (steps.start, loops.start);
        while index < steps.end {
            self.bind_symbols(index, io)?;
            let tables = self.program.tables;
            let span = tables.loops().get(number).filter(|span| number < loops.end && span.first as usize == index);
            let Some(span) = span else {
                self.run_step(index, io)?;
                index += 1;
                continue;
            };
            let end = span.last as usize + 1;
            let inner = tables.loops().get(number + 1..loops.end).unwrap_or(&[]);
            let inner_end = number + 1 + inner.partition_point(|inner| (inner.first as usize) < end);
            for iteration in 0..self.sizes.trip(&self.program, number) {
                if let Some(slot) = self.iterations.get_mut(number) {
                    *slot = iteration;
                }
                self.run_span(index..end, number + 1..inner_end, io)?;
            }
            (index, number) = (end, inner_end);
        }
        Ok(())
    }

    /// Gives symbols the values that the data has for them before a step.
    fn bind_symbols(&mut self, before: usize, io: &Io<'_, '_>) -> Result<(), Error> {
        while let Some(bind) =
            self.program.tables.binds().get(self.reached).filter(|bind| bind.before as usize <= before)
        {
            let index = bind.from.index as usize;
            let bytes: &[u8] = match bind.from.place {
                Place::Input => io.inputs.get(index).copied().unwrap_or(&[]),
                Place::Output => io.outputs.get(index).map_or(&[], |bytes| bytes),
                Place::Constant => self.program.artifact.constant_bytes(bind.from.index),
                Place::Buffer => {
                    let start = self.buffers.get(index).map_or(0, |slot| slot.offset);
                    self.memory.bytes().get(start..).unwrap_or(&[])
                }
                Place::Absent | Place::State | Place::NextState => &[],
            };
            let value = bytes.first_chunk().ok_or(Error::at(Code::Internal, bind.node))?;
            let value = i64::from_le_bytes(*value);
            let symbol = bind.symbol as usize;
            let outside = Error::at(Code::DataOutOfBounds, bind.symbol);
            let (range, declared) = (self.ranges.get(symbol), self.program.tables.symbols().get(symbol));
            let (range, declared) = range.zip(declared).ok_or(Error::at(Code::Internal, bind.node))?;
            if value < range.low || value > range.high || (value - declared.low) % declared.step != 0 {
                return Err(outside);
            }
            if let Some(slot) = self.symbols.get_mut(symbol) {
                *slot = value;
            }
            self.reached += 1;
            self.reach(self.reached)?;
        }
        Ok(())
    }

    fn run_step(&mut self, index: usize, io: &mut Io<'_, '_>) -> Result<(), Error> {
        if io.options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(Error::new(Code::Cancelled));
        }
        let step = self.program.tables.steps().get(index).ok_or(Error::new(Code::Internal))?;
        if let Some(observer) = io.options.observer {
            observer.before_step(index, step.node);
        }
        self.call_step(index, step, io)?;
        if let Some(observer) = io.options.observer {
            observer.after_step(index, step.node);
        }
        Ok(())
    }

    fn call_step(&mut self, index: usize, step: &StepRow, io: &mut Io<'_, '_>) -> Result<(), Error> {
        let Io { inputs, outputs, states, threads, .. } = io;
        // By subtyping the list of static slices becomes one of shorter ones, and goes back empty.
        let mut slices: Slices<'_> = take(&mut self.slices);
        let shape = self.sizes.step(step);
        slices.reset(shape.operands.len(), shape.results.len());
        let pieces = self.steps.get(index);
        let (sizes, iterations) = (&self.sizes, &self.iterations);
        let program = &self.program;
        let start = |tensor: &Tensor, bytes| row_start(program, sizes, iterations, tensor, bytes);
        let carved = pieces.and_then(|pieces| {
            slices.carve_bytes(self.memory.bytes_mut(), self.arena_pieces.get(pieces.arena.clone())?)?;
            slices.carve_bytes(states, self.state_pieces.get(pieces.states.clone())?)?;
            slices.carve_outputs(outputs, self.output_pieces.get(pieces.outputs.clone())?)?;
            let operands = self.program.tables.operands().get(step.operands.clone())?;
            for (position, (tensor, shape)) in operands.iter().zip(shape.operands).enumerate() {
                let slot = slices.operands.get_mut(position)?;
                match tensor.place {
                    Place::Input => *slot = inputs.get(tensor.index as usize)?,
                    Place::Constant => *slot = self.program.artifact.constant_bytes(tensor.index),
                    Place::Absent | Place::Buffer | Place::Output | Place::State | Place::NextState => {}
                }
                let bytes = shape.map_or(0, |shape| shape.bytes);
                slices.trim_operand(position, start(tensor, bytes)?, bytes)?;
            }
            let results = self.program.tables.results().get(step.results.clone())?;
            for (position, (tensor, shape)) in results.iter().zip(shape.results).enumerate() {
                slices.trim_result(position, start(tensor, shape.bytes)?, shape.bytes)?;
            }
            slices.scratch = take(&mut slices.scratch).get_mut(..*self.scratch.get(index)?)?;
            self.kernels.get(index)
        });
        let outcome = match carved {
            Some(kernel) => {
                let data = StepData {
                    operands: &slices.operands,
                    results: &mut slices.results,
                    scratch: &mut *slices.scratch,
                };
                call(*kernel, &shape, data, *threads)
            }
            None => Err(Code::Internal),
        };
        self.slices = slices.recycle();
        outcome.map_err(|code| Error::at(code, step.node))
    }
}

/// The byte at which the row of a tensor starts that the running iteration selects.
fn row_start(
    program: &Program<'_>,
    sizes: &Sizes,
    iterations: &[usize],
    tensor: &Tensor,
    bytes: usize,
) -> Option<usize> {
    let Some(row) = tensor.row else { return Some(0) };
    let iteration = *iterations.get(row.number as usize)?;
    let position = if row.reversed {
        sizes.trip(program, row.number as usize).checked_sub(iteration)?.checked_sub(1)?
    } else {
        iteration
    };
    position.checked_mul(bytes)
}

/// What a run was given.
struct Io<'r, 'o> {
    inputs: &'r [&'r [u8]],
    outputs: &'r mut [&'o mut [u8]],
    states: &'r mut [u8],
    threads: &'r dyn Threads,
    options: &'r RunOptions<'r>,
}

#[cfg(feature = "std")]
fn call(kernel: &dyn Kernel, shape: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
    // A kernel that panics leaves unfinished bytes in the arena, which the next run overwrites before it reads them.
    let run = std::panic::AssertUnwindSafe(|| kernel.run(shape, data, threads));
    std::panic::catch_unwind(run).unwrap_or(Err(Code::KernelFailed))
}

#[cfg(not(feature = "std"))]
fn call(kernel: &dyn Kernel, shape: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
    kernel.run(shape, data, threads)
}

fn check_buffer(bytes: &[u8], shape: &Shape, index: usize, port: &'static str) -> Result<(), Error> {
    if bytes.len() < shape.bytes {
        return Err(Error::at(Code::BufferTooSmall, index as u32).because(port));
    }
    if shape.bytes > 0 && !is_aligned(bytes, shape.dtype.alignment()) {
        return Err(Error::at(Code::Misaligned, index as u32).because(port));
    }
    Ok(())
}

/// Working memory was sized for so many threads.
struct Limited<'r> {
    inner: &'r dyn Threads,
    most: usize,
}

impl Threads for Limited<'_> {
    fn count(&self) -> usize {
        self.inner.count().clamp(1, self.most)
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        self.inner.run(jobs, job);
    }
}
