//! `add_f32` … `equal_bool`: elementwise functions of two operands, broadcast in the way of numpy.
//!
//! Operands: `a`, `b`. No parameters.

use crate::element::{Bf16, Bool, Element, F16, F32, Float, I8, I16, I32, I64, U8};
use crate::math;
use crate::nest::Nest;
use crate::step::{arity, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// A function of two elements of type `E`.
pub(crate) trait Operation<E: Element>: Sync + 'static {
    /// The type of its value.
    type Output: Element;

    /// The value.
    fn apply(a: E::Raw, b: E::Raw) -> <Self::Output as Element>::Raw;
}

macro_rules! operation {
    ($name:ident on $($element:ident)+ => $output:ty: |$a:ident, $b:ident| $value:expr) => {
        $(
            impl Operation<$element> for $name {
                type Output = $output;

                #[inline(always)]
                fn apply($a: <$element as Element>::Raw, $b: <$element as Element>::Raw) -> <$output as Element>::Raw {
                    $value
                }
            }
        )+
    };
}

/// On all floating-point types, by what it is on `f32`.
macro_rules! float_operation {
    ($name:ident: |$a:ident, $b:ident| $value:expr) => {
        float_operation!($name on F32 F16 Bf16: |$a, $b| $value);
    };
    ($name:ident on $($element:ident)+: |$a:ident, $b:ident| $value:expr) => {
        $(
            operation!($name on $element => $element: |$a, $b| {
                let ($a, $b) = ($element::to_f32($a), $element::to_f32($b));
                $element::from_f32($value)
            });
        )+
    };
}

/// On all integers of whole bytes.
macro_rules! integer_operation {
    ($name:ident: |$a:ident, $b:ident| $value:expr) => {
        integer_operation!($name on I8 U8 I16 I32 I64: |$a, $b| $value);
    };
    ($name:ident on $($element:ident)+: |$a:ident, $b:ident| $value:expr) => {
        $(operation!($name on $element => $element: |$a, $b| $value);)+
    };
}

pub(crate) struct Add;
pub(crate) struct Sub;
pub(crate) struct Mul;
pub(crate) struct Div;
pub(crate) struct Max;
pub(crate) struct Min;
pub(crate) struct Pow;
pub(crate) struct Less;
pub(crate) struct Equal;

float_operation!(Add: |a, b| a + b);
float_operation!(Sub: |a, b| a - b);
float_operation!(Mul: |a, b| a * b);
float_operation!(Div: |a, b| a / b);
float_operation!(Max: |a, b| if a > b || a.is_nan() { a } else { b });
float_operation!(Min: |a, b| if a < b || a.is_nan() { a } else { b });
float_operation!(Pow: |a, b| math::pow(a, b));
integer_operation!(Add: |a, b| a.wrapping_add(b));
integer_operation!(Sub: |a, b| a.wrapping_sub(b));
integer_operation!(Mul: |a, b| a.wrapping_mul(b));
integer_operation!(Div: |a, b| if b == 0 { 0 } else { a.wrapping_div(b) });
integer_operation!(Max: |a, b| a.max(b));
integer_operation!(Min: |a, b| a.min(b));
operation!(Less on F32 I8 U8 I16 I32 I64 => Bool: |a, b| u8::from(a < b));
operation!(Equal on F32 I8 U8 I16 I32 I64 => Bool: |a, b| u8::from(a == b));
operation!(Less on F16 => Bool: |a, b| u8::from(F16::to_f32(a) < F16::to_f32(b)));
operation!(Less on Bf16 => Bool: |a, b| u8::from(Bf16::to_f32(a) < Bf16::to_f32(b)));
operation!(Equal on F16 => Bool: |a, b| u8::from(F16::to_f32(a) == F16::to_f32(b)));
operation!(Equal on Bf16 => Bool: |a, b| u8::from(Bf16::to_f32(a) == Bf16::to_f32(b)));
operation!(Equal on Bool => Bool: |a, b| u8::from((a != 0) == (b != 0)));

/// The kernel of one [`Operation`] on one type.
pub(crate) struct Binary<O, E>(PhantomData<(O, E)>);

impl<O: Operation<E>, E: Element> Binary<O, E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Nest<2>, Code> {
        arity(step, 2, 1)?;
        require(step.params.is_empty())?;
        let (a, b) = (operand(step, 0, E::DTYPE)?, operand(step, 1, E::DTYPE)?);
        broadcast_result(&result(step, O::Output::DTYPE)?, [&a, &b])
    }
}

/// The nest over a result that must have exactly the sizes to which its operands broadcast.
pub(crate) fn broadcast_result<const K: usize>(result: &[usize], operands: [&[usize]; K]) -> Result<Nest<K>, Code> {
    let rank = operands.iter().map(|dims| dims.len()).max();
    require(rank == Some(result.len()))?;
    for (axis, &size) in result.iter().enumerate() {
        // Without an operand of this size, all of them have size 1 here, or the nest refuses.
        let has_size =
            |dims: &&[usize]| (axis + dims.len()).checked_sub(result.len()).is_some_and(|own| dims[own] == size);
        require(operands.iter().any(has_size))?;
    }
    Nest::broadcast(result, operands)
}

impl<O: Operation<E>, E: Element> Kernel for Binary<O, E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let nest = Self::plan(step)?;
        let (a, b) = (read(step, data.operands, 0)?, read(step, data.operands, 1)?);
        let out = write(step, data.results)?;
        flat(threads, out, 1, |start, out| {
            nest.runs(start, out.len(), |done, len, [at_a, at_b]| {
                stretch::<O, E>(&mut out[done..done + len], &a[at_a as usize..], &b[at_b as usize..], nest.inner());
            });
        })
    }
}

/// One stretch, in which each operand stays or moves by a fixed distance.
#[inline(always)]
fn stretch<O: Operation<E>, E: Element>(
    out: &mut [<O::Output as Element>::Raw],
    a: &[E::Raw],
    b: &[E::Raw],
    [step_a, step_b]: [isize; 2],
) {
    match [step_a, step_b] {
        [1, 1] => out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (&a, &b))| *out = O::apply(a, b)),
        [1, 0] => {
            let b = b[0];
            out.iter_mut().zip(a).for_each(|(out, &a)| *out = O::apply(a, b));
        }
        [0, 1] => {
            let a = a[0];
            out.iter_mut().zip(b).for_each(|(out, &b)| *out = O::apply(a, b));
        }
        _ => out.iter_mut().enumerate().for_each(|(i, out)| {
            *out = O::apply(a[i * step_a as usize], b[i * step_b as usize]);
        }),
    }
}
