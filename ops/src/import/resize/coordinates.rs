//! Where the results of a resize lie in its operand.

use super::Change;
use super::taps::Rounding;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxNode};
use crate::op::Violation;
use crate::tensor::{Data, Tensor};

/// No region has more elements along an axis: their places are a list of constants.
const MOST_CROPPED: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Asymmetric,
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Crop,
}

/// How results map to places of the operand.
pub(super) struct Coordinates {
    mode: Mode,
    /// Start and end of the part that is resized, for each axis.
    crop: Vec<(f64, f64)>,
    pub(super) extrapolation: f64,
}

/// Places along one axis: whole parts, and the rest as a fraction of one.
pub(super) struct Places {
    /// `i64`.
    pub(super) whole: Value,
    /// `f32` from 0 to less than 1.
    pub(super) rest: Value,
    /// Twice the rest and one, both over the same divisor, as `i64`.
    pub(super) double: (Value, Value),
    /// Which lie outside of the operand, where that matters.
    pub(super) outside: Option<Value>,
}

impl Coordinates {
    pub(super) fn of(b: &dyn Build, node: &OnnxNode, axes: &[usize]) -> Result<Coordinates, ImportError> {
        let absent = if node.version < 11 { "asymmetric" } else { "half_pixel" };
        let name = node.text("coordinate_transformation_mode")?.unwrap_or(absent);
        let mode = match name {
            "asymmetric" => Mode::Asymmetric,
            "half_pixel" => Mode::HalfPixel,
            "half_pixel_symmetric" => Mode::HalfPixelSymmetric,
            "pytorch_half_pixel" => Mode::PytorchHalfPixel,
            "align_corners" => Mode::AlignCorners,
            "tf_crop_and_resize" => Mode::Crop,
            other => {
                let found = format!("is `{other}`");
                return Err(ImportError::Attribute { name: "coordinate_transformation_mode".into(), found });
            }
        };
        let mut crop = Vec::new();
        if mode == Mode::Crop {
            let region = b.known(node.operand(1)?).and_then(Tensor::as_f64s);
            let region = region.ok_or(ImportError::NotConstant { index: 1, sets: "the region" })?;
            if region.len() != 2 * axes.len() {
                return Err(super::count(1, region.len(), 2 * axes.len()));
            }
            crop = (0..axes.len()).map(|i| (region[i], region[axes.len() + i])).collect();
        }
        let extrapolation = f64::from(node.float("extrapolation_value")?.unwrap_or(0.0));
        Ok(Coordinates { mode, crop, extrapolation })
    }

    /// Whether nothing is cut from axis `i`.
    pub(super) fn is_whole(&self, i: usize) -> bool {
        self.crop.get(i).is_none_or(|crop| *crop == (0.0, 1.0))
    }

    /// Whether resizing by a whole factor repeats each element.
    pub(super) fn repeat_by_whole_factors(&self, rounding: Rounding) -> bool {
        match self.mode {
            Mode::Asymmetric => rounding == Rounding::Floor,
            Mode::HalfPixel | Mode::HalfPixelSymmetric => {
                matches!(rounding, Rounding::PreferFloor | Rounding::PreferCeil)
            }
            _ => false,
        }
    }

    pub(super) fn places(
        &self,
        b: &mut dyn Build,
        i: usize,
        change: &Change,
        from: &Dim,
        size: &Dim,
    ) -> Result<Places, ImportError> {
        let (top, bottom, one) = (change.top.clone(), change.bottom.clone(), Dim::from(1));
        let double = |dim: Dim| dim * Dim::from(2);
        // Result i lies at (step * i + first) / divisor.
        let (step, first, divisor) = match self.mode {
            Mode::Asymmetric => (bottom, Dim::from(0), top),
            // One element is the first, not the middle.
            Mode::PytorchHalfPixel if size.is(1) => (Dim::from(0), Dim::from(0), one),
            Mode::HalfPixel | Mode::PytorchHalfPixel => (double(bottom.clone()), bottom - top.clone(), double(top)),
            Mode::HalfPixelSymmetric => {
                let offset = from.clone() * top.clone() - size.clone() * bottom.clone();
                (double(bottom.clone()), offset + bottom - top.clone(), double(top))
            }
            Mode::AlignCorners if size.is(1) => (Dim::from(0), Dim::from(0), one),
            Mode::AlignCorners => ((from.clone() - one) * bottom.clone(), Dim::from(0), from.clone() * top - bottom),
            Mode::Crop => return self.cropped(b, i, change, from, size),
        };
        if divisor.as_i64().is_some_and(|divisor| divisor < 1) {
            return Err(ImportError::Unsupported(format!("resizing {from} to {size} with aligned corners")));
        }
        Ok(fractions(b, size, step, first, divisor)?)
    }

    /// Places in a part of the operand, whose borders are real numbers.
    fn cropped(
        &self,
        b: &mut dyn Build,
        i: usize,
        change: &Change,
        from: &Dim,
        size: &Dim,
    ) -> Result<Places, ImportError> {
        let (Some(last), Some(count), Some(scale)) = (from.as_i64(), size.as_usize(), change.scale()) else {
            return Err(ImportError::NotConstant { index: 0, sets: "the sizes that a region is cut from" });
        };
        if count > MOST_CROPPED {
            return Err(ImportError::Unsupported(format!("a region of {count} elements along an axis")));
        }
        let (start, end) = self.crop[i];
        let width = last as f64 * scale;
        let last = last as f64 - 1.0;
        let place = |i: usize| match width {
            1.0 => (start + end) * last / 2.0,
            _ => start * last + i as f64 * (end - start) * last / (width - 1.0),
        };
        // A millionth of an element is as exact as the borders are.
        const PARTS: f64 = 1_048_576.0;
        let places: Vec<f64> = (0..count).map(place).collect();
        let list = |data: Data| Tensor::new(vec![count], data).unwrap_or_else(|| Tensor::list_i64(Vec::new()));
        let outside = places.iter().map(|&place| place < 0.0 || place > last).collect();
        let whole = places.iter().map(|place| place.floor() as i64).collect();
        let rest = places.iter().map(|place| (place - place.floor()) as f32).collect();
        let double = places.iter().map(|place| (2.0 * PARTS * (place - place.floor())) as i64).collect();
        Ok(Places {
            whole: b.constant(list(Data::I64(whole))),
            rest: b.constant(list(Data::F32(rest))),
            double: (b.constant(list(Data::I64(double))), b.scalar(DType::I64, PARTS)),
            outside: Some(b.constant(list(Data::Bool(outside)))),
        })
    }
}

/// The places `(step * i + first) / divisor`, of which none lies at or before -4.
fn fractions(b: &mut dyn Build, size: &Dim, step: Dim, first: Dim, divisor: Dim) -> Result<Places, Violation> {
    let results = b.count(1, 0, size.clone(), DType::I64)?;
    let (step, divisor_value) = (b.size(step), b.size(divisor.clone()));
    let first = b.size(first + divisor * Dim::from(4));
    let top = b.mul(results, step)?;
    let top = b.add(top, first)?;
    let above = b.div(top, divisor_value)?;
    let product = b.mul(above, divisor_value)?;
    let left = b.sub(top, product)?;
    let (left_real, divisor_real) = (b.cast(left, DType::F32)?, b.cast(divisor_value, DType::F32)?);
    Ok(Places {
        whole: b.plus(above, -4.0)?,
        rest: b.div(left_real, divisor_real)?,
        double: (b.times(left, 2.0)?, divisor_value),
        outside: None,
    })
}
