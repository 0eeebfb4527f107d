//! How a matrix product is cut into tiles.

use crate::layout::PANEL;
use crate::number::Numeric;
use crate::tiles::Grid;

/// Most rows of a tile: with fewer, panels would be laid out more often.
const MOST_ROWS: usize = 768;
/// So few rows are laid out once for all columns of a tile.
pub(super) const FEW_ROWS: usize = 128;
/// Columns whose panels are used together: a block of them stays in the second-level cache. Tiles have no more unless they have
/// few rows.
pub(super) const MOST_COLS: usize = 128;
/// Most columns of a tile with few rows. Threads that are not equally fast end together where tiles are small, which is worth
/// more than to lay the rows out less often.
const MOST_COLS_OF_FEW_ROWS: usize = 192;
/// Fewer rows than this read a matrix that lies row by row as it lies.
pub(super) const LOW: usize = 4;
/// Most numbers along k that a block holds.
pub(super) const BLOCK: usize = 384;
/// Most rows that a micro-kernel takes.
pub(super) const MICRO_ROWS: usize = 12;
/// Columns that a micro-kernel for many rows takes at most.
const MICRO_COLS: usize = 2 * PANEL;
/// A tile with fewer multiplications is not worth a job.
const LEAST_WORK: usize = 1 << 16;
/// Tiles for each thread, so that all end at about the same time.
const TILES: usize = 4;
/// As many where rows are laid out for each.
const TILES_OF_FEW_ROWS: usize = 3;
/// As many where each would lay out the same panels for fewer rows.
const TILES_OF_ROWS: usize = 2;

/// Groups of products of the same size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) groups: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) k: usize,
}

/// How many rows are laid out at once for a tile of so many.
pub(super) fn rows_at_once(rows: usize) -> usize {
    if rows <= FEW_ROWS { rows } else { MICRO_ROWS }
}

impl Size {
    /// Numbers of working memory for one block of a tile.
    pub(crate) fn block(&self) -> usize {
        (self.rows.min(FEW_ROWS) + self.cols.min(MOST_COLS).next_multiple_of(PANEL)) * self.k.min(BLOCK)
    }

    /// Most columns of a tile.
    pub(super) fn most_cols(&self) -> usize {
        if self.rows <= FEW_ROWS { MOST_COLS_OF_FEW_ROWS } else { MOST_COLS }
    }

    /// Most numbers of a tile.
    fn tile(&self) -> usize {
        self.rows.min(MOST_ROWS) * self.cols.min(self.most_cols())
    }

    /// Numbers of working memory of one job.
    pub(super) fn piece<E: Numeric>(&self) -> usize {
        self.block() + if E::IS_NUMBER { 0 } else { self.tile() }
    }

    /// Numbers of working memory of one job that computes a tile of two products.
    pub(super) fn piece_of_pair(&self) -> usize {
        self.block() + self.tile()
    }

    /// Bytes of working memory that [`multiply`](super::multiply) needs.
    pub(crate) fn scratch<E: Numeric>(&self, threads: usize) -> usize {
        (self.piece::<E>() * size_of::<E::Number>()).saturating_mul(threads.max(1))
    }

    /// Bytes of working memory that [`multiply_pair`](super::multiply_pair) needs.
    pub(crate) fn scratch_of_pair(&self, threads: usize) -> usize {
        (self.piece_of_pair() * size_of::<f32>()).saturating_mul(threads.max(1))
    }

    /// Tiles small enough to keep the threads busy, large enough to be worth a job.
    pub(super) fn grid(&self, threads: usize) -> Grid {
        let &Size { groups, rows, cols, k } = self;
        // Equal parts, so that the last one is not a sliver.
        let even = |size: usize, most: usize, unit: usize| {
            size.div_ceil(size.div_ceil(most).max(1)).div_ceil(unit).saturating_mul(unit).min(size)
        };
        let tile_cols = even(cols, self.most_cols(), MICRO_COLS);
        let mut grid = Grid { groups, rows, cols, tile_rows: even(rows, MOST_ROWS, MICRO_ROWS), tile_cols };
        let work = |grid: &Grid| grid.tile_rows.saturating_mul(grid.tile_cols).saturating_mul(k);
        let few = |grid: &Grid, most: usize| {
            let tiles = grid.tiles().unwrap_or(usize::MAX);
            threads > 1 && tiles < threads.saturating_mul(most) && work(grid) > 2 * LEAST_WORK
        };
        let tiles = if rows <= FEW_ROWS { TILES_OF_FEW_ROWS } else { TILES };
        while few(&grid, tiles) && grid.tile_cols > 2 * MICRO_COLS {
            grid.tile_cols = even(grid.tile_cols, grid.tile_cols.div_ceil(2), MICRO_COLS);
        }
        while few(&grid, TILES_OF_ROWS) && grid.tile_rows > 4 * MICRO_ROWS {
            grid.tile_rows = even(grid.tile_rows, grid.tile_rows.div_ceil(2), MICRO_ROWS);
        }
        while few(&grid, tiles) && grid.tile_cols > MICRO_COLS {
            grid.tile_cols = even(grid.tile_cols, grid.tile_cols.div_ceil(2), MICRO_COLS);
        }
        grid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_cut_columns_only_between_panels() {
        for rows in [1, 5, 96, 97, 1000] {
            for cols in [1, 16, 100, 4096, 11008] {
                for k in [0, 1, 64, 4096] {
                    for threads in [1, 2, 3, 64] {
                        let grid = Size { groups: 2, rows, cols, k }.grid(threads);
                        assert!(grid.tile_cols == cols || grid.tile_cols.is_multiple_of(PANEL) && grid.tile_cols > 0);
                        assert!(
                            grid.tile_rows > 0
                                && grid.tile_rows <= MOST_ROWS
                                && grid.tile_cols <= MOST_COLS_OF_FEW_ROWS
                        );
                    }
                }
            }
        }
    }
}
