//! `copy_N`: the same elements in the same order, whatever the sizes of the result. N is the size of an element.
//!
//! Operand: `x`. No parameters.

use crate::element::Word;
use crate::step::{arity, count, operand_like, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The kernel for elements of this size.
pub(crate) struct Copy<T>(PhantomData<T>);

impl<T: Word> Copy<T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<T: Word> Kernel for Copy<T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        arity(step, 1, 1)?;
        require(step.params.is_empty())?;
        let (dtype, dims) = operand_like::<T>(step, 0)?;
        require(count(&dims) == count(&result(step, dtype)?))
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        self.check(step)?;
        let x: &[T] = read(step, data.operands, 0)?;
        flat(threads, write(step, data.results)?, 1, |start, out| out.copy_from_slice(&x[start..start + out.len()]))
    }
}
