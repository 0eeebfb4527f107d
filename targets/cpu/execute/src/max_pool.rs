//! `max_pool_T`: the largest element in a window that slides over up to three spatial axes; NaN wins.
//!
//! Operand: `x` [batch, channels, spatial…]. Parameters for each spatial axis: `window`, `stride`, `dilation`, `low`,
//! `high`. A window that covers no element gives -∞.

use crate::element::Float;
use crate::step::{arity, count, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// Most spatial axes; fewer count as leading ones of size 1.
const AXES: usize = 3;

/// The kernel for one type.
pub(crate) struct MaxPool<E>(PhantomData<E>);

impl<E> MaxPool<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

#[derive(Clone, Copy)]
struct Axis {
    from: usize,
    to: usize,
    window: usize,
    stride: usize,
    dilation: usize,
    low: usize,
}

impl Axis {
    const NONE: Axis = Axis { from: 1, to: 1, window: 1, stride: 1, dilation: 1, low: 0 };

    /// The elements that the window for element `at` of the result covers.
    fn covered(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let Axis { from, window, stride, dilation, low, .. } = *self;
        let start = at * stride;
        // Elements of the window before the first and after the last of `x` are not even counted: there may be billions.
        let first = low.saturating_sub(start).div_ceil(dilation).min(window);
        let end = (low + from).saturating_sub(start).div_ceil(dilation).min(window);
        (first..end).map(move |i| start + i * dilation - low)
    }
}

fn plan<E: Float>(step: &StepShape<'_>) -> Result<[Axis; AXES], Code> {
    arity(step, 1, 1)?;
    let (from, to) = (operand(step, 0, E::DTYPE)?, result(step, E::DTYPE)?);
    let spatial = from.len().checked_sub(2).ok_or(Code::BadStep)?;
    require((1..=AXES).contains(&spatial) && to.len() == from.len() && to[..2] == from[..2])?;
    require(step.params.len() == 5 * spatial)?;
    let mut axes = [Axis::NONE; AXES];
    for (i, params) in step.params.chunks_exact(5).enumerate() {
        let mut sizes = [0usize; 5];
        for (size, &param) in sizes.iter_mut().zip(params) {
            // Products of two of these do not overflow.
            *size = u32::try_from(param).map_err(|_| Code::BadStep)? as usize;
        }
        let [window, stride, dilation, low, high] = sizes;
        require(window > 0 && stride > 0 && dilation > 0)?;
        let (from, to) = (from[2 + i], to[2 + i]);
        let padded = from.checked_add(low + high).ok_or(Code::BadStep)?;
        let room = padded.checked_sub((window - 1) * dilation + 1).ok_or(Code::BadStep)?;
        require(to == room / stride + 1)?;
        axes[AXES - spatial + i] = Axis { from, to, window, stride, dilation, low };
    }
    Ok(axes)
}

impl<E: Float> Kernel for MaxPool<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan::<E>(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let [depth, height, width] = plan::<E>(step)?;
        let x: &[E::Raw] = read(step, data.operands, 0)?;
        let channel = count(&[depth.from, height.from, width.from]);
        let cost = count(&[depth.window, height.window, width.window]);
        flat(threads, write(step, data.results)?, cost, |start, out| {
            for (i, out) in out.iter_mut().enumerate() {
                let (rest, col) = ((start + i) / width.to, (start + i) % width.to);
                let (rest, row) = (rest / height.to, rest % height.to);
                let (group, plane) = (rest / depth.to, rest % depth.to);
                let mut best = f32::NEG_INFINITY;
                for plane in depth.covered(plane) {
                    for row in height.covered(row) {
                        let line = &x[group * channel + (plane * height.from + row) * width.from..][..width.from];
                        for x in width.covered(col).map(|col| E::to_f32(line[col])) {
                            best = if best > x || best.is_nan() { best } else { x };
                        }
                    }
                }
                *out = E::from_f32(best);
            }
        })
    }
}
