//! `exp_T` … `sigmoid_T`: elementwise functions of one operand.
//!
//! Operand: `x`. No parameters.

use crate::element::Float;
use crate::isa::{Body, Isa, Vector};
use crate::math;
use crate::step::{arity, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// A function of one `f32`.
pub(crate) trait Function: Sync + 'static {
    /// Roughly its work in additions.
    const COST: usize;

    /// The value.
    fn apply(x: f32) -> f32;
}

macro_rules! functions {
    ($($name:ident = $function:path, $cost:literal;)+) => {
        $(
            pub(crate) struct $name;

            impl Function for $name {
                const COST: usize = $cost;

                #[inline(always)]
                fn apply(x: f32) -> f32 {
                    $function(x)
                }
            }
        )+
    };
}

functions! {
    Exp = math::exp, 4;
    Log = math::log, 16;
    Sqrt = math::sqrt, 2;
    Sin = math::sin, 16;
    Cos = math::cos, 16;
    Tanh = math::tanh, 8;
    Erf = math::erf, 8;
    Floor = math::floor, 1;
    Round = math::round, 1;
    Gelu = math::gelu, 8;
    GeluTanh = math::gelu_tanh, 10;
    Sigmoid = math::sigmoid, 6;
}

/// The kernel of one [`Function`] on one type.
pub(crate) struct Unary<F, E>(PhantomData<(F, E)>);

struct Apply<'a, F, E: Float> {
    x: &'a [E::Raw],
    out: &'a mut [E::Raw],
    function: PhantomData<F>,
}

impl<F: Function, E: Float> Body for Apply<'_, F, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        for (out, &x) in self.out.iter_mut().zip(self.x) {
            *out = E::from_f32(F::apply(E::to_f32(x)));
        }
    }
}

impl<F: Function, E: Float> Unary<F, E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn apply(isa: Isa, x: &[E::Raw], out: &mut [E::Raw]) {
        isa.run(Apply::<F, E> { x, out, function: PhantomData });
    }
}

impl<F: Function, E: Float> Kernel for Unary<F, E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        arity(step, 1, 1)?;
        require(step.params.is_empty())?;
        require(operand(step, 0, E::DTYPE)? == result(step, E::DTYPE)?)
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        self.check(step)?;
        let x: &[E::Raw] = read(step, data.operands, 0)?;
        let out = write(step, data.results)?;
        let isa = Isa::best();
        flat(threads, out, F::COST, |start, out| Self::apply(isa, &x[start..start + out.len()], out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::F32;

    fn same_bits<F: Function>() {
        let x: Vec<f32> = (0..40_000u32).map(|i| f32::from_bits(i.wrapping_mul(107_377))).collect();
        let (mut reference, mut out) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        Unary::<F, F32>::apply(Isa::Portable, &x, &mut reference);
        for isa in Isa::all() {
            Unary::<F, F32>::apply(isa, &x, &mut out);
            for ((x, a), b) in x.iter().zip(&reference).zip(&out) {
                assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{isa:?} at {x:e}: {a:e} {b:e}");
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        same_bits::<Exp>();
        same_bits::<Tanh>();
        same_bits::<Erf>();
        same_bits::<Gelu>();
        same_bits::<GeluTanh>();
        same_bits::<Sigmoid>();
        same_bits::<Floor>();
        same_bits::<Round>();
        same_bits::<Sqrt>();
        same_bits::<Log>();
        same_bits::<Sin>();
        same_bits::<Cos>();
    }
}
