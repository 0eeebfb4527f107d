//! How far a correct implementation may be from the meaning of an operator.

use crate::dtype::DType;

/// The numerics class of an operator. Tolerances of comparisons come from here and nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Numerics {
    /// The same bits for every input, NaN and infinities included; the payload of a NaN and the sign of a zero that a
    /// maximum picks are free.
    Exact,
    /// Each element rounds on its own: transcendental functions and their compositions.
    Rounded,
    /// Elements are sums whose order is free.
    Accumulated,
}

impl Numerics {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Numerics::Exact => "exact",
            Numerics::Rounded => "rounded",
            Numerics::Accumulated => "accumulated",
        }
    }

    /// The largest allowed difference of one application on elements of this type, relative to the largest finite
    /// magnitude of the result.
    ///
    /// Integers wrap, whatever the order of sums. A 16-bit float cannot be nearer than half a unit of its last place. Implementations compute in `f32` and round once
    /// or after each operator of a decomposition, so that the results are a few units apart.
    pub fn tolerance(self, dtype: DType) -> f64 {
        match (self, dtype) {
            (Numerics::Exact, _) => 0.0,
            (_, dtype) if !dtype.is_float() => 0.0,
            (_, DType::F16 | DType::BF16) => 4.0 * epsilon(dtype),
            (Numerics::Rounded, _) => 1e-6,
            (Numerics::Accumulated, _) => 1e-5,
        }
    }

    /// The same for a whole model whose worst operator is of this class and whose numbers were rounded to no coarser type
    /// than this: errors of one layer feed the next, and what is rounded to integers may fall on the other side of a limit.
    pub fn model_tolerance(self, dtype: DType) -> f64 {
        let rounding = 16.0 * epsilon(dtype);
        match self {
            Numerics::Exact => 0.0,
            Numerics::Rounded => rounding.max(1e-5),
            Numerics::Accumulated => rounding.max(1e-4),
        }
    }
}

/// The coarser of two types that real numbers are rounded to.
pub fn coarser(a: DType, b: DType) -> DType {
    if epsilon(b) > epsilon(a) { b } else { a }
}

/// The relative distance of neighboring numbers of a floating-point type; of an integer type, that of its largest number
/// and the one below; 0 where that is nothing beside `f32`.
fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 2f64.powi(-10),
        DType::BF16 | DType::I8 => 2f64.powi(-7),
        DType::U8 => 2f64.powi(-8),
        DType::I4 => 2f64.powi(-3),
        DType::U4 => 2f64.powi(-4),
        DType::I16 => 2f64.powi(-15),
        _ => 0.0,
    }
}

/// The difference of two results.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Difference {
    /// Largest difference of elements that are finite in both, relative to the largest finite magnitude of the reference.
    pub relative: f64,
    /// Largest such difference, absolute.
    pub absolute: f64,
    /// Elements where exactly one is NaN, or infinities differ.
    pub mismatched: usize,
}

impl Difference {
    /// Compares elementwise; lengths must be equal, else every element counts as mismatched.
    pub fn between(result: &[f64], reference: &[f64]) -> Difference {
        if result.len() != reference.len() {
            return Difference {
                relative: f64::INFINITY,
                absolute: f64::INFINITY,
                mismatched: result.len().max(reference.len()),
            };
        }
        let (mut absolute, mut largest, mut mismatched) = (0f64, 0f64, 0);
        for (&y, &r) in result.iter().zip(reference) {
            if y.is_finite() && r.is_finite() {
                absolute = absolute.max((y - r).abs());
                largest = largest.max(r.abs());
            } else if !(y.is_nan() && r.is_nan() || y == r) {
                mismatched += 1;
            }
        }
        let relative = if absolute == 0.0 { 0.0 } else { absolute / largest };
        Difference { relative, absolute, mismatched }
    }

    /// Whether the difference is within a relative tolerance.
    pub fn within(&self, tolerance: f64) -> bool {
        self.mismatched == 0 && self.relative <= tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinities_must_stand_in_the_same_places() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        assert!(Difference::between(&[nan, inf, 1.0], &[nan, inf, 1.0]).within(0.0));
        assert!(!Difference::between(&[nan, 1.0], &[1.0, 1.0]).within(1.0));
        assert!(!Difference::between(&[-inf], &[inf]).within(1.0));
        assert!(!Difference::between(&[1e-3], &[0.0]).within(1.0));
        assert!(!Difference::between(&[1.0], &[1.0, 2.0]).within(1.0));
    }
}
