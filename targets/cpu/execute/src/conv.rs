//! `conv_T`: convolution over one to three spatial axes.
//!
//! Operands: `x` `[n, c, ..]`, `w` `[o, c / groups, ..]`, optional `bias` of o elements, optional `residual` like the
//! result. Parameters: `groups`, then for each spatial axis `stride`, `dilation`, `pad_low`, `pad_high`, then optionally
//! `activation`; it and `residual` exist only for `f32`, see [`epilogue`](crate::epilogue). It is a matrix product of the weights and the windows of
//! `x`, which are laid out panel by panel while they are needed.

use crate::epilogue::{self, Activation, Bias, Epilogue};
use crate::gemm::{Columns, Product, Row, Size, Stored, multiply};
use crate::isa::{Body, Isa, Vector};
use crate::layout::PANEL;
use crate::number::{Number, Numeric};
use crate::step::{count, operand, present, read, read_optional, require, result, scratch, write};
use crate::tiles::{Grid, Tile, share};
use core::marker::PhantomData;
use core::ops::Range;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads, Work};

/// Spatial axes; fewer are filled up with leading axes of size 1.
const SPACE: usize = 3;

/// The kernel for one type.
pub(crate) struct Conv<E>(PhantomData<E>);

impl<E> Conv<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

struct Plan {
    /// A product for each batch and group of channels.
    size: Size,
    groups: usize,
    window: Window,
    activation: Activation,
}

/// How the windows lie in the input.
#[derive(Clone, Copy)]
struct Window {
    input: [usize; SPACE],
    kernel: [usize; SPACE],
    output: [usize; SPACE],
    stride: [usize; SPACE],
    dilation: [usize; SPACE],
    low: [usize; SPACE],
}

fn plan<E: Numeric>(step: &StepShape<'_>) -> Result<Plan, Code> {
    let (x, w, out) = (operand(step, 0, E::DTYPE)?, operand(step, 1, E::DTYPE)?, result(step, E::DTYPE)?);
    let ([n, c, input @ ..], [o, c_group, kernel @ ..], [out_n, out_o, output @ ..]) = (&*x, &*w, &*out) else {
        return Err(Code::BadStep);
    };
    let space = input.len();
    require((1..=SPACE).contains(&space) && kernel.len() == space && output.len() == space)?;
    let (&groups, axes) = step.params.split_first().ok_or(Code::BadStep)?;
    let groups = usize::try_from(groups).map_err(|_| Code::BadStep)?;
    let (axes, activation) = axes.split_at_checked(4 * space).ok_or(Code::BadStep)?;
    let activation = epilogue::check::<E>(step, *o, &out, activation)?;
    require(groups > 0 && n == out_n && o == out_o && o % groups == 0)?;
    require(c_group.checked_mul(groups) == Some(*c))?;
    let ones = [1; SPACE];
    let mut window = Window { input: ones, kernel: ones, output: ones, stride: ones, dilation: ones, low: [0; SPACE] };
    for (axis, params) in axes.chunks_exact(4).enumerate() {
        let at = SPACE - space + axis;
        let mut sizes = [0usize; 4];
        for (size, &param) in sizes.iter_mut().zip(params) {
            // Positions are computed in `isize`, so all of them must fit, as all sizes of tensors do.
            *size = usize::try_from(param).map_err(|_| Code::BadStep)?;
        }
        let [stride, dilation, low, high] = sizes;
        require(stride > 0 && dilation > 0 && kernel[axis] > 0)?;
        let reach = (kernel[axis] - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
        let padded = input[axis].checked_add(low).and_then(|size| size.checked_add(high));
        let (Some(reach), Some(padded)) = (reach, padded) else { return Err(Code::BadStep) };
        require(padded <= isize::MAX as usize && reach <= padded)?;
        require(output[axis] == (padded - reach) / stride + 1)?;
        window.input[at] = input[axis];
        window.kernel[at] = kernel[axis];
        window.output[at] = output[axis];
        window.stride[at] = stride;
        window.dilation[at] = dilation;
        window.low[at] = low;
    }
    if count(&out) == 0 {
        return Ok(Plan { size: Size { groups: 0, rows: 0, cols: 0, k: 0 }, groups, window, activation });
    }
    let pointwise = window.kernel == ones && window.stride == ones && window.input == window.output;
    if pointwise && window.low == [0; SPACE] {
        // Every window is one element, so that all axes are one, and panels are contiguous.
        window.input = [1, 1, count(&window.input)];
        window.output = window.input;
    }
    let k = c_group.checked_mul(count(kernel)).ok_or(Code::BadStep)?;
    let size = Size { groups: n * groups, rows: o / groups, cols: count(output), k };
    Ok(Plan { size, groups, window, activation })
}

impl<E: Numeric> Kernel for Conv<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan::<E>(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        let Ok(Plan { size, window, .. }) = plan::<E>(step) else { return 0 };
        if size.rows != 1 {
            return size.scratch::<E>(threads);
        }
        let grid = direct_grid(&size, &window);
        (direct_piece::<E>(&grid) * size_of::<E::Number>()).saturating_mul(threads.max(1))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { size, groups, window, activation } = plan::<E>(step)?;
        let x: &[E::Raw] = read(step, data.operands, 0)?;
        let w: &[E::Raw] = read(step, data.operands, 1)?;
        let bias: Option<&[E::Raw]> = read_optional(step, data.operands, 2)?;
        let residual: Option<&[E::Raw]> = read_optional(step, data.operands, 3)?;
        let epilogue = |group: usize| {
            let (channel, matrix) = (group % groups * size.rows, size.rows * size.cols);
            Epilogue {
                bias: bias.map_or(Bias::None, |bias| Bias::PerRow(&bias[channel..][..size.rows])),
                activation,
                residual: residual.map(|all| &all[group * matrix..][..matrix]),
            }
        };
        let (out, scratch) = (write(step, data.results)?, scratch(data.scratch)?);
        if size.rows == 1 {
            let direct = Direct::<E, _> { x, w, epilogue, size, groups, window };
            return direct.run_on(Isa::best(), out, scratch, threads);
        }
        // Groups of all batches follow one another in `x`, and those of one batch in `w`.
        let channels = x.len().checked_div(size.groups).unwrap_or(0);
        let group = |index: usize| {
            let of_weights = index % groups;
            Product {
                rows: Stored::<E>(&w[of_weights * size.rows * size.k..][..size.rows * size.k]),
                columns: Windows::<E> { x: &x[index * channels..][..channels], window },
                epilogue: epilogue(index),
            }
        };
        multiply::<E, _, _>(Isa::best(), &size, group, out, scratch, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        let taps = present(step, 1).map_or(0, |w| w.dims.iter().skip(1).product());
        Work::multiplying(step, taps)
    }
}

/// A convolution with one output channel in each group, such as a depthwise one: too low for a matrix product, which
/// would lay out every window for a single use.
struct Direct<'a, E: Numeric, F> {
    x: &'a [E::Raw],
    w: &'a [E::Raw],
    epilogue: F,
    size: Size,
    groups: usize,
    window: Window,
}

/// The lines of the result along the last axis as rows.
fn direct_grid(size: &Size, window: &Window) -> Grid {
    let [_, _, cols] = window.output;
    let tile_rows = (16384 / cols.saturating_mul(size.k).max(1)).max(1);
    let rows = size.cols / cols.max(1);
    Grid { groups: size.groups, rows, cols, tile_rows, tile_cols: cols }
}

/// Numbers of working memory of one job.
fn direct_piece<E: Numeric>(grid: &Grid) -> usize {
    if E::IS_NUMBER { 0 } else { grid.tile_rows.min(grid.rows) * grid.cols }
}

impl<'a, E: Numeric, F: Fn(usize) -> Epilogue<'a, E::Raw> + Sync> Direct<'a, E, F> {
    fn run_on(
        &self,
        isa: Isa,
        out: &mut [E::Raw],
        scratch: &mut [E::Number],
        threads: &dyn Threads,
    ) -> Result<(), Code> {
        let grid = direct_grid(&self.size, &self.window);
        share(threads, out, grid, scratch, direct_piece::<E>(&grid), |tile, space| {
            E::with_sums(tile, space, |tile| isa.run(DirectTile { direct: self, tile }));
        })
    }
}

/// Some lines of the result along the last axis.
struct DirectTile<'a, 'd, E: Numeric, F> {
    direct: &'a Direct<'d, E, F>,
    tile: Tile<'a, E::Number>,
}

impl<'d, E: Numeric, F: Fn(usize) -> Epilogue<'d, E::Raw>> Body for DirectTile<'_, 'd, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let &Direct { x, w, ref epilogue, size, groups, window } = self.direct;
        let epilogue = epilogue(self.tile.group);
        let Window { input, kernel, output, stride, dilation, low } = window;
        let channels = x.len() / size.groups;
        let x = &x[self.tile.group * channels..][..channels];
        let channel = self.tile.group % groups;
        let w = &w[channel * size.k..][..size.k];
        for row in 0..self.tile.rows {
            let at = [(self.tile.row + row) / output[1], (self.tile.row + row) % output[1]];
            let first = (self.tile.row + row) * output[2];
            let out = self.tile.row_mut(row);
            out.fill(E::Number::default());
            for (lines, weights) in w.chunks_exact(kernel[2]).enumerate() {
                let place = [lines / kernel[1] % kernel[0], lines % kernel[1]];
                let from: [Option<usize>; 2] = core::array::from_fn(|axis| {
                    let shifted = at[axis] * stride[axis] + place[axis] * dilation[axis];
                    shifted.checked_sub(low[axis]).filter(|&from| from < input[axis])
                });
                let [Some(z), Some(y)] = from else { continue };
                let line = ((lines / kernel[1] / kernel[0] * input[0] + z) * input[1] + y) * input[2];
                let line = &x[line..line + input[2]];
                for (place, &weight) in weights.iter().enumerate() {
                    let weight = E::number(weight);
                    // The outputs whose windows have this place inside the line.
                    let shift = place * dilation[2];
                    let first = low[2].saturating_sub(shift).div_ceil(stride[2]);
                    let end = (input[2] + low[2]).saturating_sub(shift).div_ceil(stride[2]).min(output[2]);
                    if first >= end {
                        continue;
                    }
                    let (out, line) = (&mut out[first..end], &line[first * stride[2] + shift - low[2]..]);
                    let add = |(out, &x): (&mut E::Number, &E::Raw)| {
                        *out = E::Number::multiply_add::<V>(weight, E::number(x), *out);
                    };
                    if stride[2] == 1 {
                        out.iter_mut().zip(line).for_each(add);
                    } else {
                        out.iter_mut().zip(line.iter().step_by(stride[2])).for_each(add);
                    }
                }
            }
            epilogue.apply::<E>(0, first, size.cols, out);
        }
    }
}

/// The windows of some channels as the columns of a matrix.
struct Windows<'a, E: Numeric> {
    x: &'a [E::Raw],
    window: Window,
}

impl<E: Numeric> Columns<E::Number> for Windows<'_, E> {
    #[inline(always)]
    fn panel<'a>(&'a self, k: Range<usize>, first: usize, space: &'a mut [Row<E::Number>]) -> &'a [Row<E::Number>] {
        let Window { input, kernel, output, stride, dilation, low } = self.window;
        let plane = input[0] * input[1] * input[2];
        let width = PANEL.min(output[0] * output[1] * output[2] - first);
        // The first element of each window; a lane beyond the last column lies outside everywhere.
        let mut corner = [[isize::MIN / 2; PANEL]; SPACE];
        for (lane, column) in (first..first + width).enumerate() {
            let at = [column / output[2] / output[1], column / output[2] % output[1], column % output[2]];
            for axis in 0..SPACE {
                corner[axis][lane] = (at[axis] * stride[axis]) as isize - low[axis] as isize;
            }
        }
        let neighbors = width == PANEL && stride[2] == 1 && first % output[2] + PANEL <= output[2];
        for (row, k) in space.iter_mut().zip(k) {
            let place = [k / kernel[2] / kernel[1] % kernel[0], k / kernel[2] % kernel[1], k % kernel[2]];
            let channel = k / kernel[2] / kernel[1] / kernel[0] * plane;
            let shift: [isize; SPACE] = core::array::from_fn(|axis| (place[axis] * dilation[axis]) as isize);
            if neighbors {
                let at: [isize; SPACE] = core::array::from_fn(|axis| corner[axis][0] + shift[axis]);
                let inside = (0..2).all(|axis| (0..input[axis] as isize).contains(&at[axis]));
                if !inside {
                    *row = [E::Number::default(); PANEL];
                    continue;
                }
                let line = channel + (at[0] as usize * input[1] + at[1] as usize) * input[2];
                let line = &self.x[line..line + input[2]];
                if let Some(from) = usize::try_from(at[2]).ok().and_then(|at| line.get(at..)?.first_chunk::<PANEL>()) {
                    *row = from.map(E::number);
                    continue;
                }
            }
            for lane in 0..PANEL {
                let at: [isize; SPACE] = core::array::from_fn(|axis| corner[axis][lane] + shift[axis]);
                let inside = (0..SPACE).all(|axis| (0..input[axis] as isize).contains(&at[axis]));
                row[lane] = if inside {
                    let [z, y, x] = at.map(|at| at as usize);
                    E::number(self.x[channel + (z * input[1] + y) * input[2] + x])
                } else {
                    E::Number::default()
                };
            }
        }
        space
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::F32;
    use m4c_runtime::executor::SingleThread;

    #[test]
    fn every_instruction_set_agrees_on_direct_convolutions() {
        let numbers: Vec<f32> = (0..2000).map(|i| (i * 7919 % 1009) as f32 / 504.0 - 1.0).collect();
        for stride in [1, 2] {
            let output = [1, 19, 38 / stride + 1];
            let window = Window {
                input: [1, 20, 40],
                kernel: [1, 4, 3],
                output,
                stride: [1, 1, stride],
                dilation: [1, 1, 1],
                low: [0, 1, 0],
            };
            let size = Size { groups: 2, rows: 1, cols: count(&output), k: 12 };
            let epilogue = |group: usize| Epilogue { bias: Bias::PerRow(&numbers[7 + group..]), ..Epilogue::NONE };
            let (x, w) = (&numbers[..1600], &numbers[1600..1624]);
            let direct = Direct::<F32, _> { x, w, epilogue, size, groups: 2, window };
            let results = Isa::all().into_iter().map(|isa| {
                let mut out = vec![f32::NAN; 2 * size.cols];
                direct.run_on(isa, &mut out, &mut [], &SingleThread).unwrap();
                out
            });
            let results: Vec<_> = results.collect();
            let near = |pair: &[Vec<f32>]| pair[0].iter().zip(&pair[1]).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(results.windows(2).all(near));
        }
    }
}
