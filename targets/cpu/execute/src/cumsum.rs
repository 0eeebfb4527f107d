//! `cumsum_T`: the running sum along an axis.
//!
//! Operand: `x`. Parameter: the axis.

use crate::element::Element;
use crate::reduce::{Reduction, Sum};
use crate::step::{arity, axis, count, operand, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The kernel for one type.
pub(crate) struct Cumsum<E>(PhantomData<E>);

struct Plan {
    outer: usize,
    size: usize,
    inner: usize,
}

impl<E: Element> Cumsum<E>
where
    Sum: Reduction<E>,
{
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 1, 1)?;
        let dims = operand(step, 0, E::DTYPE)?;
        require(dims == result(step, E::DTYPE)?)?;
        let &[param] = step.params else { return Err(Code::BadStep) };
        let axis = axis(param, dims.len())?;
        Ok(Plan { outer: count(&dims[..axis]), size: dims[axis], inner: count(&dims[axis + 1..]) })
    }
}

impl<E: Element> Kernel for Cumsum<E>
where
    Sum: Reduction<E>,
{
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { outer, size, inner } = Self::plan(step)?;
        let x: &[E::Raw] = read(step, data.operands, 0)?;
        let grid = Grid { groups: outer, rows: size, cols: inner, tile_rows: size, tile_cols: 64 };
        share(threads, write(step, data.results)?, grid, &mut [] as &mut [u8], 0, |mut tile: Tile<'_, E::Raw>, _| {
            for col in 0..tile.cols {
                let mut sum = Sum::START;
                for row in 0..tile.rows {
                    sum = Sum::add(sum, x[(tile.group * size + row) * inner + tile.col + col]);
                    tile.row_mut(row)[col] = Sum::finish(sum);
                }
            }
        })
    }
}
