//! `select_N`: `a` where the condition is true, else `b`; all three broadcast. N is the size of an element in bytes.
//!
//! Operands: `condition` (bool), `a`, `b`. No parameters.

use crate::binary::broadcast_result;
use crate::element::{Bool, Element, Word};
use crate::nest::Nest;
use crate::step::{arity, operand, operand_like, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The kernel for elements of this size.
pub(crate) struct Select<T>(PhantomData<T>);

impl<T: Word> Select<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Nest<3>, Code> {
        arity(step, 3, 1)?;
        require(step.params.is_empty())?;
        let condition = operand(step, 0, Bool::DTYPE)?;
        let (dtype, a) = operand_like::<T>(step, 1)?;
        let b = operand(step, 2, dtype)?;
        broadcast_result(&result(step, dtype)?, [&condition, &a, &b])
    }
}

impl<T: Word> Kernel for Select<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let nest = Self::plan(step)?;
        let condition: &[u8] = read(step, data.operands, 0)?;
        let (a, b): (&[T], &[T]) = (read(step, data.operands, 1)?, read(step, data.operands, 2)?);
        flat(threads, write(step, data.results)?, 1, |start, out| {
            nest.runs(start, out.len(), |done, len, offsets| {
                let [at_c, at_a, at_b] = offsets.map(|offset| offset as usize);
                let (condition, a, b) = (&condition[at_c..], &a[at_a..], &b[at_b..]);
                stretch(&mut out[done..done + len], condition, a, b, nest.inner());
            });
        })
    }
}

/// One stretch, in which each operand stays or moves by a fixed distance.
#[inline(always)]
fn stretch<T: Word>(out: &mut [T], condition: &[u8], a: &[T], b: &[T], steps: [isize; 3]) {
    match steps {
        [1, 1, 1] => {
            for (((out, &condition), &a), &b) in out.iter_mut().zip(condition).zip(a).zip(b) {
                *out = if condition != 0 { a } else { b };
            }
        }
        [1, 1, 0] => {
            let b = b[0];
            for ((out, &condition), &a) in out.iter_mut().zip(condition).zip(a) {
                *out = if condition != 0 { a } else { b };
            }
        }
        [1, 0, 1] => {
            let a = a[0];
            for ((out, &condition), &b) in out.iter_mut().zip(condition).zip(b) {
                *out = if condition != 0 { a } else { b };
            }
        }
        _ => {
            let [step_c, step_a, step_b] = steps.map(|step| step as usize);
            for (i, out) in out.iter_mut().enumerate() {
                *out = if condition[i * step_c] != 0 { a[i * step_a] } else { b[i * step_b] };
            }
        }
    }
}
