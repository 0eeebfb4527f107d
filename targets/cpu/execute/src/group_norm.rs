//! `group_norm_f32`: elements shifted and scaled to mean 0 and variance 1 over groups of channels, then by a scale and
//! a bias of each channel.
//!
//! Operands: `x` `[n, c, ..]`, `scale` and `bias` of c elements, `eps` of one. Parameter: the number of groups, which
//! divides c; optionally the number of an [`Activation`]. Sums are accumulated in f64.

use crate::element::{Element, F32};
use crate::epilogue::Activation;
use crate::isa::{Body, Isa, Vector};
use crate::norm::sum;
use crate::step::{arity, count, operand, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The kernel.
pub(crate) struct GroupNorm;

struct Plan {
    /// Groups of all batches.
    all_groups: usize,
    groups: usize,
    /// Channels of a group.
    channels: usize,
    /// Elements of a channel.
    inner: usize,
    activation: Activation,
}

fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
    arity(step, 4, 1)?;
    let dims = operand(step, 0, F32::DTYPE)?;
    require(dims == result(step, F32::DTYPE)?)?;
    let [batch, channels, inner @ ..] = &*dims else { return Err(Code::BadStep) };
    for vector in [1, 2] {
        require(count(&operand(step, vector, F32::DTYPE)?) == *channels)?;
    }
    require(count(&operand(step, 3, F32::DTYPE)?) == 1)?;
    let (groups, activation) = match *step.params {
        [groups] => (groups, Activation::None),
        [groups, number] => (groups, Activation::from_number(number).ok_or(Code::BadStep)?),
        _ => return Err(Code::BadStep),
    };
    let groups = usize::try_from(groups).map_err(|_| Code::BadStep)?;
    require(groups > 0 && channels.is_multiple_of(groups))?;
    let all_groups = if count(&dims) == 0 { 0 } else { batch * groups };
    Ok(Plan { all_groups, groups, channels: channels / groups, inner: count(inner), activation })
}

impl Kernel for GroupNorm {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = plan(step)?;
        let x: &[f32] = read(step, data.operands, 0)?;
        let vectors: [&[f32]; 2] = [read(step, data.operands, 1)?, read(step, data.operands, 2)?];
        let eps: &[f32] = read(step, data.operands, 3)?;
        let size = plan.channels * plan.inner;
        let out = write(step, data.results)?;
        let grid = Grid { groups: 1, rows: plan.all_groups, cols: size, tile_rows: 1, tile_cols: size };
        let isa = Isa::best();
        share(threads, out, grid, &mut [] as &mut [u8], 0, |tile, _| {
            isa.run(Group { plan: &plan, x, vectors, eps: eps[0], tile });
        })
    }
}

/// One group of one batch.
struct Group<'a> {
    plan: &'a Plan,
    x: &'a [f32],
    vectors: [&'a [f32]; 2],
    eps: f32,
    tile: Tile<'a, f32>,
}

impl Body for Group<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let (plan, size, number) = (self.plan, self.tile.cols, self.tile.row);
        let x = &self.x[number * size..][..size];
        let mean = (sum(x, f64::from) / size as f64) as f32;
        let squares = sum(x, |x| {
            let x = f64::from(x - mean);
            x * x
        });
        let factor = (1.0 / libm::sqrt(squares / size as f64 + f64::from(self.eps))) as f32;
        let first = number % plan.groups * plan.channels;
        let [scale, bias] = self.vectors.map(|vector| &vector[first..][..plan.channels]);
        let out = self.tile.row_mut(0);
        let lines = out.chunks_exact_mut(plan.inner).zip(x.chunks_exact(plan.inner));
        for ((out, x), (&scale, &bias)) in lines.zip(scale.iter().zip(bias)) {
            for (out, x) in out.chunks_mut(512).zip(x.chunks(512)) {
                out.iter_mut().zip(x).for_each(|(out, &x)| *out = (x - mean) * factor * scale + bias);
                plan.activation.apply(out);
            }
        }
    }
}
