//! `matmul_ordered_f32`: a matrix product whose right operand lies in memory with its axes in another order, so that the
//! keys and values of attention are read where they are kept.
//!
//! Operands: `a` `[.., m, k]`; `b`, whose axes in the order of the parameters are `[.., k, n]`. Leading axes broadcast.
//! Parameters: for each axis of `[.., k, n]` the axis of `b` that it is. One of k and n lies element by element.

use crate::element::{Element, F32};
use crate::epilogue::Epilogue;
use crate::gemm::{Columns, Product, Size, Stored, multiply};
use crate::isa::Isa;
use crate::layout::PANEL;
use crate::nest::{Nest, row_major};
use crate::step::{arity, axis, count, depth, operand, read, require, result, scratch, write};
use core::ops::Range;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, MAX_RANK, StepData, StepShape, Threads, Work};

/// The product with a right operand in another order.
pub(crate) struct MatmulOrdered;

struct Plan {
    size: Size,
    /// Where the matrices of `a` and `b` begin, in elements.
    batch: Nest<2>,
    row_distance: usize,
    column_distance: usize,
}

fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
    arity(step, 2, 1)?;
    let (a, stored, out) = (operand(step, 0, F32::DTYPE)?, operand(step, 1, F32::DTYPE)?, result(step, F32::DTYPE)?);
    let rank = stored.len();
    require(rank >= 2 && step.params.len() == rank && out.len() >= rank && out.len() >= a.len())?;
    let lie = row_major(&stored);
    let (mut b, mut distances, mut seen) = ([0usize; MAX_RANK], [0isize; MAX_RANK], [false; MAX_RANK]);
    for (to, &param) in step.params.iter().enumerate() {
        let from = axis(param, rank)?;
        require(!core::mem::replace(&mut seen[from], true))?;
        (b[to], distances[to]) = (stored[from], lie[from]);
    }
    let ([batch_a @ .., m, k], [batch @ .., rows, cols]) = (&*a, &*out) else { return Err(Code::BadStep) };
    let (batch_b, n) = (&b[..rank - 2], b[rank - 1]);
    require(b[rank - 2] == *k && m == rows && n == *cols)?;
    let empty = count(&out) == 0 || *k == 0;
    require(empty || distances[rank - 2] == 1 || distances[rank - 1] == 1)?;
    let mut steps = [[0isize; 2]; MAX_RANK];
    let lie_a = row_major(&a);
    for (which, sizes, from) in [(0, batch_a, &lie_a[..]), (1, batch_b, &distances[..])] {
        let lead = batch.len().checked_sub(sizes.len()).ok_or(Code::BadStep)?;
        for (axis, &size) in sizes.iter().enumerate() {
            require(size == batch[lead + axis] || size == 1)?;
            if size != 1 {
                steps[lead + axis][which] = from[axis];
            }
        }
    }
    // Every size of the result is that of an operand: none is invented.
    for (axis, &size) in batch.iter().enumerate() {
        let of = |sizes: &[usize]| (axis + sizes.len()).checked_sub(batch.len()).and_then(|at| sizes.get(at).copied());
        require([of(batch_a), of(batch_b)].contains(&Some(size)))?;
    }
    let size = match count(&out) {
        0 => Size { groups: 0, rows: 0, cols: 0, k: 0 },
        _ => Size { groups: count(batch), rows: *m, cols: n, k: *k },
    };
    let (row_distance, column_distance) = (distances[rank - 2] as usize, distances[rank - 1] as usize);
    Ok(Plan { size, batch: Nest::new(batch, &steps[..batch.len()]), row_distance, column_distance })
}

impl Kernel for MatmulOrdered {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        plan(step).map_or(0, |plan| plan.size.scratch::<F32>(threads))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { size, batch, row_distance, column_distance } = plan(step)?;
        let a: &[f32] = read(step, data.operands, 0)?;
        let b: &[f32] = read(step, data.operands, 1)?;
        let out: &mut [f32] = write(step, data.results)?;
        let scratch = scratch(data.scratch)?;
        let at = |group: usize| {
            let [at_a, at_b] = batch.at(group).map(|at| at as usize);
            let rows = Stored::<F32> { matrix: &a[at_a..][..size.rows * size.k], k: size.k };
            (rows, b.get(at_b..).unwrap_or(&[]))
        };
        if column_distance == 1 {
            let group = |group: usize| {
                let (rows, matrix) = at(group);
                Product { rows, columns: Level { matrix, distance: row_distance }, epilogue: Epilogue::NONE }
            };
            return multiply::<F32, _, _>(Isa::best(), &size, group, out, scratch, threads);
        }
        let group = |group: usize| {
            let (rows, matrix) = at(group);
            Product { rows, columns: Upright { matrix, distance: column_distance }, epilogue: Epilogue::NONE }
        };
        multiply::<F32, _, _>(Isa::best(), &size, group, out, scratch, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::multiplying(step, depth(step))
    }
}

/// A matrix whose rows lie apart, each element by element.
pub(crate) struct Level<'a> {
    pub(crate) matrix: &'a [f32],
    pub(crate) distance: usize,
}

impl Columns<f32> for Level<'_> {
    #[inline(always)]
    fn panels<'a>(&'a self, k: Range<usize>, cols: Range<usize>, space: &'a mut [f32]) -> (&'a [f32], usize) {
        let panel = k.len() * PANEL;
        for (first, space) in cols.clone().step_by(PANEL).zip(space.chunks_exact_mut(panel)) {
            let width = PANEL.min(cols.end - first);
            for (line, k) in space.as_chunks_mut::<PANEL>().0.iter_mut().zip(k.clone()) {
                let from = &self.matrix[k * self.distance + first..][..width];
                match from.first_chunk() {
                    Some(whole) => *line = *whole,
                    None => {
                        line[..width].copy_from_slice(from);
                        line[width..].fill(0.0);
                    }
                }
            }
        }
        (space, panel)
    }

    #[inline(always)]
    fn row_major(&self) -> Option<(&[f32], usize)> {
        Some((self.matrix, self.distance))
    }
}

/// Rows as columns. Each of four rounds shuffles the rows like a deck of cards, element by element.
#[inline(always)]
fn transposed(mut rows: [[f32; PANEL]; PANEL]) -> [[f32; PANEL]; PANEL] {
    const HALF: usize = PANEL / 2;
    for _ in 0..PANEL.ilog2() {
        rows = core::array::from_fn(|row| {
            let (above, below, from) = (&rows[row / 2], &rows[row / 2 + HALF], row % 2 * HALF);
            core::array::from_fn(|j| if j % 2 == 0 { above[from + j / 2] } else { below[from + j / 2] })
        });
    }
    rows
}

/// A matrix whose columns lie apart, each element by element.
pub(crate) struct Upright<'a> {
    pub(crate) matrix: &'a [f32],
    pub(crate) distance: usize,
}

impl Columns<f32> for Upright<'_> {
    #[inline(always)]
    fn panels<'a>(&'a self, k: Range<usize>, cols: Range<usize>, space: &'a mut [f32]) -> (&'a [f32], usize) {
        let panel = k.len() * PANEL;
        for (first, space) in cols.clone().step_by(PANEL).zip(space.chunks_exact_mut(panel)) {
            let lines = space.as_chunks_mut::<PANEL>().0;
            let whole = if first + PANEL <= cols.end { k.len() / PANEL * PANEL } else { 0 };
            let column = |j: usize| &self.matrix[(first + j) * self.distance..];
            for (at, lines) in lines[..whole].as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
                let at = k.start + at * PANEL;
                *lines = transposed(core::array::from_fn(|j| {
                    *column(j)[at..].first_chunk().expect("a column reaches to the end of k")
                }));
            }
            for (line, k) in lines[whole..].iter_mut().zip(k.start + whole..) {
                *line = core::array::from_fn(|j| if first + j < cols.end { column(j)[k] } else { 0.0 });
            }
        }
        (space, panel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::array::from_fn;

    #[test]
    fn rows_become_columns() {
        let rows: [[f32; PANEL]; PANEL] = from_fn(|i| from_fn(|j| (i * PANEL + j) as f32));
        assert_eq!(transposed(rows), from_fn(|i| from_fn(|j| rows[j][i])));
    }
}
