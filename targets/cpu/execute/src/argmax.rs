//! `argmax_T`: the index along an axis of the largest element; the first of equal ones, and NaN above all.
//!
//! Operand: `x`. Parameter: the axis. The result is i64 with the elements in order; its own sizes do not matter.

use crate::element::{Element, I64};
use crate::step::{arity, axis, count, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The kernel for one type.
pub(crate) struct Argmax<E>(PhantomData<E>);

struct Plan {
    size: usize,
    inner: usize,
}

impl<E: Element<Raw: PartialOrd>> Argmax<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 1, 1)?;
        let dims = operand(step, 0, E::DTYPE)?;
        let &[param] = step.params else { return Err(Code::BadStep) };
        let axis = axis(param, dims.len())?;
        let others = dims[..axis].iter().chain(&dims[axis + 1..]);
        let elements = others.into_iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        require(elements == Some(count(&result(step, I64::DTYPE)?)))?;
        require(dims[axis] > 0 || elements == Some(0))?;
        Ok(Plan { size: dims[axis], inner: count(&dims[axis + 1..]) })
    }
}

impl<E: Element<Raw: PartialOrd>> Kernel for Argmax<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { size, inner } = Self::plan(step)?;
        let x: &[E::Raw] = read(step, data.operands, 0)?;
        flat(threads, write::<i64>(step, data.results)?, size, |start, out| {
            for (i, out) in out.iter_mut().enumerate() {
                let (row, col) = ((start + i) / inner, (start + i) % inner);
                let elements = x[row * size * inner + col..].iter().step_by(inner).take(size);
                *out = first_largest(elements) as i64;
            }
        })
    }
}

fn first_largest<'a, T: PartialOrd + Copy + 'a>(elements: impl Iterator<Item = &'a T>) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (i, &x) in elements.enumerate() {
        // Only NaN is not comparable with itself.
        if x.partial_cmp(&x).is_none() {
            return i;
        }
        if best.is_none_or(|(_, largest)| x > largest) {
            best = Some((i, x));
        }
    }
    best.map_or(0, |(i, _)| i)
}
