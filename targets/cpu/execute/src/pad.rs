//! `pad_N`: a tensor within a frame of one value, and with that value between its elements. N is the size of an element.
//!
//! Operands: `x`, `value` (one element). Parameters for each axis: `low`, `high`, `interior`, none negative.

use crate::element::Word;
use crate::nest::row_major;
use crate::step::{arity, count, operand, operand_like, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Dims, Kernel, MAX_RANK, StepData, StepShape, Threads};

/// The kernel for elements of this size.
pub(crate) struct Pad<T>(PhantomData<T>);

struct Plan {
    from: Dims,
    to: Dims,
    /// Before the first element of `x` on each axis.
    low: [usize; MAX_RANK],
    /// Distance of neighbors of `x` in the result on each axis.
    step: [usize; MAX_RANK],
}

impl<T: Word> Pad<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 2, 1)?;
        let (dtype, from) = operand_like::<T>(step, 0)?;
        require(count(&operand(step, 1, dtype)?) == 1)?;
        let to = result(step, dtype)?;
        require(to.len() == from.len() && step.params.len() == 3 * from.len())?;
        let mut plan = Plan { from, to, low: [0; MAX_RANK], step: [1; MAX_RANK] };
        for (axis, triple) in step.params.chunks_exact(3).enumerate() {
            let mut sizes = [0usize; 3];
            for (size, &param) in sizes.iter_mut().zip(triple) {
                *size = usize::try_from(param).map_err(|_| Code::BadStep)?;
            }
            let [low, high, interior] = sizes;
            let padded = || {
                let gaps = from[axis].saturating_sub(1).checked_mul(interior)?;
                from[axis].checked_add(gaps)?.checked_add(low)?.checked_add(high)
            };
            require(padded() == Some(to[axis]))?;
            plan.low[axis] = low;
            plan.step[axis] = interior.checked_add(1).ok_or(Code::BadStep)?;
        }
        Ok(plan)
    }
}

impl<T: Word> Kernel for Pad<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = Self::plan(step)?;
        let x: &[T] = read(step, data.operands, 0)?;
        let value: &[T] = read(step, data.operands, 1)?;
        let (value, out) = (value[0], write(step, data.results)?);
        let Some(last) = plan.to.len().checked_sub(1) else {
            out.copy_from_slice(x);
            return Ok(());
        };
        if out.is_empty() {
            return Ok(());
        }
        let distances = row_major(&plan.from);
        let grid = Grid {
            groups: 1,
            rows: count(&plan.to[..last]),
            cols: plan.to[last],
            tile_rows: (16384 / plan.to[last]).max(1),
            tile_cols: plan.to[last],
        };
        share(threads, out, grid, &mut [] as &mut [u8], 0, |mut tile: Tile<'_, T>, _| {
            for row in 0..tile.rows {
                let line = source(&plan, &distances, tile.row + row);
                let out = tile.row_mut(row);
                out.fill(value);
                let (Some(at), width @ 1..) = (line, plan.from[last]) else { continue };
                let (x, out) = (&x[at..at + width], &mut out[plan.low[last]..]);
                if plan.step[last] == 1 {
                    out[..width].copy_from_slice(x);
                } else {
                    out.iter_mut().step_by(plan.step[last]).zip(x).for_each(|(out, &x)| *out = x);
                }
            }
        })
    }
}

/// Where the line of `x` starts that lies in this row of the result, if one does.
fn source(plan: &Plan, distances: &[isize; MAX_RANK], row: usize) -> Option<usize> {
    let mut rest = row;
    let mut at = 0;
    for axis in (0..plan.to.len() - 1).rev() {
        let place = (rest % plan.to[axis]).checked_sub(plan.low[axis])?;
        rest /= plan.to[axis];
        let index = place / plan.step[axis];
        if place % plan.step[axis] != 0 || index >= plan.from[axis] {
            return None;
        }
        at += index * distances[axis] as usize;
    }
    Some(at)
}
