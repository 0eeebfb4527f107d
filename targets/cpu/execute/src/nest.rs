//! Walks the elements of a result in order and says where each operand's element lies.

use crate::step::require;
use m4c_runtime::error::Code;
use m4c_runtime::executor::MAX_RANK;

/// A loop nest over row-major sizes, with the distance that each of `K` operands moves along every axis.
///
/// Axes of size 1 are left out, and neighbors that all operands walk as one axis are merged, so that the last axis is
/// as long as it can be.
pub(crate) struct Nest<const K: usize> {
    rank: usize,
    sizes: [usize; MAX_RANK],
    steps: [[isize; K]; MAX_RANK],
}

impl<const K: usize> Nest<K> {
    /// The nest over `sizes`; `steps` has one entry an axis.
    pub(crate) fn new(sizes: &[usize], steps: &[[isize; K]]) -> Nest<K> {
        let mut nest = Nest { rank: 0, sizes: [1; MAX_RANK], steps: [[0; K]; MAX_RANK] };
        for (&size, &step) in sizes.iter().zip(steps) {
            if size == 1 {
                continue;
            }
            if let Some(last) = nest.rank.checked_sub(1)
                && (0..K).all(|k| nest.steps[last][k] == step[k].wrapping_mul(size as isize))
            {
                nest.sizes[last] = nest.sizes[last].wrapping_mul(size);
                nest.steps[last] = step;
            } else {
                nest.sizes[nest.rank] = size;
                nest.steps[nest.rank] = step;
                nest.rank += 1;
            }
        }
        nest.rank = nest.rank.max(1);
        nest
    }

    /// The nest that broadcasts each operand to `sizes`, in the way of numpy.
    pub(crate) fn broadcast(sizes: &[usize], operands: [&[usize]; K]) -> Result<Nest<K>, Code> {
        let mut steps = [[0; K]; MAX_RANK];
        for (k, operand) in operands.into_iter().enumerate() {
            let lead = sizes.len().checked_sub(operand.len()).ok_or(Code::BadStep)?;
            let mut step = 1isize;
            for (axis, &size) in operand.iter().enumerate().rev() {
                require(size == sizes[lead + axis] || size == 1)?;
                if size != 1 {
                    steps[lead + axis][k] = step;
                }
                step = step.wrapping_mul(size as isize);
            }
        }
        Ok(Nest::new(sizes, &steps))
    }

    /// The merged sizes.
    pub(crate) fn sizes(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }

    /// The distances along each merged axis.
    pub(crate) fn steps(&self) -> &[[isize; K]] {
        &self.steps[..self.rank]
    }

    /// The distances along the last axis.
    pub(crate) fn inner(&self) -> [isize; K] {
        self.steps[self.rank - 1]
    }

    /// The nest without its last axis, along which no operand moves; none where it has no other or an operand does.
    pub(crate) fn repeated(&self) -> Option<Nest<K>> {
        let rank = self.rank - 1;
        (rank > 0 && self.inner() == [0; K]).then_some(Nest { rank, sizes: self.sizes, steps: self.steps })
    }

    /// Where the operands' elements for the result's element `index` lie.
    pub(crate) fn at(&self, index: usize) -> [isize; K] {
        let mut offsets = [0; K];
        let mut rest = index;
        for axis in (0..self.rank).rev() {
            let position = (rest % self.sizes[axis].max(1)) as isize;
            rest /= self.sizes[axis].max(1);
            for (offset, step) in offsets.iter_mut().zip(self.steps[axis]) {
                *offset += position * step;
            }
        }
        offsets
    }

    /// Calls `each(done, len, offsets)` for every stretch along the last axis within the `count` elements from `start`:
    /// `done` elements lie before it, and its first element is at `offsets` in the operands.
    #[inline(always)]
    pub(crate) fn runs(&self, start: usize, count: usize, mut each: impl FnMut(usize, usize, [isize; K])) {
        if count == 0 {
            return;
        }
        let mut positions = [0; MAX_RANK];
        let mut rest = start;
        for axis in (0..self.rank).rev() {
            positions[axis] = rest % self.sizes[axis].max(1);
            rest /= self.sizes[axis].max(1);
        }
        let mut offsets = self.at(start);
        let last = self.rank - 1;
        let mut done = 0;
        loop {
            let len = (self.sizes[last] - positions[last]).min(count - done);
            each(done, len, offsets);
            done += len;
            if done >= count || len == 0 {
                return;
            }
            for (offset, step) in offsets.iter_mut().zip(self.steps[last]) {
                *offset -= positions[last] as isize * step;
            }
            positions[last] = 0;
            for axis in (0..last).rev() {
                positions[axis] += 1;
                let back = if positions[axis] < self.sizes[axis] { 0 } else { self.sizes[axis] as isize };
                for (offset, step) in offsets.iter_mut().zip(self.steps[axis]) {
                    *offset += (1 - back) * step;
                }
                if back == 0 {
                    break;
                }
                positions[axis] = 0;
            }
        }
    }
}

/// The distance between neighbors along each axis of a plain row-major tensor.
pub(crate) fn row_major(sizes: &[usize]) -> [isize; MAX_RANK] {
    let mut steps = [0; MAX_RANK];
    let mut step = 1isize;
    for (axis, &size) in sizes.iter().enumerate().rev() {
        steps[axis] = step;
        step = step.wrapping_mul(size as isize);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets<const K: usize>(nest: &Nest<K>, start: usize, count: usize) -> Vec<[isize; K]> {
        let mut all = Vec::new();
        nest.runs(start, count, |done, len, offsets| {
            assert_eq!(done, all.len());
            for i in 0..len as isize {
                all.push(core::array::from_fn(|k| offsets[k] + i * nest.inner()[k]));
            }
        });
        all
    }

    #[test]
    fn every_stretch_agrees_with_the_direct_formula() {
        let nest = Nest::broadcast(&[2, 3, 4], [&[2, 1, 4], &[3, 1]]).unwrap();
        for start in 0..24 {
            for count in 0..=24 - start {
                let expected: Vec<_> =
                    (start..start + count).map(|i| [(i / 12 * 4 + i % 4) as isize, (i / 4 % 3) as isize]).collect();
                assert_eq!(offsets(&nest, start, count), expected);
                assert!((start..start + count).zip(&expected).all(|(i, e)| nest.at(i) == *e));
            }
        }
    }

    #[test]
    fn axes_that_are_walked_as_one_are_merged() {
        let nest = Nest::broadcast(&[2, 3, 1, 4], [&[2, 3, 1, 4], &[]]).unwrap();
        assert_eq!((nest.sizes(), nest.inner()), (&[24][..], [1, 0]));
        let nest = Nest::broadcast(&[5, 3, 4], [&[5, 3, 4], &[3, 4]]).unwrap();
        assert_eq!((nest.sizes(), nest.inner()), (&[5, 12][..], [1, 1]));
    }

    #[test]
    fn sizes_that_do_not_broadcast_are_refused() {
        assert!(Nest::broadcast(&[2, 3], [&[2]]).is_err());
        assert!(Nest::broadcast(&[3], [&[1, 3]]).is_err());
    }
}
