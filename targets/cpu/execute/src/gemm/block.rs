//! A tile of a matrix product, stretch by stretch of k.

use super::grid::{BLOCK, FEW_ROWS, LOW, MOST_COLS, rows_at_once};
use super::{Call, Columns, Product, Rows};
use crate::isa::{Body, Vector};
use crate::layout::PANEL;
use crate::number::{Number, Numeric};
use crate::tiles::Tile;

/// Rows of a matrix that few rows meet at a time where it lies row by row.
const DEEP: usize = 8;

/// One tile.
pub(super) struct TileProduct<'a, 'b, E: Numeric, R, C> {
    pub(super) product: &'a Product<'b, E::Raw, R, C>,
    pub(super) k: usize,
    /// Columns of the whole matrix.
    pub(super) cols: usize,
    pub(super) tile: Tile<'a, E::Number>,
    /// How many columns further the tile begins that this thread probably takes next.
    pub(super) next: usize,
    pub(super) scratch: &'a mut [E::Number],
}

impl<E: Numeric, R: Rows<E::Number>, C: Columns<E::Number>> Body for TileProduct<'_, '_, E, R, C> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        match self.product.columns.row_major() {
            Some((matrix, stride)) if self.tile.rows < LOW => self.stream::<V>(matrix, stride),
            _ if self.k == 0 => {
                (0..self.tile.rows).for_each(|row| self.tile.row_mut(row).fill(E::Number::default()));
                self.finish(0, self.tile.rows);
            }
            _ => self.blocks::<V>(),
        }
    }
}

impl<E: Numeric, R: Rows<E::Number>, C: Columns<E::Number>> TileProduct<'_, '_, E, R, C> {
    /// Rows from `row` on are complete.
    #[inline(always)]
    fn finish(&mut self, row: usize, rows: usize) {
        let (first, col) = (self.tile.row, self.tile.col);
        for row in row..row + rows {
            self.product.epilogue.apply::<E>(first + row, col, self.cols, self.tile.row_mut(row));
        }
    }

    #[inline(always)]
    fn blocks<V: Vector>(&mut self) {
        let product = self.product;
        let (rows, cols) = (self.tile.rows, self.tile.cols);
        let depth = self.k.div_ceil(self.k.div_ceil(BLOCK));
        let scratch = core::mem::take(&mut self.scratch);
        let (a_space, b_space) = scratch.split_at_mut(rows_at_once(rows) * depth);
        // Equal heights, so that no micro-kernel has much fewer rows than the others.
        let groups = rows.div_ceil(V::ROWS);
        for start in (0..self.k).step_by(depth) {
            let k = start..(start + depth).min(self.k);
            let laid_out = rows <= FEW_ROWS;
            let (a_space, few) = if laid_out {
                let first = self.tile.row;
                let few = product.rows.block(first..first + rows, k.clone(), &mut a_space[..rows * k.len()]);
                (&mut [][..], few)
            } else {
                (&mut *a_space, (&[][..], 0))
            };
            for col in (0..cols).step_by(MOST_COLS) {
                let width = MOST_COLS.min(cols - col);
                let first = self.tile.col + col;
                let b_space = &mut b_space[..width.next_multiple_of(PANEL) * k.len()];
                let (b, b_stride) = product.columns.panels(k.clone(), first..first + width, b_space);
                // What comes next of panels that are in place: further columns, the first ones further along k, or another tile.
                // That only guides what is asked for, so it may be anywhere.
                let along = |columns: usize| (columns / PANEL).wrapping_mul(b_stride).cast_signed();
                let next = if col + width < cols {
                    along(MOST_COLS)
                } else if k.end < self.k {
                    (k.len() * PANEL).cast_signed().wrapping_sub(along(col))
                } else {
                    along(self.next).wrapping_sub(along(col)).wrapping_sub((k.start * PANEL).cast_signed())
                };
                let mut row = 0;
                for group in 0..groups {
                    let height = (rows - row).div_ceil(groups - group);
                    let (a, a_stride) = if laid_out {
                        (&few.0[row * few.1..], few.1)
                    } else {
                        let first = self.tile.row + row;
                        product.rows.block(first..first + height, k.clone(), &mut a_space[..height * k.len()])
                    };
                    // Each group asks for its share.
                    let ahead = next.wrapping_add((k.len() * group / groups * PANEL).cast_signed());
                    // The rows of the next group, a few with each call.
                    let after = self.tile.row + row + height;
                    let height_after = (rows - row - height).checked_div(groups - group - 1).unwrap_or(0);
                    let all = width.div_ceil(PANEL);
                    let mut panel = 0;
                    while panel * PANEL < width {
                        let panels = E::Number::panels::<V>(height, all - panel);
                        if !laid_out {
                            let share = |panel: usize| after + height_after * panel / all;
                            product.rows.ask::<V>(share(panel)..share(panel + panels), k.clone());
                        }
                        let across = col + panel * PANEL..col + ((panel + panels) * PANEL).min(width);
                        E::Number::product::<V>(Call {
                            depth: k.len(),
                            a,
                            a_stride,
                            b: &b[panel * b_stride..],
                            b_stride,
                            ahead,
                            out: self.tile.part(row..row + height, across),
                            add: k.start > 0,
                        });
                        panel += panels;
                    }
                    if k.end == self.k && col + width == cols {
                        self.finish(row, height);
                    }
                    row += height;
                }
            }
        }
    }

    /// Few rows and a matrix that lies row by row, which is read as it lies: to copy it would cost as much as to use it.
    #[inline(always)]
    fn stream<V: Vector>(&mut self, matrix: &[E::Number], stride: usize) {
        let (first, width) = (self.tile.col, self.tile.cols);
        for row in 0..self.tile.rows {
            self.tile.row_mut(row).fill(E::Number::default());
        }
        for k in (0..self.k).step_by(DEEP) {
            for row in 0..self.tile.rows {
                let deep = DEEP.min(self.k - k);
                let at = self.tile.row + row;
                let mut space = [E::Number::default(); DEEP];
                let (numbers, _) = self.product.rows.block(at..at + 1, k..k + deep, &mut space[..deep]);
                let out = self.tile.row_mut(row);
                let line = |i: usize| &matrix[(k + i) * stride + first..][..width];
                if let Some(a) = numbers.first_chunk::<DEEP>() {
                    let lines: [&[E::Number]; DEEP] = core::array::from_fn(line);
                    for j in 0..out.len() {
                        let mut sum = out[j];
                        for i in 0..DEEP {
                            sum = E::Number::multiply_add::<V>(a[i], lines[i][j], sum);
                        }
                        out[j] = sum;
                    }
                } else {
                    for (i, &a) in numbers.iter().enumerate() {
                        let line = out.iter_mut().zip(line(i));
                        line.for_each(|(out, &b)| *out = E::Number::multiply_add::<V>(a, b, *out));
                    }
                }
            }
        }
        self.finish(0, self.tile.rows);
    }
}
