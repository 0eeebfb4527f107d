//! `argmax_T`: the index along an axis of the largest element; the first of equal ones, and NaN above all.
//!
//! Operand: `x`. Parameter: the axis. The result is i64 with the elements in order; its own sizes do not matter.

use crate::element::{Bf16, Element, F16, F32, Float, I8, I16, I32, I64, U8};
use crate::step::{arity, axis, count, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// A type whose elements compare.
pub(crate) trait Ordered: Element {
    /// What compares as the elements do.
    type Key: PartialOrd + Copy;

    /// The key of an element.
    fn key(raw: Self::Raw) -> Self::Key;
}

macro_rules! ordered {
    ($($element:ident by $key:ty: $function:expr;)+) => {
        $(
            impl Ordered for $element {
                type Key = $key;

                #[inline(always)]
                fn key(raw: Self::Raw) -> $key {
                    $function(raw)
                }
            }
        )+
    };
}

ordered! {
    F16 by f32: F16::to_f32;
    Bf16 by f32: Bf16::to_f32;
    F32 by f32: F32::to_f32;
    I8 by i8: core::convert::identity;
    U8 by u8: core::convert::identity;
    I16 by i16: core::convert::identity;
    I32 by i32: core::convert::identity;
    I64 by i64: core::convert::identity;
}

/// The kernel for one type.
pub(crate) struct Argmax<E>(PhantomData<E>);

struct Plan {
    size: usize,
    inner: usize,
}

impl<E: Ordered> Argmax<E> {
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

impl<E: Ordered> Kernel for Argmax<E> {
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
                *out = first_largest(elements.map(|&x| E::key(x))) as i64;
            }
        })
    }
}

fn first_largest<T: PartialOrd + Copy>(elements: impl Iterator<Item = T>) -> usize {
    let mut best: Option<(usize, T)> = None;
    for (i, x) in elements.enumerate() {
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
