//! What a session will need for given bounds: kernels, capacities and the place of every buffer.

use alloc::vec::Vec;

use m4c_format::expression::{self, Interval};

use crate::bounds::Bounds;
use crate::error::{Code, Error};
use crate::executor::{Executor, Kernel};
use crate::placement::{Item, place};
use crate::program::Program;
use crate::sizes::Sizes;

/// The most iterations of a nest of loops.
const MAX_ITERATIONS: i64 = 1 << 24;

/// Everything that is decided before memory is taken.
pub(crate) struct Plan {
    pub(crate) ranges: Vec<Interval>,
    /// One a step.
    pub(crate) kernels: Vec<&'static dyn Kernel>,
    pub(crate) buffers: Vec<Slot>,
    /// One a step.
    pub(crate) scratch: Vec<Slot>,
    pub(crate) arena: usize,
}

/// A part of the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

impl Plan {
    pub(crate) fn new(
        program: &Program<'_>,
        bounds: &Bounds,
        executors: &[&'static dyn Executor],
        threads: usize,
    ) -> Result<Plan, Error> {
        let ranges = bounds.resolve(program)?;
        let kernels = kernels(program, executors)?;
        check_trips(program, &ranges)?;
        let mut items = Vec::with_capacity(program.tables.buffers().len() + kernels.len());
        for (index, buffer) in program.tables.buffers().iter().enumerate() {
            let here = |error| Error { at: Some(index as u32), ..error };
            let range = expression::bounds(program.tables.expr(buffer.bytes), &ranges).map_err(here)?;
            let bytes = usize::try_from(range.high.max(0)).map_err(|_| here(Error::new(Code::TooLarge)))?;
            items.push(Item { bytes, first: buffer.first, last: buffer.last });
        }
        for (step, bytes) in scratch(program, &kernels, &ranges, threads)?.into_iter().enumerate() {
            items.push(Item { bytes, first: step as u32, last: step as u32 });
        }
        let placement = place(&items)?;
        let slot = |(item, &offset): (&Item, &usize)| Slot { offset, bytes: item.bytes };
        let mut slots: Vec<Slot> = items.iter().zip(&placement.offsets).map(slot).collect();
        let scratch = slots.split_off(program.tables.buffers().len());
        Ok(Plan { ranges, kernels, buffers: slots, scratch, arena: placement.arena })
    }
}

/// Nothing in a file may run without end: loops have at most [`MAX_ITERATIONS`] iterations, nested ones together.
fn check_trips(program: &Program<'_>, ranges: &[Interval]) -> Result<(), Error> {
    let mut around: Vec<(u32, i64)> = Vec::new();
    for span in program.tables.loops() {
        around.retain(|&(last, _)| span.first <= last);
        let outer = around.last().map_or(1, |&(_, trips)| trips);
        let trip = expression::bounds(program.tables.expr(span.trip), ranges)?.high.max(1);
        let trips = trip.checked_mul(outer).filter(|&trips| trips <= MAX_ITERATIONS);
        let node = program.tables.steps().get(span.first as usize).map_or(0, |step| step.node);
        let many = Error::at(Code::TooLarge, node).because("a loop has too many iterations at the upper bounds");
        around.push((span.last, trips.ok_or(many)?));
    }
    Ok(())
}

fn kernels(program: &Program<'_>, executors: &[&'static dyn Executor]) -> Result<Vec<&'static dyn Kernel>, Error> {
    for executor in executors {
        executor.ready().map_err(Error::new)?;
    }
    let mut named = Vec::with_capacity(program.tables.kernels().len());
    for (index, kernel) in program.tables.kernels().iter().enumerate() {
        let executor = executors.iter().find(|executor| executor.name() == kernel.executor);
        let executor = executor.ok_or(Error::at(Code::MissingExecutor, index as u32))?;
        named.push(executor.kernel(&kernel.name).ok_or(Error::at(Code::UnknownKernel, index as u32))?);
    }
    let kernel = |kernel: u32| named.get(kernel as usize).copied().ok_or(Error::new(Code::Internal));
    program.tables.steps().iter().map(|step| kernel(step.kernel)).collect()
}

/// The working memory of each step at the corners of the bounds.
fn scratch(
    program: &Program<'_>,
    kernels: &[&'static dyn Kernel],
    ranges: &[Interval],
    threads: usize,
) -> Result<Vec<usize>, Error> {
    let mut sizes = Sizes::new(program);
    let mut needs = alloc::vec![0usize; kernels.len()];
    // A size may shrink as a symbol grows, so the lower corner counts too; it need not be a size that fits together.
    let corners: [fn(&Interval) -> i64; 2] = [|range| range.low, |range| range.high];
    for (corner, last) in corners.into_iter().zip([false, true]) {
        let symbols: Vec<i64> = ranges.iter().map(corner).collect();
        match sizes.fill_all(program, &symbols) {
            Ok(()) => {}
            Err(error) if last => return Err(error),
            Err(_) => continue,
        }
        for ((step, kernel), need) in program.tables.steps().iter().zip(kernels).zip(&mut needs) {
            let shape = sizes.step(step);
            match kernel.check(&shape) {
                Ok(()) => *need = (*need).max(kernel.scratch(&shape, threads)),
                Err(code) if last => {
                    return Err(match crate::session::first_failed_guard(program, &sizes, None) {
                        Some(guard) => Error::at(Code::GuardFailed, guard).because("at the upper bounds"),
                        None => Error::at(code, step.node).because("at the upper bounds"),
                    });
                }
                Err(_) => {}
            }
        }
    }
    Ok(needs)
}
