//! `concat_N`: tensors one after the other along an axis. N is the size of an element in bytes.
//!
//! Operands: one or more. Parameter: the axis.

use crate::element::Word;
use crate::step::{axis, count, operand, operand_like, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The kernel for elements of this size.
pub(crate) struct Concat<T>(PhantomData<T>);

/// Each operand is `rows` stretches of its own size along the axis × `inner`; the result interleaves them.
struct Plan {
    axis: usize,
    rows: usize,
    inner: usize,
}

impl<T: Word> Concat<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        let (dtype, first) = operand_like::<T>(step, 0)?;
        let sizes = result(step, dtype)?;
        let &[param] = step.params else { return Err(Code::BadStep) };
        let axis = axis(param, first.len())?;
        require(sizes.len() == first.len())?;
        let mut along = 0usize;
        for index in 0..step.operands.len() {
            let dims = operand(step, index, dtype)?;
            require(dims.len() == first.len())?;
            require((0..dims.len()).all(|other| other == axis || dims[other] == sizes[other]))?;
            along = along.checked_add(dims[axis]).ok_or(Code::BadStep)?;
        }
        require(along == sizes[axis])?;
        let (rows, inner) =
            if count(&sizes) == 0 { (0, 0) } else { (count(&sizes[..axis]), count(&sizes[axis + 1..])) };
        Ok(Plan { axis, rows, inner })
    }
}

impl<T: Word> Kernel for Concat<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { axis, rows, inner } = Self::plan(step)?;
        let out: &mut [T] = write(step, data.results)?;
        for index in 0..step.operands.len() {
            read::<T>(step, data.operands, index)?;
        }
        let cols = out.len().checked_div(rows).unwrap_or(0);
        let tile_rows = (16384 / cols.max(1)).max(1);
        let grid = Grid { groups: 1, rows, cols, tile_rows, tile_cols: cols };
        share(threads, out, grid, &mut [] as &mut [u8], 0, |mut tile: Tile<'_, T>, _| {
            let mut at = 0;
            for (index, shape) in step.operands.iter().enumerate() {
                // Both were found good above, where an error could still be returned.
                let (Some(shape), Ok(x)) = (shape, read::<T>(step, data.operands, index)) else { return };
                let width = shape.dims[axis] * inner;
                for row in 0..tile.rows {
                    let from = &x[(tile.row + row) * width..][..width];
                    tile.row_mut(row)[at..at + width].copy_from_slice(from);
                }
                at += width;
            }
        })
    }
}
