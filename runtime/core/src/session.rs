//! One instance of a program with its working memory, made for given bounds.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use m4c_format::expression::Interval;
use m4c_format::program::Tensor;
use m4c_format::{CONSTANT_ALIGNMENT, GuardKind, Place};

use crate::arena::{Arena, Memory, is_aligned};
use crate::bounds::Bounds;
use crate::carve::{Piece, Slices, Use};
use crate::error::{Code, Error};
use crate::executor::{Executor, Kernel, Shape, Work};
use crate::plan::{Plan, Slot};
use crate::program::Program;
use crate::sizes::Sizes;
use crate::solve::Solver;
use crate::states::States;

/// A program ready to be bound to sizes and run. One thread at a time uses it; sessions share nothing but the artifact.
pub struct Session<'a> {
    pub(crate) program: Program<'a>,
    pub(crate) threads: usize,
    pub(crate) memory: Memory<'a>,
    pub(crate) kernels: Vec<&'static dyn Kernel>,
    pub(crate) sizes: Sizes,
    pub(crate) bound: bool,
    pub(crate) steps: Vec<StepPieces>,
    pub(crate) arena_pieces: Vec<Piece>,
    pub(crate) output_pieces: Vec<Piece>,
    /// Where they lie is decided by each run.
    pub(crate) state_pieces: Vec<Piece>,
    pub(crate) state_tensors: Vec<StateTensor>,
    pub(crate) slices: Slices<'static>,
    /// Bytes of working memory that each step needs at the bound sizes.
    pub(crate) scratch: Vec<usize>,
    /// For each loop the number of the iteration that runs.
    pub(crate) iterations: Vec<usize>,
    /// How many binds the last run reached.
    pub(crate) reached: usize,
    /// The largest that each output can be at the bound sizes.
    pub(crate) largest: Vec<Shape>,
    pub(crate) ranges: Vec<Interval>,
    solver: Solver,
    pub(crate) symbols: Vec<i64>,
    solved: Vec<i64>,
    /// The ranges of symbols once sizes are bound.
    open: Vec<Interval>,
    pub(crate) buffers: Vec<Slot>,
    scratch_slots: Vec<Slot>,
}

/// Where the pieces of a step lie in the lists of its session.
#[derive(Clone, Debug)]
pub(crate) struct StepPieces {
    pub(crate) arena: Range<usize>,
    pub(crate) outputs: Range<usize>,
    pub(crate) states: Range<usize>,
}

/// An operand or result of a step that lies in a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateTensor {
    /// Which of the states of the program.
    pub(crate) used: usize,
    /// Whether it is the state as the run leaves it.
    pub(crate) next: bool,
    pub(crate) role: Use,
}

impl<'a> Session<'a> {
    /// Makes a session that later binds and runs without allocating. `executors` are searched by name; `threads` is the
    /// largest number of threads that a run will use.
    ///
    /// # Errors
    /// The codes from 200 to 299, and [`Code::Misaligned`] where the arena or the artifact's bytes are not aligned to 64.
    pub fn new(
        program: Program<'a>,
        bounds: &Bounds,
        executors: &[&'static dyn Executor],
        threads: usize,
        arena: Arena<'a>,
    ) -> Result<Session<'a>, Error> {
        let threads = threads.max(1);
        let uses_constants = program.tables.operands().iter().any(|operand| operand.place == Place::Constant);
        if uses_constants && !is_aligned(program.artifact.bytes(), CONSTANT_ALIGNMENT as usize) {
            return Err(Error::new(Code::Misaligned).because("the artifact"));
        }
        let Plan { ranges, kernels, buffers, scratch: scratch_slots, arena: bytes } =
            Plan::new(&program, bounds, executors, threads)?;
        let solver = Solver::new(&program, &ranges)?;
        let steps = program.tables.steps();
        let longest = |length: fn(&m4c_format::program::StepRow) -> usize| steps.iter().map(length).max().unwrap_or(0);
        let mut session = Session {
            program,
            threads,
            memory: Memory::new(arena, bytes)?,
            kernels,
            sizes: Sizes::new(&program),
            bound: false,
            steps: Vec::with_capacity(steps.len()),
            arena_pieces: Vec::new(),
            output_pieces: Vec::new(),
            state_pieces: Vec::new(),
            state_tensors: Vec::new(),
            slices: Slices::with_capacity(longest(|step| step.operands.len()), longest(|step| step.results.len())),
            scratch: vec![0; steps.len()],
            iterations: vec![0; program.tables.loops().len()],
            reached: 0,
            largest: Vec::with_capacity(program.outputs().len()),
            symbols: vec![0; ranges.len()],
            open: Vec::with_capacity(ranges.len()),
            solved: vec![0; ranges.len()],
            ranges,
            solver,
            buffers,
            scratch_slots,
        };
        session.cut_pieces();
        Ok(session)
    }

    /// The program that the session runs.
    pub fn program(&self) -> Program<'a> {
        self.program
    }

    /// Binds the sizes of all inputs, in the order of [`Program::inputs`]. A session stays bound until the next call.
    ///
    /// # Errors
    /// The codes from 300 to 399, and [`Code::BadStep`] where a kernel refuses the sizes. The session is then not bound.
    pub fn bind(&mut self, shapes: &[&[usize]]) -> Result<(), Error> {
        self.bind_to(shapes, None)
    }

    /// Binds the sizes of all inputs and of the states as they are now, which must not change until the run.
    ///
    /// # Errors
    /// Those of [`Session::bind`], and [`Code::StateFull`] where the run would need more room than the states have.
    pub fn bind_with(&mut self, shapes: &[&[usize]], states: &States<'_>) -> Result<(), Error> {
        self.bind_to(shapes, Some(states))
    }

    fn bind_to(&mut self, shapes: &[&[usize]], states: Option<&States<'_>>) -> Result<(), Error> {
        let was_bound = core::mem::replace(&mut self.bound, false);
        let inputs = self.program.tables.inputs();
        if shapes.len() != inputs.len() {
            return Err(Error::new(Code::WrongInputCount));
        }
        self.require_states(states)?;
        for (index, (shape, port)) in shapes.iter().zip(inputs).enumerate() {
            if shape.len() != port.dims.len() {
                return Err(Error::at(Code::WrongRank, index as u32));
            }
        }
        self.solver.solve(shapes, states, &mut self.solved)?;
        for bind in self.program.tables.binds() {
            // What the run decides does not make the sizes of the inputs others.
            let index = bind.symbol as usize;
            if let (Some(slot), Some(&value)) = (self.solved.get_mut(index), self.symbols.get(index)) {
                *slot = value;
            }
        }
        self.check_ranges()?;
        self.reached = 0;
        let fresh = !was_bound || self.solved != self.symbols;
        if fresh {
            self.symbols.copy_from_slice(&self.solved);
            self.sizes.evaluate(&self.program, &self.symbols, 0)?;
        }
        for (index, (shape, port)) in shapes.iter().zip(inputs).enumerate() {
            let expected = port.dims.iter().map(|&expr| usize::try_from(self.sizes.value(expr)).ok());
            if !expected.eq(shape.iter().map(|&size| Some(size))) {
                return Err(Error::at(Code::DimMismatch, index as u32));
            }
        }
        if fresh {
            self.check_guards(0)?;
            self.sizes.fill(&self.program, 0)?;
            self.measure_outputs()?;
        }
        if let Some(states) = states {
            self.check_states(states, Code::StateMismatch)?;
        }
        if fresh {
            self.check_steps(0)?;
        }
        self.bound = true;
        Ok(())
    }

    /// The sizes of an output, after [`Session::bind`]; where the data decides them, after [`Session::run`].
    ///
    /// # Errors
    /// [`Code::NotBound`], [`Code::SizeOpen`], and [`Code::WrongInputCount`] where there is no such output.
    pub fn output_dims(&self, output: usize) -> Result<&[usize], Error> {
        let shape = self.output(&self.sizes.outputs, output)?;
        let level = self.sizes.levels.output_levels.get(output).copied().unwrap_or(0);
        if level > self.reached {
            return Err(Error::at(Code::SizeOpen, output as u32));
        }
        Ok(&shape.dims)
    }

    /// The largest sizes of an output, after [`Session::bind`]: its sizes where the data does not decide them.
    ///
    /// # Errors
    /// [`Code::NotBound`], and [`Code::WrongInputCount`] where there is no such output.
    pub fn output_most(&self, output: usize) -> Result<&[usize], Error> {
        self.output(&self.largest, output).map(|shape| &*shape.dims)
    }

    /// The bytes that an output's buffer must have, after [`Session::bind`]: those of its largest sizes.
    ///
    /// # Errors
    /// [`Code::NotBound`], and [`Code::WrongInputCount`] where there is no such output.
    pub fn output_bytes(&self, output: usize) -> Result<usize, Error> {
        self.output(&self.largest, output).map(|shape| shape.bytes)
    }

    /// What a step does at the sizes of the last bind or run; `None` where there is no such step or nothing is bound.
    pub fn work(&self, step: usize) -> Option<Work> {
        let (row, kernel) = self.program.tables.steps().get(step).zip(self.kernels.get(step))?;
        self.bound.then(|| kernel.work(&self.sizes.step(row)))
    }

    fn output<'s>(&self, shapes: &'s [Shape], output: usize) -> Result<&'s Shape, Error> {
        if !self.bound {
            return Err(Error::new(Code::NotBound));
        }
        shapes.get(output).ok_or(Error::new(Code::WrongInputCount))
    }

    /// Finds how large outputs can be, given the symbols that are bound.
    fn measure_outputs(&mut self) -> Result<(), Error> {
        self.open.clear();
        self.open.extend(self.symbols.iter().map(|&value| Interval { low: value, high: value }));
        for bind in self.program.tables.binds() {
            let index = bind.symbol as usize;
            if let (Some(slot), Some(range)) = (self.open.get_mut(index), self.ranges.get(index)) {
                *slot = *range;
            }
        }
        self.largest.clear();
        for port in self.program.tables.outputs() {
            self.largest.push(Sizes::largest(&self.program, port, &self.open)?);
        }
        Ok(())
    }

    /// Gives symbols of a level their values and checks what depends on them.
    pub(crate) fn reach(&mut self, level: usize) -> Result<(), Error> {
        self.sizes.evaluate(&self.program, &self.symbols, level)?;
        self.check_guards(level)?;
        self.sizes.fill(&self.program, level)?;
        self.check_steps(level)
    }

    fn check_guards(&self, level: usize) -> Result<(), Error> {
        match first_failed_guard(&self.program, &self.sizes, Some(level)) {
            Some(guard) => Err(Error::at(Code::GuardFailed, guard)),
            None => Ok(()),
        }
    }

    fn check_ranges(&self) -> Result<(), Error> {
        let declared = self.program.tables.symbols();
        for (index, ((&value, range), symbol)) in self.solved.iter().zip(&self.ranges).zip(declared).enumerate() {
            if self.solver.is_later(index) {
                continue;
            }
            let error = Error::at(Code::OutOfBounds, index as u32);
            if value < range.low || value > range.high {
                return Err(error);
            }
            if (value - symbol.low) % symbol.step != 0 {
                return Err(error.because("the size is between two steps"));
            }
        }
        Ok(())
    }

    fn check_steps(&mut self, level: usize) -> Result<(), Error> {
        for &index in self.sizes.levels.steps.at(level) {
            let index = index as usize;
            let step = self.program.tables.steps().get(index).zip(self.kernels.get(index));
            let (step, kernel) = step.ok_or(Error::new(Code::Internal))?;
            let shape = self.sizes.step(step);
            let operands = self.program.tables.operands().get(step.operands.clone()).unwrap_or(&[]);
            let results = self.program.tables.results().get(step.results.clone()).unwrap_or(&[]);
            let present =
                operands.iter().zip(shape.operands).filter_map(|(tensor, shape)| Some((tensor, shape.as_ref()?)));
            for (tensor, shape) in present.chain(results.iter().zip(shape.results)) {
                let bytes = match tensor.row {
                    Some(row) => self.sizes.trip(&self.program, row.number as usize).checked_mul(shape.bytes),
                    None => Some(shape.bytes),
                };
                if self.room(tensor).is_some_and(|room| bytes.is_none_or(|bytes| room < bytes)) {
                    return Err(Error::at(Code::BadStep, step.node).because("a tensor is larger than its place"));
                }
            }
            for (tensor, shape) in results.iter().zip(shape.results) {
                let whole =
                    tensor.place != Place::NextState || self.written(tensor.index as usize).len() == shape.bytes;
                if !whole {
                    return Err(Error::at(Code::BadStep, step.node).because("a step writes a part of a state"));
                }
            }
            kernel.check(&shape).map_err(|code| Error::at(code, step.node))?;
            let need = kernel.scratch(&shape, self.threads);
            if self.scratch_slots.get(index).is_none_or(|slot| slot.bytes < need) {
                return Err(Error::at(Code::BadStep, step.node).because("more working memory than at the upper bounds"));
            }
            if let Some(slot) = self.scratch.get_mut(index) {
                *slot = need;
            }
        }
        Ok(())
    }

    /// The bytes that a tensor's place offers; `None` for constants, which were checked when the artifact was opened.
    fn room(&self, tensor: &Tensor) -> Option<usize> {
        let index = tensor.index as usize;
        match tensor.place {
            Place::Buffer => Some(self.buffers.get(index).map_or(0, |slot| slot.bytes)),
            Place::Input => Some(self.sizes.inputs.get(index).map_or(0, |shape| shape.bytes)),
            Place::Output => Some(self.largest.get(index).map_or(0, |shape| shape.bytes)),
            Place::State => Some(self.sizes.reads.get(index).map_or(0, |shape| shape.bytes)),
            Place::NextState => Some(self.sizes.writes.get(index).map_or(0, |shape| shape.bytes)),
            Place::Constant if tensor.row.is_some() => Some(self.program.artifact.constant_bytes(tensor.index).len()),
            Place::Absent | Place::Constant => None,
        }
    }

    fn cut_pieces(&mut self) {
        let tables = self.program.tables;
        for (index, step) in tables.steps().iter().enumerate() {
            let starts = (self.arena_pieces.len(), self.output_pieces.len(), self.state_tensors.len());
            let operands = tables.operands().get(step.operands.clone()).unwrap_or(&[]);
            for (position, tensor) in operands.iter().enumerate() {
                self.add_piece(tensor, Use::Operand(position as u32));
            }
            let results = tables.results().get(step.results.clone()).unwrap_or(&[]);
            for (position, tensor) in results.iter().enumerate() {
                self.add_piece(tensor, Use::Result(position as u32));
            }
            if let Some(slot) = self.scratch_slots.get(index).filter(|slot| slot.bytes > 0) {
                self.arena_pieces.push(Piece { start: slot.offset, len: slot.bytes, role: Use::Scratch });
            }
            let pieces = StepPieces {
                arena: starts.0..self.arena_pieces.len(),
                outputs: starts.1..self.output_pieces.len(),
                states: starts.2..self.state_tensors.len(),
            };
            self.arena_pieces.get_mut(pieces.arena.clone()).unwrap_or(&mut []).sort_unstable();
            self.output_pieces.get_mut(pieces.outputs.clone()).unwrap_or(&mut []).sort_unstable();
            self.steps.push(pieces);
        }
        self.state_pieces = vec![Piece { start: 0, len: 0, role: Use::Scratch }; self.state_tensors.len()];
    }

    fn add_piece(&mut self, tensor: &Tensor, role: Use) {
        let index = tensor.index as usize;
        match tensor.place {
            Place::Buffer => {
                // An empty buffer has no place of its own and stays an empty slice.
                if let Some(slot) = self.buffers.get(index).filter(|slot| slot.bytes > 0) {
                    self.arena_pieces.push(Piece { start: slot.offset, len: slot.bytes, role });
                }
            }
            Place::Output => self.output_pieces.push(Piece { start: index, len: 0, role }),
            Place::State => self.state_tensors.push(StateTensor { used: index, next: false, role }),
            Place::NextState => self.state_tensors.push(StateTensor { used: index, next: true, role }),
            Place::Absent | Place::Constant | Place::Input => {}
        }
    }
}

/// The first guard of a level, or of all, that the evaluated sizes violate.
pub(crate) fn first_failed_guard(program: &Program<'_>, sizes: &Sizes, level: Option<usize>) -> Option<u32> {
    let levels = level.map_or(0..sizes.levels.count(), |level| level..level + 1);
    levels.flat_map(|level| sizes.levels.guards.at(level)).copied().find(|&index| {
        let Some(guard) = program.tables.guards().get(index as usize) else { return false };
        let (left, right) = (sizes.value(guard.left), sizes.value(guard.right));
        !match guard.kind {
            GuardKind::Equal => left == right,
            GuardKind::AtMost => left <= right,
            GuardKind::Divides => right.checked_rem(left) == Some(0),
        }
    })
}
