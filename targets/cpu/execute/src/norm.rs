//! `layer_norm_f32` and `rms_norm_f32`: normalization over the trailing axes.
//!
//! `layer_norm_f32`: operands `x`, `scale`, optional `bias`, `eps`; `(x - mean) / √(variance + eps) * scale + bias`.
//! `rms_norm_f32`: operands `x`, `scale`, `eps`; `x / √(mean of squares + eps) * scale`. Parameter: the first
//! normalized axis. `scale` and `bias` have an element for each place in the normalized axes; `eps` is one element.
//! Sums are accumulated in f64.

use crate::element::{Element, F32};
use crate::isa::{Body, Isa, Vector};
use crate::step::{arity, axis, count, operand, optional, read, read_optional, require, result, write};
use crate::tiles::{Grid, Tile, share};
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// Independent accumulators along a row.
const LANES: usize = 16;

/// Normalizes to mean 0 and variance 1.
pub(crate) struct LayerNorm;

/// Normalizes to mean square 1.
pub(crate) struct RmsNorm;

struct Plan {
    rows: usize,
    size: usize,
}

/// `vectors` are the operands with an element for each normalized place; the operand after them is `eps`.
fn plan(step: &StepShape<'_>, vectors: core::ops::Range<usize>) -> Result<Plan, Code> {
    arity(step, vectors.end + 1, 1)?;
    let dims = operand(step, 0, F32::DTYPE)?;
    require(dims == result(step, F32::DTYPE)?)?;
    let &[param] = step.params else { return Err(Code::BadStep) };
    let axis = axis(param, dims.len())?;
    let size = count(&dims[axis..]);
    operand(step, 1, F32::DTYPE)?;
    for index in vectors.clone() {
        require(optional(step, index, F32::DTYPE)?.is_none_or(|vector| count(&vector) == size))?;
    }
    require(count(&operand(step, vectors.end, F32::DTYPE)?) == 1)?;
    Ok(Plan { rows: count(&dims[..axis]), size })
}

/// The operands of one of the kernels.
#[derive(Clone, Copy)]
struct Operands<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    bias: Option<&'a [f32]>,
    eps: f32,
    /// Whether the mean is subtracted.
    centered: bool,
}

fn compute(isa: Isa, plan: &Plan, operands: Operands<'_>, out: &mut [f32], threads: &dyn Threads) -> Result<(), Code> {
    let &Plan { rows, size } = plan;
    let tile_rows = (8192 / size.max(1)).max(1);
    let grid = Grid { groups: 1, rows, cols: size, tile_rows, tile_cols: size };
    share(threads, out, grid, &mut [] as &mut [u8], 0, |tile, _| isa.run(Rows { operands, tile }))
}

impl Kernel for LayerNorm {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step, 1..3).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = plan(step, 1..3)?;
        let operands = Operands {
            x: read(step, data.operands, 0)?,
            scale: read(step, data.operands, 1)?,
            bias: read_optional(step, data.operands, 2)?,
            eps: read(step, data.operands, 3)?[0],
            centered: true,
        };
        compute(Isa::best(), &plan, operands, write(step, data.results)?, threads)
    }
}

impl Kernel for RmsNorm {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step, 1..2).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = plan(step, 1..2)?;
        let operands = Operands {
            x: read(step, data.operands, 0)?,
            scale: read(step, data.operands, 1)?,
            bias: None,
            eps: read(step, data.operands, 2)?[0],
            centered: false,
        };
        compute(Isa::best(), &plan, operands, write(step, data.results)?, threads)
    }
}

/// Whole rows of the result.
struct Rows<'a> {
    operands: Operands<'a>,
    tile: Tile<'a, f32>,
}

impl Body for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let Operands { x, scale, bias, eps, centered } = self.operands;
        let size = self.tile.cols;
        for row in 0..self.tile.rows {
            let x = &x[(self.tile.row + row) * size..][..size];
            let mean = if centered { (sum(x, f64::from) / size as f64) as f32 } else { 0.0 };
            let squares = sum(x, |x| {
                let x = f64::from(x - mean);
                x * x
            });
            let factor = (1.0 / libm::sqrt(squares / size as f64 + f64::from(eps))) as f32;
            let out = self.tile.row_mut(row);
            for ((out, &x), &scale) in out.iter_mut().zip(x).zip(scale) {
                *out = (x - mean) * factor * scale;
            }
            if let Some(bias) = bias {
                out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
        }
    }
}

/// The sum of a function of the elements.
#[inline(always)]
pub(crate) fn sum(x: &[f32], function: impl Fn(f32) -> f64) -> f64 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] += function(block[lane]);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += function(x);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_runtime::executor::SingleThread;

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let x: Vec<f32> = (0..3090).map(|i| (i * 7919 % 1009) as f32 / 50.0).collect();
        for centered in [false, true] {
            let operands = Operands { x: &x, scale: &x[..309], bias: Some(&x[309..618]), eps: 1e-5, centered };
            let results = Isa::all().into_iter().map(|isa| {
                let mut out = vec![f32::NAN; x.len()];
                compute(isa, &Plan { rows: 10, size: 309 }, operands, &mut out, &SingleThread).unwrap();
                out
            });
            let results: Vec<_> = results.collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}
