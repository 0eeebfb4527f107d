//! Runs the steps of a bound session over the caller's inputs and outputs.

use core::mem::take;
use core::sync::atomic::{AtomicBool, Ordering};

use m4c_format::Place;
use m4c_format::program::StepRow;

use crate::arena::is_aligned;
use crate::carve::Slices;
use crate::error::{Code, Error};
use crate::executor::{Kernel, Shape, SingleThread, StepData, StepShape, Threads};
use crate::session::Session;
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
        for (index, (bytes, shape)) in outputs.iter().zip(&self.sizes.outputs).enumerate() {
            check_buffer(bytes, shape, index, "output")?;
        }
        if let Some(states) = states.as_deref_mut() {
            self.check_states(states, Code::StateChanged)?;
            self.place_states(states);
            self.program.states().iter().for_each(|used| states.begin(used));
        }
        let threads = Limited { inner: options.threads, most: self.threads };
        for index in 0..self.steps.len() {
            if options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
                return Err(Error::new(Code::Cancelled));
            }
            let Some(step) = self.program.tables.steps().get(index) else { return Err(Error::new(Code::Internal)) };
            if let Some(observer) = options.observer {
                observer.before_step(index, step.node);
            }
            let bytes = states.as_deref_mut().map_or(&mut [][..], States::memory_mut);
            self.run_step(index, step, inputs, outputs, bytes, &threads)?;
            if let Some(observer) = options.observer {
                observer.after_step(index, step.node);
            }
        }
        if let Some(states) = states {
            for (used, after) in self.program.states().iter().zip(&self.sizes.writes) {
                if used.write.is_some() {
                    states.commit(used, after.dims);
                }
            }
        }
        Ok(())
    }

    fn run_step(
        &mut self,
        index: usize,
        step: &StepRow,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
        states: &mut [u8],
        threads: &dyn Threads,
    ) -> Result<(), Error> {
        // By subtyping the list of static slices becomes one of shorter ones, and goes back empty.
        let mut slices: Slices<'_> = take(&mut self.slices);
        let shape = self.sizes.step(step);
        slices.reset(shape.operands.len(), shape.results.len());
        let pieces = self.steps.get(index);
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
                slices.trim_operand(position, shape.map_or(0, |shape| shape.bytes))?;
            }
            for (position, shape) in shape.results.iter().enumerate() {
                slices.trim_result(position, shape.bytes)?;
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
                call(*kernel, &shape, data, threads)
            }
            None => Err(Code::Internal),
        };
        self.slices = slices.recycle();
        outcome.map_err(|code| Error::at(code, step.node))
    }
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
