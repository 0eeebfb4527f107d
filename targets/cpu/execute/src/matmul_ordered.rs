//! `matmul_ordered_f32`: a matrix product whose right operand lies in memory with its axes in another order, so that the
//! keys and values of attention are read where they are kept.
//!
//! Operands: `a` `[.., m, k]`; `b`, whose axes in the order of the parameters are `[.., k, n]`. Leading axes broadcast.
//! Parameters: for each axis of `[.., k, n]` the axis of `b` that it is. One of k and n lies element by element.

use crate::element::{Element, F32};
use crate::epilogue::Epilogue;
use crate::gemm::{Columns, Product, Row, Size, Stored, multiply};
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
            (Stored::<F32>(&a[at_a..][..size.rows * size.k]), b.get(at_b..).unwrap_or(&[]))
        };
        if column_distance == 1 {
            let group = |group: usize| {
                let (rows, matrix) = at(group);
                Product {
                    rows,
                    columns: Level { matrix, cols: size.cols, distance: row_distance },
                    epilogue: Epilogue::NONE,
                }
            };
            return multiply::<F32, _, _>(Isa::best(), &size, group, out, scratch, threads);
        }
        let group = |group: usize| {
            let (rows, matrix) = at(group);
            Product {
                rows,
                columns: Upright { matrix, cols: size.cols, distance: column_distance },
                epilogue: Epilogue::NONE,
            }
        };
        multiply::<F32, _, _>(Isa::best(), &size, group, out, scratch, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::multiplying(step, depth(step))
    }
}

/// A matrix whose rows lie apart, each element by element.
struct Level<'a> {
    matrix: &'a [f32],
    cols: usize,
    distance: usize,
}

impl Columns<f32> for Level<'_> {
    #[inline(always)]
    fn panel<'a>(&'a self, k: Range<usize>, first: usize, space: &'a mut [Row<f32>]) -> &'a [Row<f32>] {
        let width = PANEL.min(self.cols - first);
        for (row, k) in space.iter_mut().zip(k) {
            let from = &self.matrix[k * self.distance + first..][..width];
            row[..width].copy_from_slice(from);
            row[width..].fill(0.0);
        }
        space
    }

    #[inline(always)]
    fn row_major(&self) -> Option<(&[f32], usize)> {
        Some((self.matrix, self.distance))
    }
}

/// A matrix whose columns lie apart, each element by element.
struct Upright<'a> {
    matrix: &'a [f32],
    cols: usize,
    distance: usize,
}

impl Columns<f32> for Upright<'_> {
    #[inline(always)]
    fn panel<'a>(&'a self, k: Range<usize>, first: usize, space: &'a mut [Row<f32>]) -> &'a [Row<f32>] {
        let width = PANEL.min(self.cols - first);
        let space = &mut space[..k.len()];
        for j in 0..PANEL {
            if j >= width {
                space.iter_mut().for_each(|row| row[j] = 0.0);
                continue;
            }
            let column = &self.matrix[(first + j) * self.distance..][k.clone()];
            space.iter_mut().zip(column).for_each(|(row, &x)| row[j] = x);
        }
        space
    }
}
