//! `softmax_f32`: exponentials divided by their sum along an axis, after the largest element was subtracted.
//!
//! Operand: `x`. Parameter: the axis. Where all elements are -inf the result is NaN, as the subtraction makes it.

use crate::element::{Element, F32};
use crate::isa::{Body, Isa, Vector};
use crate::math::{exp, larger};
use crate::step::{arity, axis, count, operand, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// Independent accumulators along a row.
const LANES: usize = 16;
/// Columns that are computed side by side where the axis is not the last.
const COLUMNS: usize = 64;

/// The kernel.
pub(crate) struct Softmax;

struct Plan {
    outer: usize,
    size: usize,
    inner: usize,
}

fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
    arity(step, 1, 1)?;
    let dims = operand(step, 0, F32::DTYPE)?;
    require(dims == result(step, F32::DTYPE)?)?;
    let &[param] = step.params else { return Err(Code::BadStep) };
    let axis = axis(param, dims.len())?;
    Ok(Plan { outer: count(&dims[..axis]), size: dims[axis], inner: count(&dims[axis + 1..]) })
}

impl Kernel for Softmax {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        compute(Isa::best(), &plan(step)?, read(step, data.operands, 0)?, write(step, data.results)?, threads)
    }
}

fn compute(isa: Isa, plan: &Plan, x: &[f32], out: &mut [f32], threads: &dyn Threads) -> Result<(), Code> {
    let &Plan { outer, size, inner } = plan;
    let grid = if inner == 1 {
        let tile_rows = (4096 / size.max(1)).max(1);
        Grid { groups: 1, rows: outer, cols: size, tile_rows, tile_cols: size }
    } else {
        Grid { groups: outer, rows: size, cols: inner, tile_rows: size, tile_cols: COLUMNS }
    };
    share(threads, out, grid, &mut [] as &mut [u8], 0, |tile, _| {
        if inner == 1 {
            isa.run(Rows { x, tile });
        } else {
            isa.run(Across { x: &x[tile.group * size * inner..][..size * inner], inner, tile });
        }
    })
}

/// Whole rows of the result.
struct Rows<'a> {
    x: &'a [f32],
    tile: Tile<'a, f32>,
}

impl Body for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let size = self.tile.cols;
        for row in 0..self.tile.rows {
            let x = &self.x[(self.tile.row + row) * size..][..size];
            softmax(x, self.tile.row_mut(row));
        }
    }
}

/// The softmax of one row.
#[inline(always)]
fn softmax(x: &[f32], out: &mut [f32]) {
    let (blocks, rest) = x.as_chunks::<LANES>();
    // What is left is a block, too, filled up with what weighs nothing.
    let mut last = [f32::NEG_INFINITY; LANES];
    last[..rest.len()].copy_from_slice(rest);
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let last_in = (!rest.is_empty()).then_some(&last);
    for block in blocks.iter().chain(last_in) {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], block[lane]);
        }
    }
    let largest = lanes.into_iter().fold(f32::NEG_INFINITY, larger);

    let mut sums = [0.0f64; LANES];
    let (out_blocks, out_rest) = out.as_chunks_mut::<LANES>();
    let mut last_out = [0.0; LANES];
    for (out, block) in out_blocks.iter_mut().zip(blocks).chain(last_in.map(|last| (&mut last_out, last))) {
        for lane in 0..LANES {
            out[lane] = exp(block[lane] - largest);
        }
        for lane in 0..LANES {
            sums[lane] += f64::from(out[lane]);
        }
    }
    out_rest.copy_from_slice(&last_out[..out_rest.len()]);
    let sum = sums.iter().sum::<f64>() as f32;
    out.iter_mut().for_each(|out| *out /= sum);
}

/// Some columns of one matrix, softmax running down each.
struct Across<'a> {
    x: &'a [f32],
    inner: usize,
    tile: Tile<'a, f32>,
}

impl Body for Across<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let (first, cols) = (self.tile.col, self.tile.cols);
        let line = |row: usize| &self.x[row * self.inner + first..][..cols];
        let mut largest = [f32::NEG_INFINITY; COLUMNS];
        let mut sums = [0.0f64; COLUMNS];
        for row in 0..self.tile.rows {
            largest.iter_mut().zip(line(row)).for_each(|(largest, &x)| *largest = larger(*largest, x));
        }
        for row in 0..self.tile.rows {
            let out = self.tile.row_mut(row);
            for ((out, &x), &largest) in out.iter_mut().zip(line(row)).zip(&largest) {
                *out = exp(x - largest);
            }
            sums.iter_mut().zip(out).for_each(|(sum, out)| *sum += f64::from(*out));
        }
        let sums = sums.map(|sum| sum as f32);
        for row in 0..self.tile.rows {
            self.tile.row_mut(row).iter_mut().zip(&sums).for_each(|(out, sum)| *out /= sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_runtime::executor::SingleThread;

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let x: Vec<f32> = (0..6000).map(|i| (i * 7919 % 1009) as f32 / 50.0).collect();
        for inner in [1, 3, 100] {
            let plan = Plan { outer: 2, size: 3000 / inner, inner };
            let results = Isa::all().into_iter().map(|isa| {
                let mut out = vec![f32::NAN; x.len()];
                compute(isa, &plan, &x, &mut out, &SingleThread).unwrap();
                out
            });
            let results: Vec<_> = results.collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}
