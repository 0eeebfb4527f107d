//! What a matrix product or convolution does to its elements before they leave the cache: bias, activation, gate,
//! residual.
//!
//! `matmul_f32`, `matmul_packed_f32` and `conv_f32` take three optional operands after the factors, `bias`, `residual`
//! and `gate` (the last two of the same shape as the result), and one optional last parameter, the number of an
//! [`Activation`]. The result is `activation(product + bias) * gate + residual`, with the same bits as separate steps
//! give.

use crate::element::{Element, F32};
use crate::math;
use crate::number::{Number, Numeric};
use crate::step::{count, optional, require};
use m4c_runtime::error::Code;
use m4c_runtime::executor::StepShape;

macro_rules! activations {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $function:expr;)+) => {
        /// A function of each element, with the number that stands for it in the parameters of a step.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(i64)]
        pub enum Activation {
            $($(#[doc = $doc])+ $name = $number,)+
        }

        impl Activation {
            /// All of them in the order of their numbers.
            pub const ALL: &[Activation] = &[$(Activation::$name),+];

            /// The activation with this number.
            pub fn from_number(number: i64) -> Option<Activation> {
                match number {
                    $($number => Some(Activation::$name),)+
                    _ => None,
                }
            }

            /// Applies the function to all elements.
            #[inline(always)]
            pub fn apply(self, values: &mut [f32]) {
                match self {
                    $(Activation::$name => {
                        let function: fn(f32) -> f32 = $function;
                        values.iter_mut().for_each(|x| *x = function(*x));
                    })+
                }
            }
        }
    };
}

activations! {
    /// The element itself.
    None = 0, |x| x;
    /// `max(x, 0)`.
    Relu = 1, |x| if x > 0.0 || x.is_nan() { x } else { 0.0 };
    /// `x * (1 + erf(x / √2)) / 2`.
    Gelu = 2, math::gelu;
    /// `x * (1 + tanh(√(2 / π) * (x + 0.044715 x³))) / 2`.
    GeluTanh = 3, math::gelu_tanh;
    /// `x * sigmoid(1.702 x)`.
    QuickGelu = 4, math::quick_gelu;
    /// `1 / (1 + exp(-x))`.
    Sigmoid = 5, math::sigmoid;
    /// `x * sigmoid(x)`.
    Silu = 6, math::silu;
    /// Hyperbolic tangent.
    Tanh = 7, math::tanh;
}

/// What is added to the product.
#[derive(Clone, Copy)]
pub(crate) enum Bias<'a, T> {
    /// Nothing.
    None,
    /// A number for each row.
    PerRow(&'a [T]),
    /// A number for each column.
    PerColumn(&'a [T]),
}

/// What is done to the elements of one matrix of the result.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a, T> {
    pub(crate) bias: Bias<'a, T>,
    pub(crate) activation: Activation,
    /// A matrix of the same size, row by row, that is multiplied with.
    pub(crate) gate: Option<&'a [T]>,
    /// A matrix of the same size, row by row, that is added last.
    pub(crate) residual: Option<&'a [T]>,
}

/// The matrix of a group, where there are matrices of so many elements.
pub(crate) fn of_group<T>(all: Option<&[T]>, group: usize, elements: usize) -> Option<&[T]> {
    all.map(|all| &all[group * elements..][..elements])
}

impl<T> Epilogue<'_, T> {
    /// Leaves the product as it is.
    pub(crate) const NONE: Self = Self { bias: Bias::None, activation: Activation::None, gate: None, residual: None };
}

impl<T: Copy> Epilogue<'_, T> {
    /// Finishes elements of a row of the matrix, which has `cols` columns, from a column on.
    #[inline(always)]
    pub(crate) fn apply<E: Numeric<Raw = T>>(&self, row: usize, col: usize, cols: usize, sums: &mut [E::Number]) {
        match self.bias {
            Bias::None => {}
            Bias::PerRow(bias) => {
                let bias = E::number(bias[row]);
                sums.iter_mut().for_each(|sum| *sum = sum.plus(bias));
            }
            Bias::PerColumn(bias) => {
                sums.iter_mut().zip(&bias[col..]).for_each(|(sum, &bias)| *sum = sum.plus(E::number(bias)));
            }
        }
        E::Number::activate(self.activation, sums);
        let first = row * cols + col;
        if let Some(gate) = self.gate {
            let line = &gate[first..][..sums.len()];
            sums.iter_mut().zip(line).for_each(|(sum, &x)| *sum = sum.times(E::number(x)));
        }
        if let Some(residual) = self.residual {
            let line = &residual[first..][..sums.len()];
            sums.iter_mut().zip(line).for_each(|(sum, &x)| *sum = sum.plus(E::number(x)));
        }
    }
}

/// Checks the operands 2 (`bias`, of `channels` elements), 3 and 4 (`residual` and `gate`, like the result), and the last
/// parameter.
///
/// # Errors
/// [`Code::BadStep`] where they do not fit; only `f32` has an activation, a residual or a gate.
pub(crate) fn check<E: Element>(
    step: &StepShape<'_>,
    channels: usize,
    out: &[usize],
    activation: &[i64],
) -> Result<Activation, Code> {
    require((2..=5).contains(&step.operands.len()))?;
    require(optional(step, 2, E::DTYPE)?.is_none_or(|bias| count(&bias) == channels))?;
    let (residual, gate) = (optional(step, 3, E::DTYPE)?, optional(step, 4, E::DTYPE)?);
    require([&residual, &gate].into_iter().flatten().all(|like| **like == *out))?;
    let activation = match *activation {
        [] => Some(Activation::None),
        [number] => Activation::from_number(number),
        _ => None,
    };
    let activation = activation.ok_or(Code::BadStep)?;
    let none = activation == Activation::None && residual.is_none() && gate.is_none();
    require(E::DTYPE == F32::DTYPE || none)?;
    Ok(activation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_activations() {
        for (number, &activation) in (0..).zip(Activation::ALL) {
            assert_eq!(activation as i64, number);
            assert_eq!(Activation::from_number(number), Some(activation));
        }
        assert_eq!(Activation::from_number(-1), None);
        assert_eq!(Activation::from_number(Activation::ALL.len() as i64), None);
    }
}
