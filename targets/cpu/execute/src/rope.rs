//! `rope_f32`: the first elements of each row turned in pairs by angles, `(a * cos - b * sin, a * sin + b * cos)`; the
//! others stay. The bits are those of the single multiplications, subtractions and additions.
//!
//! Operands: `x`, `cos`, `sin`; result `[batch, heads, positions, width]`. Parameters: `interleaved` (1 where neighbors
//! are a pair, 0 where the first `pairs` elements pair up with the next), `pairs`, at most half of `width`; then where
//! the first element lies and how far apart its neighbors are, for x along batch, heads, positions and width, for cos
//! and for sin along batch, positions and pairs. Each lies element by element along its last axis; along the others it
//! may stay, which broadcasts it.

use crate::element::{Element, F32};
use crate::isa::{Body, Isa, Vector};
use crate::lie::Lie;
use crate::step::{arity, count, operand, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads, Work};

/// Elements that are worth a job.
const LEAST: usize = 8192;

/// The kernel.
pub(crate) struct Rope;

struct Plan {
    heads: usize,
    positions: usize,
    width: usize,
    /// Rows of all heads.
    rows: usize,
    pairs: usize,
    interleaved: bool,
    x: Lie<4>,
    cos: Lie<3>,
    sin: Lie<3>,
}

fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
    arity(step, 3, 1)?;
    let &[interleaved, pairs, ref lies @ ..] = step.params else { return Err(Code::BadStep) };
    require(lies.len() == 13 && [0, 1].contains(&interleaved))?;
    let dims = result(step, F32::DTYPE)?;
    let &[batch, heads, positions, width] = &*dims else { return Err(Code::BadStep) };
    let pairs = usize::try_from(pairs).map_err(|_| Code::BadStep)?;
    require(pairs <= width / 2)?;
    let elements = |index: usize| operand(step, index, F32::DTYPE).map(|dims| count(&dims));
    let x = Lie::new(&lies[..5], [batch, heads, positions, width], elements(0)?)?;
    let angles = [batch, positions, pairs];
    let (cos, sin) = (Lie::new(&lies[5..9], angles, elements(1)?)?, Lie::new(&lies[9..], angles, elements(2)?)?);
    require(x.steps[3] == 1 || width <= 1)?;
    require(pairs <= 1 || cos.steps[2] == 1 && sin.steps[2] == 1)?;
    let rows = count(&[batch, heads, positions]);
    Ok(Plan { heads, positions, width, rows, pairs, interleaved: interleaved == 1, x, cos, sin })
}

impl Kernel for Rope {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = plan(step)?;
        let input = |index: usize| read(step, data.operands, index);
        compute(Isa::best(), &plan, [input(0)?, input(1)?, input(2)?], write(step, data.results)?, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::picking(step, 1)
    }
}

fn compute(isa: Isa, plan: &Plan, inputs: [&[f32]; 3], out: &mut [f32], threads: &dyn Threads) -> Result<(), Code> {
    let tile_rows = (LEAST / plan.width.max(1)).max(1);
    let grid = Grid { groups: 1, rows: plan.rows, cols: plan.width, tile_rows, tile_cols: plan.width };
    share(threads, out, grid, &mut [] as &mut [u8], 0, |tile, _| isa.run(Rows { plan, inputs, tile }))
}

/// Whole rows of the result.
struct Rows<'a> {
    plan: &'a Plan,
    inputs: [&'a [f32]; 3],
    tile: Tile<'a, f32>,
}

impl Body for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let &Plan { heads, positions, width, pairs, interleaved, x: lie, cos: lie_cos, sin: lie_sin, .. } = self.plan;
        let [x, cos, sin] = self.inputs;
        for row in 0..self.tile.rows {
            let at = self.tile.row + row;
            let (batch, head, position) = (at / positions / heads, at / positions % heads, at % positions);
            let first = lie.first + batch * lie.steps[0] + head * lie.steps[1] + position * lie.steps[2];
            // Without pairs, angles may lie anywhere.
            let angles = |all: &[f32], lie: &Lie<3>| -> usize {
                if pairs == 0 { all.len() } else { lie.first + batch * lie.steps[0] + position * lie.steps[1] }
            };
            let cos = &cos[angles(cos, &lie_cos)..][..pairs];
            let sin = &sin[angles(sin, &lie_sin)..][..pairs];
            let (x, x_rest) = x[first..][..width].split_at(2 * pairs);
            let (out, out_rest) = self.tile.row_mut(row).split_at_mut(2 * pairs);
            if interleaved {
                turn_neighbors(x, cos, sin, out);
            } else {
                turn_halves(x, cos, sin, out);
            }
            out_rest.copy_from_slice(x_rest);
        }
    }
}

/// Turns a row of which the two halves pair up.
#[inline(always)]
fn turn_halves(x: &[f32], cos: &[f32], sin: &[f32], out: &mut [f32]) {
    let pairs = cos.len();
    let ((left, right), sin) = (x.split_at(pairs), &sin[..pairs]);
    let (to_left, to_right) = out.split_at_mut(pairs);
    let (right, to_right) = (&right[..pairs], &mut to_right[..pairs]);
    for i in 0..pairs {
        to_left[i] = left[i] * cos[i] - right[i] * sin[i];
        to_right[i] = left[i] * sin[i] + right[i] * cos[i];
    }
}

/// Turns a row of which neighbors are pairs.
#[inline(always)]
fn turn_neighbors(x: &[f32], cos: &[f32], sin: &[f32], out: &mut [f32]) {
    let pairs = out.as_chunks_mut::<2>().0.iter_mut().zip(x.as_chunks::<2>().0);
    for ((out, &[a, b]), (&cos, &sin)) in pairs.zip(cos.iter().zip(sin)) {
        *out = [a * cos - b * sin, a * sin + b * cos];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_runtime::executor::SingleThread;

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let numbers: Vec<f32> = (0..3000).map(|i| (i * 7919 % 1009) as f32 / 504.0 - 1.0).collect();
        for interleaved in [false, true] {
            let plan = Plan {
                heads: 3,
                positions: 5,
                width: 77,
                rows: 30,
                pairs: 37,
                interleaved,
                x: Lie { first: 3, steps: [0, 77, 240, 1] },
                cos: Lie { first: 0, steps: [40, 200, 1] },
                sin: Lie { first: 1, steps: [0, 37, 1] },
            };
            let results = Isa::all().into_iter().map(|isa| {
                let mut out = vec![f32::NAN; 30 * 77];
                compute(isa, &plan, [&numbers, &numbers[7..], &numbers[70..]], &mut out, &SingleThread).unwrap();
                out
            });
            let results: Vec<_> = results.collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}
