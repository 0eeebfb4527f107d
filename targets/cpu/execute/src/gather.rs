//! `gather_N`: elements of one axis by index. N is the size of an element in bytes.
//!
//! Operands: `x`, `indices` (i64 or i32; negative ones count from the end). Parameters: `axis`, `batch_dims`: so many
//! leading axes are shared by both operands. The result is `x[..axis] ++ indices[batch_dims..] ++ x[axis + 1..]`.

use crate::element::{Element, I32, I64, Word};
use crate::step::{arity, axis, operand, operand_like, present, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads, Work};

/// The kernel for elements of this size.
pub(crate) struct Gather<T>(PhantomData<T>);

/// `x` is `[batch, middle, along, inner]`, the indices `[batch, picks]`, the result `[batch, middle, picks, inner]`.
struct Plan {
    middle: usize,
    along: usize,
    picks: usize,
    inner: usize,
}

impl<T: Word> Gather<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 2, 1)?;
        let (dtype, x) = operand_like::<T>(step, 0)?;
        let wide = present(step, 1).is_some_and(|shape| shape.dtype == I64::DTYPE);
        let indices = operand(step, 1, if wide { I64::DTYPE } else { I32::DTYPE })?;
        let sizes = result(step, dtype)?;
        let &[axis_param, shared] = step.params else { return Err(Code::BadStep) };
        let axis = axis(axis_param, x.len())?;
        let shared = usize::try_from(shared).map_err(|_| Code::BadStep)?;
        require(shared <= axis && shared <= indices.len() && x[..shared] == indices[..shared])?;
        let expected = x[..axis].iter().chain(&indices[shared..]).chain(&x[axis + 1..]);
        require(sizes.iter().eq(expected))?;
        let part = |sizes: &[usize]| sizes.iter().try_fold(1usize, |all, &size| all.checked_mul(size));
        let parts = || {
            Some(Plan {
                middle: part(&x[shared..axis])?,
                along: x[axis],
                picks: part(&indices[shared..])?,
                inner: part(&x[axis + 1..])?,
            })
        };
        parts().ok_or(Code::BadStep)
    }
}

impl<T: Word> Kernel for Gather<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = Self::plan(step)?;
        let x: &[T] = read(step, data.operands, 0)?;
        let out: &mut [T] = write(step, data.results)?;
        if present(step, 1).is_some_and(|shape| shape.dtype == I64::DTYPE) {
            let indices: &[i64] = read(step, data.operands, 1)?;
            gather(&plan, x, indices, |index| index, out, threads)
        } else {
            let indices: &[i32] = read(step, data.operands, 1)?;
            gather(&plan, x, indices, i64::from, out, threads)
        }
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::picking(step, 1)
    }
}

/// The position along an axis that an index means.
pub(crate) fn position(index: i64, along: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(along).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|&index| index < along)
}

fn gather<T: Word, I: Copy + Sync>(
    plan: &Plan,
    x: &[T],
    indices: &[I],
    widen: impl Fn(I) -> i64 + Sync,
    out: &mut [T],
    threads: &dyn Threads,
) -> Result<(), Code> {
    let &Plan { middle, along, picks, inner } = plan;
    if out.is_empty() {
        return Ok(());
    }
    // All indices first, so that the jobs have nothing to report.
    if indices.iter().any(|&index| position(widen(index), along).is_none()) {
        return Err(Code::IndexOutOfRange);
    }
    let grid = Grid {
        groups: out.len() / (picks * inner),
        rows: picks,
        cols: inner,
        tile_rows: (16384 / inner).max(1),
        tile_cols: inner,
    };
    share(threads, out, grid, &mut [] as &mut [u8], 0, |mut tile: Tile<'_, T>, _| {
        let indices = &indices[tile.group / middle * picks + tile.row..][..tile.rows];
        let from = &x[tile.group * along * inner..][..along * inner];
        for (row, &index) in indices.iter().enumerate() {
            let Some(at) = position(widen(index), along) else { return };
            match inner {
                1 => tile.row_mut(row)[0] = from[at],
                _ => tile.row_mut(row).copy_from_slice(&from[at * inner..][..inner]),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn indices_outside_have_no_position() {
        assert_eq!([0, 2, -1, -3].map(|i| position(i, 3)), [Some(0), Some(2), Some(2), Some(0)]);
        assert_eq!([3, -4, i64::MIN, i64::MAX].map(|i| position(i, 3)), [None; 4]);
        assert_eq!([0, -1].map(|i| position(i, 0)), [None; 2]);
    }
}
