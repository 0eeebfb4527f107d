//! Convolutions with one output channel in each group, line by line.

use super::windows::Window;
use crate::epilogue::Epilogue;
use crate::gemm::Size;
use crate::isa::{Body, Isa, Vector};
use crate::number::{Number, Numeric};
use crate::tiles::{Grid, Tile, share};
use m4c_runtime::error::Code;
use m4c_runtime::executor::Threads;

/// A convolution with one output channel in each group, such as a depthwise one: too low for a matrix product, which
/// would lay out every window for a single use.
pub(super) struct Direct<'a, E: Numeric, F> {
    pub(super) x: &'a [E::Raw],
    pub(super) w: &'a [E::Raw],
    /// What is done to the elements of a group.
    pub(super) epilogue: F,
    pub(super) size: Size,
    pub(super) groups: usize,
    pub(super) window: Window,
}

/// The lines of the result along the last axis as rows.
pub(super) fn direct_grid(size: &Size, window: &Window) -> Grid {
    let [_, _, cols] = window.output;
    let tile_rows = (16384 / cols.saturating_mul(size.k).max(1)).max(1);
    let rows = size.cols / cols.max(1);
    Grid { groups: size.groups, rows, cols, tile_rows, tile_cols: cols }
}

/// Numbers of working memory of one job.
pub(super) fn direct_piece<E: Numeric>(grid: &Grid) -> usize {
    if E::IS_NUMBER { 0 } else { grid.tile_rows.min(grid.rows) * grid.cols }
}

impl<'a, E: Numeric, F: Fn(usize) -> Epilogue<'a, E::Raw> + Sync> Direct<'a, E, F> {
    pub(super) fn run_on(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::F32;
    use crate::epilogue::Bias;
    use crate::step::count;
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
