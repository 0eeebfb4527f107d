//! Which elements a resized one is made of, and by which weights.

use super::coordinates::Places;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::import::sampling::cubic;
use crate::onnx::{ImportError, OnnxNode};
use crate::op::Violation;

/// The nearest element, or several by a kernel.
#[derive(Clone, Copy)]
pub(super) enum Taps {
    Nearest(Rounding),
    Weighted(Kernel),
}

/// Which of two elements is the nearest.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rounding {
    /// The one above where the size shrinks, else the one below: before version 11, whose specification leaves it open,
    /// onnxruntime and the specification's tests do so.
    ByScale,
    Floor,
    Ceil,
    PreferFloor,
    PreferCeil,
}

/// Weights by distance.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    /// The coefficient of a cubic kernel; none for a linear one.
    cubic: Option<f64>,
    /// Whether the kernel is as wide as a result of a smaller size.
    pub(super) antialias: bool,
    /// Whether elements that are not there weigh nothing, rather than being the nearest that is.
    exclude_outside: bool,
}

/// No kernel has more taps.
const MOST_TAPS: f64 = 4096.0;

impl Taps {
    pub(super) fn of(node: &OnnxNode) -> Result<Taps, ImportError> {
        let wrong =
            |name: &str, found: &str| ImportError::Attribute { name: name.into(), found: format!("is `{found}`") };
        let kernel = |cubic| -> Result<Taps, ImportError> {
            let flag = |name| Ok::<bool, ImportError>(node.int(name)?.unwrap_or(0) != 0);
            let (antialias, exclude_outside) = (flag("antialias")?, flag("exclude_outside")?);
            Ok(Taps::Weighted(Kernel { cubic, antialias, exclude_outside }))
        };
        match node.text("mode")?.unwrap_or("nearest") {
            "nearest" => {
                if node.version < 11 {
                    return Ok(Taps::Nearest(Rounding::ByScale));
                }
                Ok(Taps::Nearest(match node.text("nearest_mode")?.unwrap_or("round_prefer_floor") {
                    "floor" => Rounding::Floor,
                    "ceil" => Rounding::Ceil,
                    "round_prefer_floor" => Rounding::PreferFloor,
                    "round_prefer_ceil" => Rounding::PreferCeil,
                    other => return Err(wrong("nearest_mode", other)),
                }))
            }
            "linear" => kernel(None),
            "cubic" => kernel(Some(f64::from(node.float("cubic_coeff_a")?.unwrap_or(-0.75)))),
            other => Err(wrong("mode", other)),
        }
    }

    /// Along an axis of this scale.
    pub(super) fn along(self, scale: Option<f64>) -> Taps {
        match self {
            Taps::Nearest(Rounding::ByScale) if scale.is_some_and(|scale| scale < 1.0) => Taps::Nearest(Rounding::Ceil),
            Taps::Nearest(Rounding::ByScale) => Taps::Nearest(Rounding::Floor),
            other => other,
        }
    }
}

/// The places of the nearest elements.
pub(super) fn nearest(b: &mut dyn Build, places: &Places, rounding: Rounding, from: &Dim) -> Result<Value, Violation> {
    let (double, one) = places.double;
    let zero = b.like(double, 0.0);
    let up = match rounding {
        Rounding::Floor | Rounding::ByScale => None,
        Rounding::Ceil => Some(b.less(zero, double)?),
        Rounding::PreferFloor => Some(b.less(one, double)?),
        Rounding::PreferCeil => {
            let below = b.less(double, one)?;
            Some(b.not(below)?)
        }
    };
    let chosen = match up {
        Some(up) => {
            let up = b.cast(up, DType::I64)?;
            b.add(places.whole, up)?
        }
        None => places.whole,
    };
    within(b, chosen, from)
}

fn within(b: &mut dyn Build, chosen: Value, from: &Dim) -> Result<Value, Violation> {
    let (first, last) = (b.like(chosen, 0.0), b.size(from.clone() - Dim::from(1)));
    let chosen = b.max(chosen, first)?;
    b.min(chosen, last)
}

impl Kernel {
    /// Elements [results, taps], and their weights.
    pub(super) fn taps(
        &self,
        b: &mut dyn Build,
        places: &Places,
        scale: f64,
        from: &Dim,
    ) -> Result<(Value, Value), ImportError> {
        let scale = scale.min(1.0);
        let reach = if self.cubic.is_some() { 2.0 } else { 1.0 };
        let first = (-reach / scale).floor() + 1.0;
        let count = 2.0 - 2.0 * first;
        if count.is_nan() || count > MOST_TAPS {
            return Err(ImportError::Unsupported(format!("antialiasing by a scale of {scale}")));
        }
        let numbers = b.count(2, 1, Dim::from(count as i64), DType::I64)?;
        let offsets = b.plus(numbers, first)?;
        let (whole, rest) = (b.with_axis(places.whole, 1)?, b.with_axis(places.rest, 1)?);
        let chosen = b.add(whole, offsets)?;
        let offsets = b.cast(offsets, DType::F32)?;
        let distance = b.sub(offsets, rest)?;
        let mut distance = b.abs(distance)?;
        if scale != 1.0 {
            distance = b.times(distance, scale)?;
        }
        let mut weights = self.weights(b, distance)?;
        if self.exclude_outside {
            let (zero, end) = (b.like(chosen, 0.0), b.size(from.clone()));
            let (before, inside) = (b.less(chosen, zero)?, b.less(chosen, end)?);
            let nothing = b.like(weights, 0.0);
            weights = b.select(before, nothing, weights)?;
            weights = b.select(inside, weights, nothing)?;
        }
        if self.exclude_outside || self.antialias {
            let sum = b.sum(weights, vec![1], true)?;
            weights = b.div(weights, sum)?;
        }
        Ok((within(b, chosen, from)?, weights))
    }

    /// The triangle, or Keys' cubic kernel.
    fn weights(&self, b: &mut dyn Build, distance: Value) -> Result<Value, Violation> {
        let zero = b.like(distance, 0.0);
        let Some(a) = self.cubic else {
            let near = b.negated(distance)?;
            let near = b.plus(near, 1.0)?;
            return b.max(near, zero);
        };
        cubic(b, distance, a)
    }
}
