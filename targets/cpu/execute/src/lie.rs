//! Where the elements of an operand lie in a tensor that it is a part of.

use crate::step::require;
use m4c_runtime::error::Code;

/// The place of the first element, and how far apart neighbors along each axis are.
#[derive(Clone, Copy)]
pub(crate) struct Lie<const RANK: usize> {
    pub(crate) first: usize,
    pub(crate) steps: [usize; RANK],
}

impl<const RANK: usize> Lie<RANK> {
    /// Reads and checks parameters, the first place and then a step for each axis: all elements are inside a tensor of
    /// so many.
    pub(crate) fn new(params: &[i64], sizes: [usize; RANK], elements: usize) -> Result<Lie<RANK>, Code> {
        let number = |param: i64| usize::try_from(param).map_err(|_| Code::BadStep);
        let (&first, distances) = params.split_first().ok_or(Code::BadStep)?;
        require(distances.len() == RANK)?;
        let first = number(first)?;
        let (mut steps, mut last) = ([0; RANK], first);
        for ((step, &distance), size) in steps.iter_mut().zip(distances).zip(sizes) {
            let distance = number(distance)?;
            if size > 1 {
                // That of an axis of one element is never taken, so it may not overflow either.
                *step = distance;
            }
            let reach = size.saturating_sub(1).checked_mul(*step).ok_or(Code::BadStep)?;
            last = last.checked_add(reach).ok_or(Code::BadStep)?;
        }
        require(sizes.contains(&0) || last < elements)?;
        Ok(Lie { first, steps })
    }
}
