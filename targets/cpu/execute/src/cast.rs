//! `cast_<from>_<to>`: conversions between storage types.
//!
//! Floats become 64-bit integers by cutting toward zero, saturating, with 0 for NaN; narrower integers wrap; true is what
//! is not 0.
//! To a 16-bit float the way is over `f32`, rounding to nearest even. Operand: `x`. No parameters.

use crate::element::{Bf16, Bool, Element, F16, F32, I8, I16, I32, I64, U8};
use crate::half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use crate::step::{arity, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// A type that converts to `T`.
pub(crate) trait ConvertTo<T: Element>: Element {
    /// The converted element.
    fn convert(raw: Self::Raw) -> T::Raw;
}

/// The element as a number of Rust.
macro_rules! number {
    (Bool, $raw:expr) => {
        u8::from($raw != 0)
    };
    (F16, $raw:expr) => {
        f16_to_f32($raw)
    };
    (Bf16, $raw:expr) => {
        bf16_to_f32($raw)
    };
    ($plain:ident, $raw:expr) => {
        $raw
    };
}

/// A number of Rust as an element.
macro_rules! element {
    (Bool, $number:expr) => {
        u8::from($number != Default::default())
    };
    (F16, $number:expr) => {
        f32_to_f16($number as f32)
    };
    (Bf16, $number:expr) => {
        f32_to_bf16($number as f32)
    };
    (F32, $number:expr) => {
        $number as f32
    };
    ($integer:ident, $number:expr) => {
        $number as i64 as <$integer as Element>::Raw
    };
}

macro_rules! conversions {
    ($($from:ident => $($to:ident)+;)+) => {
        $($(
            impl ConvertTo<$to> for $from {
                #[inline(always)]
                #[allow(clippy::unnecessary_cast, reason = "one body for all types")]
                fn convert(raw: <$from as Element>::Raw) -> <$to as Element>::Raw {
                    element!($to, number!($from, raw))
                }
            }
        )+)+
    };
}

conversions! {
    Bool => I16 I32 I64 U8 I8 F32 F16 Bf16;
    I16 => Bool I32 I64 U8 I8 F32 F16 Bf16;
    I32 => Bool I16 I64 U8 I8 F32 F16 Bf16;
    I64 => Bool I16 I32 I64 U8 I8 F32 F16 Bf16;
    U8 => Bool I16 I32 I64 I8 F32 F16 Bf16;
    I8 => Bool I16 I32 I64 U8 F32 F16 Bf16;
    F32 => Bool I16 I32 I64 U8 I8 F16 Bf16;
    F16 => Bool I16 I32 I64 U8 I8 F32 Bf16;
    Bf16 => Bool I16 I32 I64 U8 I8 F32 F16;
}

/// The kernel from one type to another.
pub(crate) struct Cast<S, T>(PhantomData<(S, T)>);

impl<S: ConvertTo<T>, T: Element> Cast<S, T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<S: ConvertTo<T>, T: Element> Kernel for Cast<S, T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        arity(step, 1, 1)?;
        require(step.params.is_empty())?;
        require(operand(step, 0, S::DTYPE)? == result(step, T::DTYPE)?)
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        self.check(step)?;
        let x: &[S::Raw] = read(step, data.operands, 0)?;
        flat(threads, write(step, data.results)?, 1, |start, out| {
            for (out, &x) in out.iter_mut().zip(&x[start..]) {
                *out = S::convert(x);
            }
        })
    }
}
