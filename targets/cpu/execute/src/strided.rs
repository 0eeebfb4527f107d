//! `broadcast_N`, `slice_N` and `strided_N`: results whose elements lie at fixed distances in the operand. N is the size of an element.
//!
//! `broadcast_N`: operand `x`, no parameters; the sizes are those of the result.
//! `slice_N`: operand `x`; parameters `start, step` for each axis, where a step may be negative; sizes are those of the
//! result.
//! `strided_N`: operand `x`, of any sizes; parameters are the place of the first element, and for each axis of the result how far
//! apart neighbors lie.

use crate::element::Word;
use crate::lie::Lie;
use crate::nest::{Nest, row_major};
use crate::step::{arity, count, operand_like, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Dims, Kernel, MAX_RANK, StepData, StepShape, Threads, Work};

/// Repeats a tensor along axes of size 1 and new leading axes.
pub(crate) struct Broadcast<T>(PhantomData<T>);

/// Takes the elements that a rule of places says.
pub(crate) struct Picked<P, T>(PhantomData<(P, T)>);

/// Which elements are taken.
pub(crate) trait Places: Sync {
    /// The nest over an operand of some axes, and where its first element lies.
    fn plan(step: &StepShape<'_>, dims: &Dims, sizes: &Dims) -> Result<(Nest<1>, isize), Code>;
}

/// Every so manieth element along each axis.
pub(crate) struct Slice;

/// Elements that lie at any fixed distances.
pub(crate) struct Strided;

impl<T: Word> Broadcast<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Nest<1>, Code> {
        arity(step, 1, 1)?;
        require(step.params.is_empty())?;
        let (dtype, dims) = operand_like::<T>(step, 0)?;
        Nest::broadcast(&result(step, dtype)?, [&dims])
    }
}

impl Places for Slice {
    fn plan(step: &StepShape<'_>, dims: &Dims, sizes: &Dims) -> Result<(Nest<1>, isize), Code> {
        require(sizes.len() == dims.len() && step.params.len() == 2 * dims.len())?;
        let distances = row_major(dims);
        let mut steps = [[0]; MAX_RANK];
        let mut first = 0isize;
        let empty = count(sizes) == 0;
        for (axis, pair) in step.params.chunks_exact(2).enumerate() {
            let (start, step) = (i128::from(pair[0]), i128::from(pair[1]));
            require(step != 0)?;
            if empty {
                continue;
            }
            let inside = 0..dims[axis] as i128;
            // A size is at least 1 here and at most 2^63, so nothing overflows.
            require(inside.contains(&start) && inside.contains(&(start + (sizes[axis] as i128 - 1) * step)))?;
            first += start as isize * distances[axis];
            // A step that is never taken may be too large to multiply.
            let step = if sizes[axis] == 1 { 0 } else { step as isize };
            steps[axis] = [step * distances[axis]];
        }
        Ok((Nest::new(sizes, &steps), first))
    }
}

impl Places for Strided {
    fn plan(step: &StepShape<'_>, dims: &Dims, sizes: &Dims) -> Result<(Nest<1>, isize), Code> {
        require(step.params.len() == sizes.len() + 1)?;
        let (mut params, mut all_sizes) = ([0; MAX_RANK + 1], [1; MAX_RANK]);
        params[..step.params.len()].copy_from_slice(step.params);
        all_sizes[..sizes.len()].copy_from_slice(sizes);
        let lie = Lie::new(&params, all_sizes, count(dims))?;
        Ok((Nest::new(sizes, &lie.steps.map(|step| [step as isize])), lie.first as isize))
    }
}

impl<P: Places, T: Word> Picked<P, T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<(Nest<1>, isize), Code> {
        arity(step, 1, 1)?;
        let (dtype, dims) = operand_like::<T>(step, 0)?;
        P::plan(step, &dims, &result(step, dtype)?)
    }
}

impl<T: Word> Kernel for Broadcast<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let nest = Self::plan(step)?;
        fill::<T>(&nest, 0, read(step, data.operands, 0)?, write(step, data.results)?, threads)
    }
}

impl<P: Places, T: Word> Kernel for Picked<P, T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let (nest, first) = Self::plan(step)?;
        fill::<T>(&nest, first, read(step, data.operands, 0)?, write(step, data.results)?, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::picking(step, 1)
    }
}

/// Fills `out` with the elements that the nest points at, counted from `first`.
pub(crate) fn fill<T: Word>(
    nest: &Nest<1>,
    first: isize,
    x: &[T],
    out: &mut [T],
    threads: &dyn Threads,
) -> Result<(), Code> {
    let [step] = nest.inner();
    // Maps are enlarged by small factors, for which a stretch an element is too much.
    if let Some(apart) = nest.repeated() {
        match *nest.sizes().last().unwrap_or(&0) {
            2 => return repeat::<T, 2>(&apart, first, x, out, threads),
            3 => return repeat::<T, 3>(&apart, first, x, out, threads),
            4 => return repeat::<T, 4>(&apart, first, x, out, threads),
            _ => {}
        }
    }
    flat(threads, out, 1, |start, out| {
        nest.runs(start, out.len(), |done, len, [offset]| {
            let (out, at) = (&mut out[done..done + len], first + offset);
            match step {
                1 => out.copy_from_slice(&x[at as usize..at as usize + len]),
                0 => out.fill(x[at as usize]),
                _ => out.iter_mut().enumerate().for_each(|(i, out)| *out = x[(at + i as isize * step) as usize]),
            }
        });
    })
}

/// Fills `out` with each of the elements that the nest points at, counted from `first`, N times.
fn repeat<T: Word, const N: usize>(
    nest: &Nest<1>,
    first: isize,
    x: &[T],
    out: &mut [T],
    threads: &dyn Threads,
) -> Result<(), Code> {
    let [step] = nest.inner();
    let (out, rest) = out.as_chunks_mut::<N>();
    require(rest.is_empty())?;
    flat(threads, out, N, |start, out| {
        nest.runs(start, out.len(), |done, len, [offset]| {
            let (out, at) = (&mut out[done..done + len], first + offset);
            if step == 1 {
                let x = &x[at as usize..at as usize + len];
                out.iter_mut().zip(x).for_each(|(out, x)| *out = [*x; N]);
            } else {
                out.iter_mut().enumerate().for_each(|(i, out)| *out = [x[(at + i as isize * step) as usize]; N]);
            }
        });
    })
}
