//! `Resize` and `Upsample`: along one axis after the other, only those that change.
//!
//! Where each result lies in the operand is a fraction of whole numbers, and stays one until the taps around it are weighted:
//! neither large sizes nor halves between two elements are a matter of rounding.

mod coordinates;
mod taps;

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, between, from};
use crate::op::Violation;
use crate::tensor::Tensor;
use coordinates::{Coordinates, Places};
use taps::Taps;

/// `Resize` and `Upsample`.
pub static IMPORT: &[OnnxImport] = &[
    between("Upsample", 7, 8, |b, node| {
        let missing = || ImportError::Attribute { name: "scales".into(), found: "is missing".into() };
        let scales = match node.attrs.get("scales") {
            Some(crate::onnx::OnnxAttr::Floats(scales)) => scales.clone(),
            _ => return Err(missing()),
        };
        let scales = scales.into_iter().map(Change::by).collect();
        resize(b, node, scales)
    }),
    from("Upsample", 9, |b, node| by_scales(b, node, 1)),
    between("Resize", 10, 10, |b, node| by_scales(b, node, 1)),
    from("Resize", 11, |b, node| {
        let given = |index| node.optional(index).filter(|value| !b.fact(*value).shape.iter().any(|size| size.is(0)));
        match (given(2), given(3)) {
            (_, Some(_)) => to_sizes(b, node),
            (Some(_), _) => by_scales(b, node, 2),
            _ => Err(ImportError::Operand { index: 2, found: "is missing, and so are sizes".into() }),
        }
    }),
];

/// How an axis changes: by `scale` to `size`. The scale is `top / bottom`.
#[derive(Clone)]
struct Change {
    top: Dim,
    bottom: Dim,
    /// Rounded down from the scale where not given.
    size: Option<Dim>,
}

impl Change {
    /// A scale exactly as a fraction. What is no fraction here is refused later, as 0.
    fn by(scale: f32) -> Change {
        let mut bottom = 1i64;
        let mut top = f64::from(scale);
        while top.fract() != 0.0 && bottom < 1 << 30 {
            (top, bottom) = (top * 2.0, bottom * 2);
        }
        let top = if top.fract() == 0.0 && (1.0..1e12).contains(&top) { top as i64 } else { 0 };
        Change { top: Dim::from(top), bottom: Dim::from(bottom), size: None }
    }

    fn to(size: Dim, from: Dim) -> Change {
        Change { top: size.clone(), bottom: from, size: Some(size) }
    }

    fn new_size(&self, from: &Dim) -> Dim {
        match (&self.size, self.bottom.as_i64()) {
            (Some(size), _) => size.clone(),
            (None, bottom) => (from.clone() * self.top.clone()).floor_div(bottom.unwrap_or(1)),
        }
    }

    /// The scale, where known.
    fn scale(&self) -> Option<f64> {
        if self.top == self.bottom {
            return Some(1.0);
        }
        Some(self.top.as_i64()? as f64 / self.bottom.as_i64()? as f64)
    }
}

fn by_scales(b: &mut dyn Build, node: &OnnxNode, index: usize) -> Result<Vec<Value>, ImportError> {
    let scales = b.known(node.operand(index)?).and_then(Tensor::as_f64s);
    let scales = scales.ok_or(ImportError::NotConstant { index, sets: "the scales" })?;
    let changes = scales.into_iter().map(|scale| Change::by(scale as f32)).collect();
    resize(b, node, changes)
}

fn to_sizes(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let sizes = node.sizes(b, 3, "the sizes")?;
    let shape = b.fact(node.operand(0)?).shape.clone();
    let axes = axes(b, node)?;
    if sizes.len() != axes.len() {
        return Err(count(3, sizes.len(), axes.len()));
    }
    let mut changes: Vec<Change> =
        sizes.into_iter().zip(&axes).map(|(size, &axis)| Change::to(size, shape[axis].clone())).collect();
    let policy = node.text("keep_aspect_ratio_policy")?.unwrap_or("stretch");
    if policy != "stretch" {
        keep_aspect_ratio(&mut changes, policy)?;
    }
    resize(b, node, changes)
}

/// All axes change by the least or the largest of their scales.
fn keep_aspect_ratio(changes: &mut [Change], policy: &str) -> Result<(), ImportError> {
    let larger = match policy {
        "not_larger" => false,
        "not_smaller" => true,
        other => {
            let found = format!("is `{other}`");
            return Err(ImportError::Attribute { name: "keep_aspect_ratio_policy".into(), found });
        }
    };
    let number = |dim: &Dim| dim.as_i64().ok_or(ImportError::NotConstant { index: 3, sets: "the sizes" });
    let mut chosen: Option<(i64, i64)> = None;
    for change in changes.iter() {
        let (top, bottom) = (number(&change.top)?, number(&change.bottom)?);
        let order = |(t, u): (i64, i64)| (i128::from(top) * i128::from(u)).cmp(&(i128::from(t) * i128::from(bottom)));
        let better = chosen.is_none_or(|chosen| if larger { order(chosen).is_gt() } else { order(chosen).is_lt() });
        chosen = if better { Some((top, bottom)) } else { chosen };
    }
    for change in changes.iter_mut() {
        if let Some((top, bottom)) = chosen {
            // The size, rounded half up.
            let double = Dim::from(2) * change.bottom.clone() * Dim::from(top) + Dim::from(bottom);
            let size = double.floor_div(bottom.max(1).saturating_mul(2));
            *change = Change { top: Dim::from(top), bottom: Dim::from(bottom), size: Some(size) };
        }
    }
    Ok(())
}

fn axes(b: &dyn Build, node: &OnnxNode) -> Result<Vec<usize>, ImportError> {
    let fact = b.fact(node.operand(0)?);
    let Some(given) = node.ints("axes")? else { return Ok((0..fact.rank()).collect()) };
    let found = || ImportError::Attribute { name: "axes".into(), found: format!("is {given:?} for {fact}") };
    given.iter().map(|&axis| fact.axis(axis)).collect::<Option<_>>().ok_or_else(found)
}

fn count(index: usize, given: usize, axes: usize) -> ImportError {
    ImportError::Operand { index, found: format!("has {given} entries for {axes} axes") }
}

fn resize(b: &mut dyn Build, node: &OnnxNode, changes: Vec<Change>) -> Result<Vec<Value>, ImportError> {
    let mut x = node.operand(0)?;
    let axes = axes(b, node)?;
    if changes.len() != axes.len() {
        return Err(count(2, changes.len(), axes.len()));
    }
    let dtype = b.fact(x).dtype;
    let taps = Taps::of(node)?;
    let coordinates = Coordinates::of(b, node, &axes)?;
    for (i, (axis, change)) in axes.into_iter().zip(changes).enumerate() {
        let from = b.fact(x).shape[axis].clone();
        let size = change.new_size(&from);
        if change.top.is(0) || change.bottom.is(0) || size.as_i64().is_some_and(|size| size < 1) {
            let found = format!("makes {size} of {from} along axis {axis}");
            return Err(ImportError::Operand { index: 2, found });
        }
        if change.top == change.bottom && size == from && coordinates.is_whole(i) {
            continue;
        }
        let taps = taps.along(change.scale());
        if let Some(factor) = repeats(&change, &taps, &coordinates) {
            x = repeated(b, x, axis, factor)?;
            continue;
        }
        let places = coordinates.places(b, i, &change, &from, &size)?;
        x = match &taps {
            Taps::Nearest(rounding) => {
                let chosen = taps::nearest(b, &places, *rounding, &from)?;
                b.pick(x, chosen, axis)?
            }
            Taps::Weighted(kernel) => {
                let scale = if kernel.antialias { change.scale() } else { Some(1.0) };
                let unknown = || ImportError::Unsupported("`antialias` by a scale that is not known".into());
                let (chosen, weights) = kernel.taps(b, &places, scale.ok_or_else(unknown)?, &from)?;
                let real = if dtype.is_float() { x } else { b.cast(x, DType::F32)? };
                weighted(b, real, axis, chosen, weights)?
            }
        };
        x = outside(b, x, axis, &places, &coordinates)?;
    }
    Ok(vec![b.cast(x, dtype)?])
}

/// By a whole factor, where each element is repeated: halves between two elements never occur.
fn repeats(change: &Change, taps: &Taps, coordinates: &Coordinates) -> Option<Dim> {
    let Taps::Nearest(rounding) = taps else { return None };
    let factor = change.top.div_exact(&change.bottom)?;
    coordinates.repeat_by_whole_factors(*rounding).then_some(factor)
}

fn repeated(b: &mut dyn Build, x: Value, axis: usize, factor: Dim) -> Result<Value, Violation> {
    let mut sizes = b.fact(x).shape.clone();
    let split = b.with_axis(x, axis + 1)?;
    let mut wide = sizes.clone();
    wide.insert(axis + 1, factor.clone());
    let wide = b.expanded(split, &wide)?;
    sizes[axis] = sizes[axis].clone() * factor;
    b.reshape(wide, &sizes)
}

/// The sum of the elements at `chosen` [results, taps] along an axis, each by its weight.
fn weighted(b: &mut dyn Build, x: Value, axis: usize, chosen: Value, weights: Value) -> Result<Value, Violation> {
    let dtype = b.fact(x).dtype;
    let picked = b.pick(x, chosen, axis)?;
    let mut sizes = b.fact(weights).shape.clone();
    sizes.resize(b.fact(picked).rank() - axis, Dim::from(1));
    let weights = b.cast(weights, dtype)?;
    let weights = b.reshape(weights, &sizes)?;
    let parts = b.mul(picked, weights)?;
    b.sum(parts, vec![axis as i64 + 1], false)
}

/// What lies outside of the operand by `tf_crop_and_resize` is one number.
fn outside(
    b: &mut dyn Build,
    x: Value,
    axis: usize,
    places: &Places,
    coordinates: &Coordinates,
) -> Result<Value, Violation> {
    let Some(outside) = places.outside else { return Ok(x) };
    let mut sizes = b.fact(outside).shape.clone();
    sizes.resize(b.fact(x).rank() - axis, Dim::from(1));
    let outside = b.reshape(outside, &sizes)?;
    let value = b.like(x, coordinates.extrapolation);
    b.select(outside, value, x)
}
