//! `scatter_N`, `scatter_add_T`: rows of the first axis replaced, or added to, by index. N is the size of an element in
//! bytes.
//!
//! Operands: `x`, `indices` (one axis, i64 or i32; negative ones count from the end), `updates`, which is
//! `indices ++ x[1..]`. The result has the sizes of `x`. Updates of one row meet in the order of the indices, so a step
//! runs on one thread.

use crate::element::{Element, F32, I32, I64, Word};
use crate::gather::position;
use crate::step::{arity, count, operand, operand_like, present, read, require, result, write};
use bytemuck::Pod;
use core::marker::PhantomData;
use m4c_runtime::DType;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// Replaces rows of elements of this size.
pub(crate) struct Scatter<T>(PhantomData<T>);

/// Adds to rows.
pub(crate) struct ScatterAdd<E>(PhantomData<E>);

struct Plan {
    rows: usize,
    inner: usize,
}

/// Checks indices, updates and result against `x`, which has been checked.
fn plan(step: &StepShape<'_>, dtype: DType, x: &[usize]) -> Result<Plan, Code> {
    arity(step, 3, 1)?;
    let wide = present(step, 1).is_some_and(|shape| shape.dtype == I64::DTYPE);
    let indices = operand(step, 1, if wide { I64::DTYPE } else { I32::DTYPE })?;
    let updates = operand(step, 2, dtype)?;
    let ([rows, row @ ..], 1) = (x, indices.len()) else { return Err(Code::BadStep) };
    require(updates.iter().eq(indices.iter().chain(row)) && *result(step, dtype)? == *x)?;
    Ok(Plan { rows: *rows, inner: count(row) })
}

/// Calls `update` with each row of the result and the row of the updates that belongs to it.
fn each_row<T: Pod>(
    step: &StepShape<'_>,
    data: StepData<'_, '_>,
    plan: &Plan,
    update: impl Fn(&mut [T], &[T]),
) -> Result<(), Code> {
    let x: &[T] = read(step, data.operands, 0)?;
    let updates: &[T] = read(step, data.operands, 2)?;
    let out: &mut [T] = write(step, data.results)?;
    out.copy_from_slice(x);
    let inner = plan.inner;
    let mut at = |k: usize, index: i64| {
        let row = position(index, plan.rows).ok_or(Code::IndexOutOfRange)?;
        if inner > 0 {
            update(&mut out[row * inner..][..inner], &updates[k * inner..][..inner]);
        }
        Ok(())
    };
    if present(step, 1).is_some_and(|shape| shape.dtype == I64::DTYPE) {
        let indices: &[i64] = read(step, data.operands, 1)?;
        indices.iter().enumerate().try_for_each(|(k, &index)| at(k, index))
    } else {
        let indices: &[i32] = read(step, data.operands, 1)?;
        indices.iter().enumerate().try_for_each(|(k, &index)| at(k, index.into()))
    }
}

impl<T: Word> Scatter<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<T: Word> Kernel for Scatter<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        let (dtype, x) = operand_like::<T>(step, 0)?;
        plan(step, dtype, &x).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        let (dtype, x) = operand_like::<T>(step, 0)?;
        let plan = plan(step, dtype, &x)?;
        each_row(step, data, &plan, |row: &mut [T], update| row.copy_from_slice(update))
    }
}

/// Adds elements as the type does.
pub(crate) trait Accumulate: Element {
    /// The sum; integers wrap.
    fn sum(a: Self::Raw, b: Self::Raw) -> Self::Raw;
}

impl Accumulate for F32 {
    fn sum(a: f32, b: f32) -> f32 {
        a + b
    }
}

impl Accumulate for I32 {
    fn sum(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
}

impl Accumulate for I64 {
    fn sum(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
}

impl<E: Accumulate> ScatterAdd<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<E: Accumulate> Kernel for ScatterAdd<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step, E::DTYPE, &operand(step, 0, E::DTYPE)?).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        let plan = plan(step, E::DTYPE, &operand(step, 0, E::DTYPE)?)?;
        each_row(step, data, &plan, |row: &mut [E::Raw], update| {
            row.iter_mut().zip(update).for_each(|(sum, &x)| *sum = E::sum(*sum, x));
        })
    }
}
