//! Matrix products, for every kernel that is one: rows of `a` times panels of 16 columns.
//!
//! A result is cut into tiles (`grid.rs`); a tile is computed in stretches of k (`block.rs`) by micro-kernels, one for
//! each instruction set, whose sums stay in registers.
//!
//! Each element of the product is accumulated over k in ascending order, whatever the tile, so the result depends neither
//! on the number of threads nor on how the work is cut. Real numbers are accumulated in single precision and rounded to
//! the type of the result at the end, integers wrap in 32 bits.

pub(crate) mod portable;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;

mod block;
mod call;
mod grid;
#[cfg(test)]
mod tests;

pub(crate) use call::Call;
pub(crate) use grid::Size;

use crate::element::F32;
use crate::epilogue::Epilogue;
use crate::isa::{Body, Isa, Vector};
use crate::number::Numeric;
use crate::step::require;
use crate::tiles::{Tile, share};
use block::TileProduct;
use core::ops::Range;
use m4c_runtime::error::Code;
use m4c_runtime::executor::Threads;

/// Bytes that come from memory together.
const CACHE_LINE: usize = 64;

/// The left-hand matrix of one group.
pub(crate) trait Rows<N>: Sync {
    /// The columns `k` of these rows, and the distance of one row from the next: where they lie if that is a good place,
    /// else written to `space`, which has room for them.
    fn block<'a>(&'a self, rows: Range<usize>, k: Range<usize>, space: &'a mut [N]) -> (&'a [N], usize);

    /// Asks for what is used soon.
    fn ask<V: Vector>(&self, _rows: Range<usize>, _k: Range<usize>) {}
}

/// A matrix that is stored row by row.
pub(crate) struct Stored<'a, E: Numeric> {
    pub(crate) matrix: &'a [E::Raw],
    /// Numbers of a row.
    pub(crate) k: usize,
}

/// Rows that lie a multiple of so many bytes apart share too few sets of the first-level cache.
const CROWDED: usize = 2048;

impl<E: Numeric> Rows<E::Number> for Stored<'_, E> {
    #[inline(always)]
    fn block<'a>(
        &'a self,
        rows: Range<usize>,
        k: Range<usize>,
        space: &'a mut [E::Number],
    ) -> (&'a [E::Number], usize) {
        if let Some(matrix) = E::numbers(self.matrix)
            && (rows.len() <= 4 || !(self.k * size_of::<E::Number>()).is_multiple_of(CROWDED))
        {
            return (&matrix[rows.start * self.k + k.start..(rows.end - 1) * self.k + k.end], self.k);
        }
        let depth = k.len();
        for (row, out) in rows.zip(space.chunks_exact_mut(depth)) {
            let from = &self.matrix[row * self.k + k.start..row * self.k + k.end];
            out.iter_mut().zip(from).for_each(|(out, &raw)| *out = E::number(raw));
        }
        (space, depth)
    }

    #[inline(always)]
    fn ask<V: Vector>(&self, rows: Range<usize>, k: Range<usize>) {
        for row in rows {
            let line = &self.matrix[row * self.k + k.start..row * self.k + k.end];
            line.iter()
                .step_by(CACHE_LINE / size_of::<E::Raw>())
                .for_each(|raw| V::ask(core::ptr::from_ref(raw).cast()));
        }
    }
}

/// The right-hand matrix of one group.
pub(crate) trait Columns<N>: Sync {
    /// The rows `k` of these columns in panels, each row of a panel filled up with zeros beyond the last column, and the
    /// distance of one panel from the next: where they lie if they lie so, else written to `space`, which has room.
    fn panels<'a>(&'a self, k: Range<usize>, cols: Range<usize>, space: &'a mut [N]) -> (&'a [N], usize);

    /// The matrix and the distance of one row from the next, if its numbers lie row by row.
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
    let grid = size.grid(threads.count());
    let next = grid.tile_cols.saturating_mul(threads.count());
    share(threads, out, grid, scratch, piece, |tile, scratch| {
        let product = group(tile.group);
        let (scratch, sums) = scratch.split_at_mut(size.block());
        E::with_sums(tile, sums, |tile| {
            isa.run(TileProduct::<E, R, C> { product: &product, k: size.k, cols: size.cols, tile, next, scratch });
        });
    })
}

/// Computes two products of the same size, and multiplies each element of one with that of the other.
pub(crate) fn multiply_pair<R: Rows<f32>, C: Columns<f32>>(
    isa: Isa,
    size: &Size,
    products: &[Product<'_, f32, R, C>; 2],
    out: &mut [f32],
    scratch: &mut [f32],
    threads: &dyn Threads,
) -> Result<(), Code> {
    let piece = size.piece_of_pair();
    require(out.is_empty() || scratch.len() >= piece)?;
    let grid = size.grid(threads.count());
    let next = grid.tile_cols.saturating_mul(threads.count());
    let [first, second] = products;
    share(threads, out, grid, scratch, piece, |mut tile, scratch| {
        let (scratch, factors) = scratch.split_at_mut(size.block());
        let factors = &mut factors[..tile.rows * tile.cols];
        let (rows, cols) = (0..tile.rows, 0..tile.cols);
        for (product, tile) in [(first, tile.shadow(factors)), (second, tile.part(rows, cols))] {
            let scratch = &mut *scratch;
            isa.run(TileProduct::<F32, R, C> { product, k: size.k, cols: size.cols, tile, next, scratch });
        }
        isa.run(Times { tile, factors });
    })
}

/// A tile whose elements are multiplied.
struct Times<'a> {
    tile: Tile<'a, f32>,
    factors: &'a [f32],
}

impl Body for Times<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        for (row, factors) in self.factors.chunks_exact(self.tile.cols).enumerate() {
            self.tile.row_mut(row).iter_mut().zip(factors).for_each(|(out, factor)| *out *= factor);
        }
    }
}

/// Computes one product inside of a job, which has [`Size::block`] numbers of working memory for it.
pub(crate) fn multiply_here<E: Numeric, R: Rows<E::Number>, C: Columns<E::Number>>(
    isa: Isa,
    size: &Size,
    product: &Product<'_, E::Raw, R, C>,
    mut tile: Tile<'_, E::Number>,
    scratch: &mut [E::Number],
) {
    for first in (0..size.cols).step_by(size.most_cols()) {
        let tile = tile.part(0..size.rows, first..(first + size.most_cols()).min(size.cols));
        isa.run(TileProduct::<E, R, C> { product, k: size.k, cols: size.cols, tile, next: 0, scratch: &mut *scratch });
    }
}
