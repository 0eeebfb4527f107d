//! The matrix product of one tile, for every kernel that is one: rows of `a` times panels of 16 columns.
//!
//! Each element of the product is accumulated over k in ascending order, whatever the tile, so the result depends neither
//! on the number of threads nor on how the work is cut. Real numbers are accumulated in single precision and rounded to
//! the type of the result at the end, integers wrap in 32 bits.

use crate::epilogue::Epilogue;
use crate::isa::{Body, Isa, Vector};
use crate::layout::PANEL;
use crate::number::{Number, Numeric};
use crate::step::require;
use crate::tiles::{Grid, Tile, share};
use core::ops::Range;
use m4c_runtime::error::Code;
use m4c_runtime::executor::Threads;

/// Rows of `a` that are packed at a time: they stay in the second-level cache.
const TILE_ROWS: usize = 96;
/// Depth of a block: a panel of it stays in the first-level cache.
const BLOCK: usize = 256;
/// Panels that few rows meet side by side, so that enough sums are independent.
const SIDE_BY_SIDE: usize = 4;
/// Fewer rows than this are few.
const LOW: usize = 4;
/// Columns and rows of a matrix that few rows meet at a time where it lies row by row.
const STRETCH: usize = 512;
const DEEP: usize = 8;
/// Most columns of a tile whose sums are not stored as they are.
const WIDE: usize = 1024;
/// A tile with fewer multiplications is not worth a job.
const LEAST_WORK: usize = 1 << 16;

/// A row of a panel.
pub(crate) type Row<N> = [N; PANEL];

/// The left-hand matrix of one group, `k` numbers a row.
pub(crate) trait Rows<N>: Sync {
    /// The numbers in these places, counted row by row.
    fn numbers(&self, places: Range<usize>) -> impl Iterator<Item = N>;
}

/// Rows as they are stored.
pub(crate) struct Stored<'a, E: Numeric>(pub(crate) &'a [E::Raw]);

impl<E: Numeric> Rows<E::Number> for Stored<'_, E> {
    #[inline(always)]
    fn numbers(&self, places: Range<usize>) -> impl Iterator<Item = E::Number> {
        self.0[places].iter().map(|&raw| E::number(raw))
    }
}

/// The right-hand matrix of one group.
pub(crate) trait Columns<N>: Sync {
    /// The rows `k` of the columns `first..first + 16`, with zeros beyond the last column: where they lie if they lie so,
    /// else written to `space`, which has a row for each.
    fn panel<'a>(&'a self, k: Range<usize>, first: usize, space: &'a mut [Row<N>]) -> &'a [Row<N>];

    /// The matrix and the number of its columns, if its numbers lie row by row.
    fn row_major(&self) -> Option<(&[N], usize)> {
        None
    }
}

/// The product of one group of the result, whose elements are `T`.
pub(crate) struct Product<'a, T, R, C> {
    /// The left-hand matrix.
    pub(crate) rows: R,
    /// The right-hand matrix.
    pub(crate) columns: C,
    /// What is done to its elements.
    pub(crate) epilogue: Epilogue<'a, T>,
}

/// Groups of products of the same size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) groups: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) k: usize,
}

impl Size {
    /// Numbers of working memory for one block of a tile.
    fn block(&self) -> usize {
        let rows = self.rows.min(TILE_ROWS);
        (rows + SIDE_BY_SIDE * PANEL) * self.k.min(BLOCK)
    }

    /// Numbers of working memory of one job.
    fn piece<E: Numeric>(&self) -> usize {
        let tile = self.rows.min(TILE_ROWS) * self.cols.min(WIDE);
        self.block() + if E::IS_NUMBER { 0 } else { tile }
    }

    /// Bytes of working memory that [`multiply`] needs.
    pub(crate) fn scratch<E: Numeric>(&self, threads: usize) -> usize {
        (self.piece::<E>() * size_of::<E::Number>()).saturating_mul(threads.max(1))
    }

    /// Tiles small enough to keep the threads busy, large enough to be worth a job.
    fn grid(&self, threads: usize) -> Grid {
        let &Size { groups, rows, cols, k } = self;
        // Equal parts, so that the last one is not a sliver; 12 is a multiple of every micro-kernel's rows but the rest.
        let even = |size: usize, most: usize, unit: usize| {
            size.div_ceil(size.div_ceil(most).max(1)).div_ceil(unit).saturating_mul(unit).min(size)
        };
        let mut grid = Grid { groups, rows, cols, tile_rows: even(rows, TILE_ROWS, 12), tile_cols: cols };
        let work = |grid: &Grid| grid.tile_rows.saturating_mul(grid.tile_cols).saturating_mul(k);
        let few = |grid: &Grid| threads > 1 && grid.tiles().is_some_and(|tiles| tiles < threads.saturating_mul(4));
        while few(&grid) && work(&grid) > 2 * LEAST_WORK && grid.tile_cols > 4 * PANEL {
            grid.tile_cols = even(grid.tile_cols, grid.tile_cols.div_ceil(2), 4 * PANEL);
        }
        while few(&grid) && work(&grid) > 2 * LEAST_WORK && grid.tile_rows > 12 {
            grid.tile_rows = even(grid.tile_rows, grid.tile_rows.div_ceil(2), 12);
        }
        grid
    }
}

/// Computes all groups; `group` gives the product of one of them.
pub(crate) fn multiply<'a, E: Numeric, R: Rows<E::Number>, C: Columns<E::Number>>(
    isa: Isa,
    size: &Size,
    group: impl Fn(usize) -> Product<'a, E::Raw, R, C> + Sync,
    out: &mut [E::Raw],
    scratch: &mut [E::Number],
    threads: &dyn Threads,
) -> Result<(), Code> {
    let piece = size.piece::<E>();
    require(out.is_empty() || scratch.len() >= piece)?;
    let mut grid = size.grid(threads.count());
    if !E::IS_NUMBER {
        grid.tile_cols = grid.tile_cols.min(WIDE);
    }
    share(threads, out, grid, scratch, piece, |tile, scratch| {
        let product = group(tile.group);
        let (scratch, sums) = scratch.split_at_mut(size.block());
        E::with_sums(tile, sums, |tile| {
            isa.run(TileProduct::<E, R, C> { product: &product, k: size.k, cols: size.cols, tile, scratch })
        });
    })
}

struct TileProduct<'a, 'b, E: Numeric, R, C> {
    product: &'a Product<'b, E::Raw, R, C>,
    k: usize,
    cols: usize,
    tile: Tile<'a, E::Number>,
    scratch: &'a mut [E::Number],
}

impl<E: Numeric, R: Rows<E::Number>, C: Columns<E::Number>> Body for TileProduct<'_, '_, E, R, C> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        match self.product.columns.row_major() {
            Some((matrix, stride)) if self.tile.rows < LOW => self.stream::<V>(matrix, stride),
            _ => self.blocks::<V>(),
        }
        for row in 0..self.tile.rows {
            let (first, col) = (self.tile.row + row, self.tile.col);
            self.product.epilogue.apply::<E>(first, col, self.cols, self.tile.row_mut(row));
        }
    }
}

impl<E: Numeric, R: Rows<E::Number>, C: Columns<E::Number>> TileProduct<'_, '_, E, R, C> {
    #[inline(always)]
    fn blocks<V: Vector>(&mut self) {
        let depth = self.k.min(BLOCK);
        if depth == 0 {
            return (0..self.tile.rows).for_each(|row| self.tile.row_mut(row).fill(E::Number::default()));
        }
        let (a_space, space) = self.scratch.split_at_mut(self.tile.rows * depth);
        let space = space.as_chunks_mut::<PANEL>().0;
        for start in (0..self.k).step_by(BLOCK) {
            let k = start..(start + BLOCK).min(self.k);
            let a = &mut a_space[..self.tile.rows * k.len()];
            pack_rows::<V, _>(&self.product.rows, self.tile.row * self.k, self.k, k.clone(), self.tile.rows, a);
            let mut block = Block::<E, R, C> {
                a,
                product: self.product,
                tile: &mut self.tile,
                depth: k.len(),
                first: k.start == 0,
            };
            match block.tile.rows {
                1 => block.low::<V, 1, SIDE_BY_SIDE>(k, space),
                2 => block.low::<V, 2, 2>(k, space),
                3 if V::ROWS >= 3 => block.low::<V, 3, 2>(k, space),
                _ => block.high::<V>(k, space),
            }
        }
    }
}

impl<E: Numeric, R: Rows<E::Number>, C> TileProduct<'_, '_, E, R, C> {
    /// Few rows and a matrix that lies row by row, which is read as it lies: to copy it would cost as much as to use it.
    #[inline(always)]
    fn stream<V: Vector>(&mut self, matrix: &[E::Number], stride: usize) {
        let (first, width) = (self.tile.col, self.tile.cols);
        for row in 0..self.tile.rows {
            self.tile.row_mut(row).fill(E::Number::default());
        }
        for start in (0..width).step_by(STRETCH) {
            let end = (start + STRETCH).min(width);
            for k in (0..self.k).step_by(DEEP) {
                for row in 0..self.tile.rows {
                    let at = (self.tile.row + row) * self.k + k;
                    let mut a = [E::Number::default(); DEEP];
                    let deep = DEEP.min(self.k - k);
                    a.iter_mut().zip(self.product.rows.numbers(at..at + deep)).for_each(|(a, x)| *a = x);
                    let out = &mut self.tile.row_mut(row)[start..end];
                    let line = |i: usize| &matrix[(k + i) * stride + first + start..][..end - start];
                    if deep == DEEP {
                        let lines: [&[E::Number]; DEEP] = core::array::from_fn(line);
                        for j in 0..out.len() {
                            let mut sum = out[j];
                            for i in 0..DEEP {
                                sum = E::Number::multiply_add::<V>(a[i], lines[i][j], sum);
                            }
                            out[j] = sum;
                        }
                    } else {
                        for (i, &a) in a[..deep].iter().enumerate() {
                            let line = out.iter_mut().zip(line(i));
                            line.for_each(|(out, &b)| *out = E::Number::multiply_add::<V>(a, b, *out));
                        }
                    }
                }
            }
        }
    }
}

/// How many of the rows that are left the next micro-kernel takes.
#[inline(always)]
fn height<V: Vector>(left: usize) -> usize {
    match left {
        12.. if V::ROWS >= 12 => 12,
        6.. if V::ROWS >= 6 => 6,
        4.. if V::ROWS >= 4 => 4,
        3 if V::ROWS >= 3 => 3,
        2.. => 2,
        _ => 1,
    }
}

/// Writes the numbers of the rows that a micro-kernel takes together side by side.
#[inline(always)]
fn pack_rows<V: Vector, N>(a: &impl Rows<N>, first: usize, stride: usize, k: Range<usize>, rows: usize, out: &mut [N]) {
    let depth = k.len();
    let mut row = 0;
    while row < rows {
        let height = height::<V>(rows - row);
        let out = &mut out[row * depth..(row + height) * depth];
        for i in 0..height {
            let start = first + (row + i) * stride;
            let from = a.numbers(start + k.start..start + k.end);
            for (out, x) in out[i..].iter_mut().step_by(height).zip(from) {
                *out = x;
            }
        }
        row += height;
    }
}

/// A stretch of k for one tile.
struct Block<'a, 't, 'b, E: Numeric, R, C> {
    a: &'a [E::Number],
    product: &'a Product<'b, E::Raw, R, C>,
    tile: &'a mut Tile<'t, E::Number>,
    depth: usize,
    first: bool,
}

impl<E: Numeric, A, C: Columns<E::Number>> Block<'_, '_, '_, E, A, C> {
    /// Many rows: one panel at a time meets all of them.
    #[inline(always)]
    fn high<V: Vector>(&mut self, k: Range<usize>, space: &mut [Row<E::Number>]) {
        let product = self.product;
        for col in (0..self.tile.cols).step_by(PANEL) {
            let panel = product.columns.panel(k.clone(), self.tile.col + col, &mut space[..k.len()]);
            let mut row = 0;
            while row < self.tile.rows {
                let height = height::<V>(self.tile.rows - row);
                match height {
                    12 => self.micro::<V, 12, 1>(row, col, [panel]),
                    6 => self.micro::<V, 6, 1>(row, col, [panel]),
                    4 => self.micro::<V, 4, 1>(row, col, [panel]),
                    3 => self.micro::<V, 3, 1>(row, col, [panel]),
                    2 => self.micro::<V, 2, 1>(row, col, [panel]),
                    _ => self.micro::<V, 1, 1>(row, col, [panel]),
                }
                row += height;
            }
        }
    }

    /// The `R` rows of a low tile: `P` panels at a time.
    #[inline(always)]
    fn low<V: Vector, const R: usize, const P: usize>(&mut self, k: Range<usize>, space: &mut [Row<E::Number>]) {
        let product = self.product;
        let first = self.tile.col;
        let mut col = 0;
        while col < self.tile.cols {
            let mut spaces = space.chunks_mut(k.len());
            let mut panel = |at: usize| product.columns.panel(k.clone(), at, spaces.next().unwrap_or_default());
            if self.tile.cols - col > (P - 1) * PANEL {
                let panels = core::array::from_fn(|p| panel(first + col + p * PANEL));
                self.micro::<V, R, P>(0, col, panels);
                col += P * PANEL;
            } else {
                let panels = [panel(first + col)];
                self.micro::<V, R, 1>(0, col, panels);
                col += PANEL;
            }
        }
    }

    /// Adds the products of `R` rows and `P` panels to their elements of the result.
    #[inline(always)]
    fn micro<V: Vector, const R: usize, const P: usize>(
        &mut self,
        row: usize,
        col: usize,
        panels: [&[Row<E::Number>]; P],
    ) {
        let depth = self.depth;
        let a = self.a[row * depth..(row + R) * depth].as_chunks::<R>().0;
        let mut sums = [[[E::Number::default(); PANEL]; P]; R];
        let width = (self.tile.cols - col).min(P * PANEL);
        if !self.first {
            for (i, sums) in sums.iter_mut().enumerate() {
                sums.as_flattened_mut()[..width].copy_from_slice(&self.tile.row_mut(row + i)[col..col + width]);
            }
        }
        accumulate::<V, E::Number, R, P>(a, panels.map(|panel| &panel[..depth]), &mut sums);
        for (i, sums) in sums.iter_mut().enumerate() {
            let sums = &mut sums.as_flattened_mut()[..width];
            self.tile.row_mut(row + i)[col..col + width].copy_from_slice(sums);
        }
    }
}

/// The loop in which all time is spent: the sums stay in registers.
#[inline(always)]
fn accumulate<V: Vector, N: Number, const R: usize, const P: usize>(
    a: &[[N; R]],
    panels: [&[Row<N>]; P],
    sums: &mut [[Row<N>; P]; R],
) {
    let mut local = *sums;
    for (k, a) in a.iter().enumerate() {
        // Spelled out, because a loop over many rows is not unrolled, and the sums then live in memory.
        macro_rules! rows {
            ($($i:literal)+) => {
                $(
                    if $i < R {
                        for p in 0..P {
                            for j in 0..PANEL {
                                local[$i][p][j] = N::multiply_add::<V>(a[$i], panels[p][k][j], local[$i][p][j]);
                            }
                        }
                    }
                )+
            };
        }
        rows!(0 1 2 3 4 5 6 7 8 9 10 11);
    }
    *sums = local;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::F32;
    use crate::epilogue::Bias;
    use m4c_runtime::executor::SingleThread;

    /// A row-major matrix with its columns, and whether it may be read as it lies.
    struct Copied<'a>(&'a [f32], usize, bool);

    impl Columns<f32> for Copied<'_> {
        fn panel<'a>(&'a self, k: Range<usize>, first: usize, space: &'a mut [Row<f32>]) -> &'a [Row<f32>] {
            for (row, k) in space.iter_mut().zip(k) {
                *row = core::array::from_fn(|j| if first + j < self.1 { self.0[k * self.1 + first + j] } else { 0.0 });
            }
            space
        }

        fn row_major(&self) -> Option<(&[f32], usize)> {
            self.2.then_some((self.0, self.1))
        }
    }

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.0 - 1.0).collect()
    }

    #[test]
    fn every_instruction_set_agrees_with_the_sum_of_products() {
        for rows in [1, 2, 3, 4, 5, 6, 11, 12, 23, 97] {
            for (k, cols) in [(1, 1), (5, 16), (300, 17), (513, 70), (0, 3), (64, 200)] {
                let (a, b) = (numbers(rows * k, 1), numbers(k * cols, 2));
                let (per_row, per_col) = (numbers(rows, 3), numbers(cols, 4));
                for isa in Isa::all() {
                    let biases = [Bias::None, Bias::PerRow(&per_row), Bias::PerColumn(&per_col)];
                    for bias in biases {
                        let size = Size { groups: 1, rows, cols, k };
                        let [out, streamed] = [false, true].map(|row_major| {
                            let mut out = vec![f32::NAN; rows * cols];
                            let mut scratch = vec![f32::NAN; size.scratch::<F32>(1) / 4];
                            let epilogue = Epilogue { bias, ..Epilogue::NONE };
                            let columns = || Copied(&b, cols, row_major);
                            let group = |_| Product { rows: Stored::<F32>(&a), columns: columns(), epilogue };
                            multiply::<F32, _, _>(isa, &size, group, &mut out, &mut scratch, &SingleThread).unwrap();
                            out
                        });
                        assert_eq!(out, streamed);
                        for (at, &got) in out.iter().enumerate() {
                            let (i, j) = (at / cols, at % cols);
                            let products =
                                (0..k).map(|k_at| f64::from(a[i * k + k_at]) * f64::from(b[k_at * cols + j]));
                            let exact = products.sum::<f64>()
                                + match bias {
                                    Bias::None => 0.0,
                                    Bias::PerRow(bias) => f64::from(bias[i]),
                                    Bias::PerColumn(bias) => f64::from(bias[j]),
                                };
                            assert!((f64::from(got) - exact).abs() < 1e-5 * (k as f64 + 1.0), "{isa:?} {got} {exact}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn grids_cut_columns_only_between_panels() {
        for rows in [1, 5, 96, 97, 1000] {
            for cols in [1, 16, 100, 4096, 11008] {
                for k in [0, 1, 64, 4096] {
                    for threads in [1, 2, 3, 64] {
                        let grid = Size { groups: 2, rows, cols, k }.grid(threads);
                        assert!(grid.tile_cols == cols || grid.tile_cols.is_multiple_of(PANEL) && grid.tile_cols > 0);
                        assert!(grid.tile_rows > 0 && grid.tile_rows <= TILE_ROWS);
                    }
                }
            }
        }
    }
}
