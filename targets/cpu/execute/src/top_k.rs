//! `top_k_T`: the indices along an axis of the largest elements, the largest first; of equal ones the first, and NaN above all.
//!
//! Operand: `x`. Parameter: the axis. How many is the result's size along it.
//!
//! The result itself holds a heap of the best so far, the worst of them on top, which is then sorted in place.

use crate::argmax::Ordered;
use crate::element::{Element, I64};
use crate::step::{arity, axis, count, operand, read, require, result, write};
use crate::tiles::{Grid, Tile, share};
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The kernel for one type.
pub(crate) struct TopK<E>(PhantomData<E>);

struct Plan {
    outer: usize,
    size: usize,
    k: usize,
    inner: usize,
}

impl<E: Ordered> TopK<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 1, 1)?;
        let dims = operand(step, 0, E::DTYPE)?;
        let &[param] = step.params else { return Err(Code::BadStep) };
        let axis = axis(param, dims.len())?;
        let to = result(step, I64::DTYPE)?;
        require(to.len() == dims.len() && to[axis] <= dims[axis])?;
        require(to[..axis] == dims[..axis] && to[axis + 1..] == dims[axis + 1..])?;
        Ok(Plan { outer: count(&dims[..axis]), size: dims[axis], k: to[axis], inner: count(&dims[axis + 1..]) })
    }
}

impl<E: Ordered> Kernel for TopK<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { outer, size, k, inner } = Self::plan(step)?;
        let x: &[E::Raw] = read(step, data.operands, 0)?;
        let grid = Grid { groups: outer, rows: k, cols: inner, tile_rows: k, tile_cols: 1 };
        share(threads, write(step, data.results)?, grid, &mut [] as &mut [u8], 0, |tile: Tile<'_, i64>, _| {
            let first = tile.group * size * inner + tile.col;
            let key = |index: i64| E::key(x[first + index as usize * inner]);
            best(Line(tile), k, size, |i, j| is_before(key(i), i, key(j), j));
        })
    }
}

/// Whether an element comes before another in the result.
fn is_before<T: PartialOrd + Copy>(x: T, i: i64, y: T, j: i64) -> bool {
    // Only NaN is not comparable with itself.
    match (x.partial_cmp(&x).is_none(), y.partial_cmp(&y).is_none()) {
        (false, false) if x > y => true,
        (false, false) if x < y => false,
        (true, false) => true,
        (false, true) => false,
        _ => i < j,
    }
}

/// The indices of one line of the result.
struct Line<'a>(Tile<'a, i64>);

impl Line<'_> {
    fn get(&mut self, place: usize) -> i64 {
        self.0.row_mut(place)[0]
    }

    fn set(&mut self, place: usize, index: i64) {
        self.0.row_mut(place)[0] = index;
    }

    /// Moves `index` down from the top of a heap of `count` places until it lies below those that come after it.
    fn sink(&mut self, index: i64, count: usize, before: &impl Fn(i64, i64) -> bool) {
        let mut place = 0;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            if left >= count {
                break;
            }
            let mut child = left;
            if right < count && before(self.get(left), self.get(right)) {
                child = right;
            }
            let below = self.get(child);
            if before(below, index) {
                break;
            }
            self.set(place, below);
            place = child;
        }
        self.set(place, index);
    }

    /// Adds `index` behind a heap of `count` places and moves it up.
    fn rise(&mut self, index: i64, count: usize, before: &impl Fn(i64, i64) -> bool) {
        let mut place = count;
        while place > 0 {
            let above = (place - 1) / 2;
            let other = self.get(above);
            if before(index, other) {
                break;
            }
            self.set(place, other);
            place = above;
        }
        self.set(place, index);
    }
}

/// Fills a line with the indices of the first `k` of `size` elements in the order of `before`.
fn best(mut line: Line<'_>, k: usize, size: usize, before: impl Fn(i64, i64) -> bool) {
    for index in 0..size {
        if index < k {
            line.rise(index as i64, index, &before);
        } else if before(index as i64, line.get(0)) {
            line.sink(index as i64, k, &before);
        }
    }
    for count in (1..k).rev() {
        let (worst, last) = (line.get(0), line.get(count));
        line.set(count, worst);
        line.sink(last, count, &before);
    }
}
