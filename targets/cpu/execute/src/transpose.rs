//! `transpose_N`: axes in another order. N is the size of an element in bytes.
//!
//! Operand: `x`. Parameters: for each axis of the result, the axis of `x` that it was.

use crate::element::Word;
use crate::nest::{Nest, row_major};
use crate::step::{arity, axis, count, operand_like, read, require, result, write};
use crate::strided::fill;
use crate::tiles::{Grid, Tile, share};
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, MAX_RANK, StepData, StepShape, Threads};

/// Side of the squares in which two axes change places; a row of 4-byte elements is a cache line.
const SIDE: usize = 16;

/// The kernel for elements of this size.
pub(crate) struct Transpose<T>(PhantomData<T>);

impl<T: Word> Transpose<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Nest<1>, Code> {
        arity(step, 1, 1)?;
        let (dtype, dims) = operand_like::<T>(step, 0)?;
        let sizes = result(step, dtype)?;
        require(sizes.len() == dims.len() && step.params.len() == dims.len())?;
        let distances = row_major(&dims);
        let mut steps = [[0]; MAX_RANK];
        let mut seen = [false; MAX_RANK];
        for (to, &param) in step.params.iter().enumerate() {
            let from = axis(param, dims.len())?;
            require(!core::mem::replace(&mut seen[from], true) && sizes[to] == dims[from])?;
            steps[to] = [distances[from]];
        }
        Ok(Nest::new(&sizes, &steps))
    }
}

impl<T: Word> Kernel for Transpose<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let nest = Self::plan(step)?;
        let x: &[T] = read(step, data.operands, 0)?;
        let out: &mut [T] = write(step, data.results)?;
        let last = nest.sizes().len() - 1;
        let contiguous = nest.steps().iter().position(|&[step]| step == 1);
        match contiguous {
            Some(axis) if axis != last && !out.is_empty() => squares(&nest, axis, x, out, threads),
            _ => fill(&nest, 0, x, out, threads),
        }
    }
}

/// Moves squares of the axis that is contiguous in `x` and the last one, which is contiguous in `out`.
fn squares<T: Word>(nest: &Nest<1>, axis: usize, x: &[T], out: &mut [T], threads: &dyn Threads) -> Result<(), Code> {
    let (sizes, steps) = (nest.sizes(), nest.steps());
    let last = sizes.len() - 1;
    let (width, [stride]) = (sizes[last], steps[last]);
    let outer = Nest::new(&sizes[..axis], &steps[..axis]);
    let middle = Nest::new(&sizes[axis + 1..last], &steps[axis + 1..last]);
    let rows = count(&sizes[axis + 1..last]);
    let slab = rows * width;
    // A tile is all that `SIDE` neighbors along the contiguous axis hold.
    let grid =
        Grid { groups: 1, rows: count(&sizes[..axis]), cols: sizes[axis] * slab, tile_rows: 1, tile_cols: SIDE * slab };
    share(threads, out, grid, &mut [] as &mut [u8], 0, |mut tile: Tile<'_, T>, _| {
        let [base] = outer.at(tile.row);
        let base = base as usize + tile.col / slab;
        let (deep, out) = (tile.cols / slab, tile.row_mut(0));
        middle.runs(0, rows, |done, len, [offset]| {
            for row in 0..len {
                let from = base + offset as usize + row * middle.inner()[0] as usize;
                let to = (done + row) * width;
                for col in (0..width).step_by(SIDE) {
                    let wide = SIDE.min(width - col);
                    // Over a local square, so that each cache line of either side is touched once: lines that are a
                    // power of two apart evict each other.
                    let mut square = [[T::zeroed(); SIDE]; SIDE];
                    for (i, square) in square.iter_mut().enumerate().take(wide) {
                        square[..deep].copy_from_slice(&x[from + (col + i) * stride as usize..][..deep]);
                    }
                    for j in 0..deep {
                        let line = &mut out[j * slab + to + col..][..wide];
                        line.iter_mut().zip(&square).for_each(|(out, square)| *out = square[j]);
                    }
                }
            }
        });
    })
}
