//! Hands disjoint tiles of a result, and a piece of the working memory, to the jobs that fill them.
//!
//! The only place that shares memory between threads by pointer. It is sound whatever an implementation of [`Threads`]
//! does: a job takes the next free tile and the next free piece from counters, so none is ever handed out twice, even
//! if the implementation repeats or omits jobs.

use crate::step::require;
use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use m4c_runtime::error::Code;
use m4c_runtime::executor::Threads;

/// How a result is cut: `groups` matrices of `rows` × `cols` elements, each into tiles of at most this size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) groups: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) tile_rows: usize,
    pub(crate) tile_cols: usize,
}

impl Grid {
    /// The number of tiles, or `None` where there are too many to count.
    pub(crate) fn tiles(&self) -> Option<usize> {
        let [across, down] = self.counts();
        self.groups.checked_mul(across)?.checked_mul(down)
    }

    fn counts(&self) -> [usize; 2] {
        [self.cols.div_ceil(self.tile_cols.max(1)), self.rows.div_ceil(self.tile_rows.max(1))]
    }
}

/// A rectangle of one matrix of the result, owned by the job that was given it.
pub(crate) struct Tile<'a, T> {
    /// The matrix.
    pub(crate) group: usize,
    /// First row in the matrix.
    pub(crate) row: usize,
    /// First column in the matrix.
    pub(crate) col: usize,
    /// Rows of the tile.
    pub(crate) rows: usize,
    /// Columns of the tile.
    pub(crate) cols: usize,
    first: *mut T,
    stride: usize,
    owned: PhantomData<&'a mut [T]>,
}

impl<T> Tile<'_, T> {
    /// The elements of row `index`, counted from the first row of the tile.
    #[inline(always)]
    pub(crate) fn row_mut(&mut self, index: usize) -> &mut [T] {
        assert!(index < self.rows);
        // SAFETY: `share` or `shadow` made this tile from a live `&mut [T]` of `rows` rows that lie `stride` apart,
        // `cols` elements of which belong to this tile alone; the assertion keeps the row inside, and `&mut self` keeps
        // it unique.
        unsafe { core::slice::from_raw_parts_mut(self.first.add(index * self.stride), self.cols) }
    }
}

impl<'s, T> Tile<'s, T> {
    /// A matrix of its own, row by row.
    ///
    /// # Panics
    /// Where `space` has not as many elements.
    pub(crate) fn over(space: &'s mut [T], rows: usize, cols: usize) -> Tile<'s, T> {
        assert_eq!(Some(space.len()), rows.checked_mul(cols));
        Tile { group: 0, row: 0, col: 0, rows, cols, first: space.as_mut_ptr(), stride: cols, owned: PhantomData }
    }
}

impl<T> Tile<'_, T> {
    /// The first element, and the distance of one row from the next.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    #[inline(always)]
    pub(crate) fn first_mut(&mut self) -> (*mut T, usize) {
        (self.first, self.stride)
    }

    /// A part of the tile.
    ///
    /// # Panics
    /// Where it is empty or leaves the tile.
    #[inline(always)]
    pub(crate) fn part(&mut self, rows: Range<usize>, cols: Range<usize>) -> Tile<'_, T> {
        assert!(rows.start < rows.end && rows.end <= self.rows && cols.start < cols.end && cols.end <= self.cols);
        Tile {
            group: self.group,
            row: self.row + rows.start,
            col: self.col + cols.start,
            rows: rows.len(),
            cols: cols.len(),
            // SAFETY: the first element of the part is one of the tile's, see `row_mut`.
            first: unsafe { self.first.add(rows.start * self.stride + cols.start) },
            stride: self.stride,
            owned: PhantomData,
        }
    }

    /// A tile in the same place of the matrix that is stored in `space`, row by row.
    ///
    /// # Panics
    /// Where `space` has not as many elements as the tile.
    pub(crate) fn shadow<'s, S>(&self, space: &'s mut [S]) -> Tile<'s, S> {
        let &Tile { group, row, col, rows, cols, .. } = self;
        assert_eq!(Some(space.len()), rows.checked_mul(cols));
        Tile { group, row, col, rows, cols, first: space.as_mut_ptr(), stride: cols, owned: PhantomData }
    }
}

/// Fills `out` by calling `body` once for each tile, with `piece` elements of `scratch` that no other call uses
/// meanwhile.
///
/// # Errors
/// [`Code::BadStep`] where the grid does not cover `out` exactly, or `scratch` is shorter than one piece.
pub(crate) fn share<T, S, F>(
    threads: &dyn Threads,
    out: &mut [T],
    grid: Grid,
    scratch: &mut [S],
    piece: usize,
    body: F,
) -> Result<(), Code>
where
    T: Send,
    S: Send,
    F: Fn(Tile<'_, T>, &mut [S]) + Sync,
{
    if out.is_empty() {
        return Ok(());
    }
    let matrix = grid.rows.checked_mul(grid.cols);
    let elements = matrix.and_then(|elements| elements.checked_mul(grid.groups));
    require(elements == Some(out.len()))?;
    let matrix = grid.rows * grid.cols;
    let (tile_rows, tile_cols) = (grid.tile_rows.max(1), grid.tile_cols.max(1));
    let [across, down] = grid.counts();
    let tiles = grid.tiles().ok_or(Code::BadStep)?;
    let pieces = scratch.len().checked_div(piece).unwrap_or(usize::MAX);
    let workers = threads.count().min(tiles).min(pieces);
    require(workers > 0)?;

    let out = Shared(out.as_mut_ptr());
    let scratch = Shared(scratch.as_mut_ptr());
    let (next_tile, next_worker) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let job = |_: usize| {
        let Some(worker) = claim(&next_worker, workers) else { return };
        // SAFETY: `workers * piece <= scratch.len()`, and each worker number is claimed once, so the pieces are inside
        // the slice and disjoint. `Threads::run` cannot keep the job, so the slice outlives it.
        let scratch = unsafe { core::slice::from_raw_parts_mut(scratch.get().add(worker * piece), piece) };
        while let Some(tile) = claim(&next_tile, tiles) {
            let (col, row) = (tile % across * tile_cols, tile / across % down * tile_rows);
            let group = tile / across / down;
            // SAFETY: `group < groups`, `row < rows` and `col < cols`, so the sum stays inside the slice.
            let first = unsafe { out.get().add(group * matrix + row * grid.cols + col) };
            // Each tile number is claimed once, and tiles of different numbers have no element in common.
            let tile = Tile {
                group,
                row,
                col,
                rows: tile_rows.min(grid.rows - row),
                cols: tile_cols.min(grid.cols - col),
                first,
                stride: grid.cols,
                owned: PhantomData,
            };
            body(tile, scratch);
        }
    };
    threads.run(workers, &job);
    Ok(())
}

/// Fills `out` in stretches: `body(start, stretch)`. `cost` is the work of one element, in additions or so.
pub(crate) fn flat<T, F>(threads: &dyn Threads, out: &mut [T], cost: usize, body: F) -> Result<(), Code>
where
    T: Send,
    F: Fn(usize, &mut [T]) + Sync,
{
    let len = out.len();
    // Enough stretches to balance the threads, each worth a job, and whole cache lines unless elements are dear.
    let least = (16384 / cost.max(1)).max(1);
    let even = len.div_ceil(threads.count().saturating_mul(4).max(1));
    let tile_cols = if least < 64 { even.max(least) } else { even.max(least).next_multiple_of(64) };
    let grid = Grid { groups: 1, rows: 1, cols: len, tile_rows: 1, tile_cols };
    share(threads, out, grid, &mut [] as &mut [u8], 0, |mut tile, _| body(tile.col, tile.row_mut(0)))
}

/// The next number below `limit`, each given once.
fn claim(counter: &AtomicUsize, limit: usize) -> Option<usize> {
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| (next < limit).then(|| next + 1)).ok()
}

/// A pointer to elements that several threads write, each its own.
struct Shared<T>(*mut T);

impl<T> Shared<T> {
    // A method, so that closures capture the wrapper and not the bare pointer.
    fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: `share` gives every element to one thread at a time, which `T: Send` allows.
unsafe impl<T: Send> Sync for Shared<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_runtime::executor::SingleThread;

    /// Runs some jobs twice, on many threads, and others not at all.
    struct Unruly;

    impl Threads for Unruly {
        fn count(&self) -> usize {
            4
        }

        fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
            std::thread::scope(|scope| {
                for _ in 0..3 * jobs {
                    scope.spawn(move || job(0));
                }
            });
        }
    }

    fn covers(threads: &dyn Threads, grid: Grid) {
        let mut out = vec![0u32; grid.groups * grid.rows * grid.cols];
        let mut scratch = vec![0u64; 4];
        share(threads, &mut out, grid, &mut scratch, 1, |mut tile, scratch| {
            scratch[0] += 1;
            for row in 0..tile.rows {
                let first = (tile.group * grid.rows + tile.row + row) * grid.cols + tile.col;
                for (col, x) in tile.row_mut(row).iter_mut().enumerate() {
                    *x += 1 + (first + col) as u32;
                }
            }
        })
        .unwrap();
        assert!(out.iter().enumerate().all(|(i, &x)| x == 1 + i as u32));
        if !out.is_empty() {
            assert_eq!(scratch.iter().sum::<u64>(), grid.tiles().unwrap() as u64);
        }
    }

    #[test]
    fn each_element_is_handed_out_once_even_by_unruly_threads() {
        for (groups, rows, cols) in [(1, 1, 100), (3, 7, 5), (2, 1, 1), (0, 3, 3), (2, 0, 5)] {
            for (tile_rows, tile_cols) in [(1, 1), (2, 3), (100, 100), (0, 0)] {
                let grid = Grid { groups, rows, cols, tile_rows, tile_cols };
                covers(&SingleThread, grid);
                covers(&Unruly, grid);
            }
        }
    }

    #[test]
    fn flat_stretches_cover_everything() {
        for len in [0, 1, 1000, 16384, 100_000] {
            for cost in [0, 1, 1000, usize::MAX] {
                let mut out = vec![0usize; len];
                flat(&Unruly, &mut out, cost, |start, out| {
                    out.iter_mut().enumerate().for_each(|(i, x)| *x += start + i);
                })
                .unwrap();
                assert!(out.iter().enumerate().all(|(i, &x)| x == i));
            }
        }
    }

    #[test]
    fn a_grid_of_another_size_is_refused() {
        let grid = Grid { groups: 1, rows: 2, cols: 2, tile_rows: 1, tile_cols: 1 };
        assert!(share(&SingleThread, &mut [0u8; 5], grid, &mut [0u8; 1], 1, |_, _| ()).is_err());
        assert!(share(&SingleThread, &mut [0u8; 4], grid, &mut [0u8; 1], 2, |_, _| ()).is_err());
    }
}
