//! `iota_i32`, `iota_i64`: numbers that grow along one axis; `dim_i64`: numbers known when sizes are bound.
//!
//! `iota`: no operands; parameters `axis`, `start`, `step`; wraps on overflow.
//! `dim_i64`: no operands; parameters: the elements of the result in order.

use crate::element::{Element, I32, I64};
use crate::step::{arity, axis, count, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// An integer type that counts.
pub(crate) trait Counter: Element {
    /// `start + index * step`.
    fn value(start: i64, step: i64, index: usize) -> Self::Raw;
}

impl Counter for I32 {
    fn value(start: i64, step: i64, index: usize) -> i32 {
        I64::value(start, step, index) as i32
    }
}

impl Counter for I64 {
    fn value(start: i64, step: i64, index: usize) -> i64 {
        start.wrapping_add(step.wrapping_mul(index as i64))
    }
}

/// The kernel for one integer type.
pub(crate) struct Iota<E>(PhantomData<E>);

/// Writes its parameters.
pub(crate) struct Dim;

struct Plan {
    size: usize,
    inner: usize,
    start: i64,
    step: i64,
}

impl<E: Counter> Iota<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 0, 1)?;
        let sizes = result(step, E::DTYPE)?;
        let &[axis_param, start, step] = step.params else { return Err(Code::BadStep) };
        let axis = axis(axis_param, sizes.len())?;
        let inner = if count(&sizes) == 0 { 0 } else { count(&sizes[axis + 1..]) };
        Ok(Plan { size: sizes[axis], inner, start, step })
    }
}

impl<E: Counter> Kernel for Iota<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { size, inner, start, step: increment } = Self::plan(step)?;
        flat(threads, write::<E::Raw>(step, data.results)?, 1, |first, out| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = E::value(start, increment, (first + i) / inner % size);
            }
        })
    }
}

impl Kernel for Dim {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        arity(step, 0, 1)?;
        require(count(&result(step, I64::DTYPE)?) == step.params.len())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        self.check(step)?;
        write::<i64>(step, data.results)?.copy_from_slice(step.params);
        Ok(())
    }
}
