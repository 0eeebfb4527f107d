//! `RoiAlign`: regions of images, each resampled to one size.

use super::sampling::{Method, Outside, parts};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::reduce_sum;

/// `RoiAlign`.
pub static IMPORT: &[OnnxImport] = &[from("RoiAlign", 10, import)];

/// Each result is the mean, or the largest weighted element, of a small grid within its part of the region.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, rois, batch) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    let (fact, regions) = (b.fact(x).clone(), b.fact(rois).clone());
    if fact.rank() != 4 || regions.rank() != 2 {
        return Err(ImportError::Operand { index: 1, found: format!("is {regions} for {fact}") });
    }
    let count = |name: &str, absent: i64| -> Result<i64, ImportError> {
        let count = node.int(name)?.unwrap_or(absent);
        let found = || ImportError::Attribute { name: name.into(), found: format!("is {count}") };
        if (1..=1 << 16).contains(&count) { Ok(count) } else { Err(found()) }
    };
    let absent = if node.version < 16 { "output_half_pixel" } else { "half_pixel" };
    let half_pixel = node.text("coordinate_transformation_mode")?.unwrap_or(absent) == "half_pixel";
    let scale = f64::from(node.float("spatial_scale")?.unwrap_or(1.0));
    let Some(grid @ 1..=256) = node.int("sampling_ratio")? else {
        let what = "a `sampling_ratio` of 0, by which each region has a grid of its own size, or above 256";
        return Err(ImportError::Unsupported(what.into()));
    };
    let rows = regions.shape[0].clone();
    let sizes = [count("output_height", 1)?, count("output_width", 1)?];
    let real = b.wide(rois)?;
    let mut places = Vec::new();
    let mut inside: Option<Value> = None;
    for (axis, &size) in sizes.iter().enumerate() {
        // [rows, height, grid, width, grid]
        let place = along(b, real, axis, [size, grid], scale, half_pixel)?;
        let whole = fact.shape[2 + axis].clone();
        let (low, high) = (b.like(place, -1.0), b.size(whole));
        let high = b.cast(high, b.fact(place).dtype)?;
        let (before, behind) = (b.less(place, low)?, b.less(high, place)?);
        let beyond = b.or(before, behind)?;
        let within = b.not(beyond)?;
        inside = Some(match inside {
            Some(other) => b.and(other, within)?,
            None => within,
        });
        places.push(place);
    }
    let shape: Vec<Dim> = [rows.clone()].into_iter().chain([sizes[0], grid, sizes[1], grid].map(Dim::from)).collect();
    for place in &mut places {
        *place = b.expanded(*place, &shape)?;
    }
    let batch = b.cast(batch, DType::I64)?;
    let row = b.reshape(batch, &[rows, 1.into(), 1.into(), 1.into(), 1.into()])?;
    let parts = parts(b, x, row, &places, Method::Linear, Outside::Border)?;
    let largest = match node.text("mode")?.unwrap_or("avg") {
        "avg" => false,
        "max" => true,
        other => return Err(ImportError::Attribute { name: "mode".into(), found: format!("is `{other}`") }),
    };
    let mut result = parts[0];
    for &part in &parts[1..] {
        result = if largest { b.max(result, part)? } else { b.add(result, part)? };
    }
    if let Some(inside) = inside {
        let (inside, zero) = (b.with_axis(inside, 5)?, b.like(result, 0.0));
        result = b.select(inside, result, zero)?;
    }
    let grids = vec![2, 4];
    let result = if largest { b.largest(result, grids, false)? } else { reduce_sum::mean(b, result, grids, false)? };
    Ok(vec![b.transpose(result, vec![0, 3, 1, 2])?])
}

/// The places of a region's grid along one axis of the image, on axes of their own.
fn along(
    b: &mut dyn Build,
    rois: Value,
    axis: usize,
    [size, grid]: [i64; 2],
    scale: f64,
    half_pixel: bool,
) -> Result<Value, Violation> {
    let rows = b.fact(rois).shape[0].clone();
    let offset = if half_pixel { -0.5 } else { 0.0 };
    // A region is left, top, right, bottom.
    let border = |b: &mut dyn Build, column: usize| {
        let border = b.at(rois, 1, Dim::from(column))?;
        let border = b.times(border, scale)?;
        let border = b.plus(border, offset)?;
        b.reshape(border, &[rows.clone(), 1.into(), 1.into(), 1.into(), 1.into()])
    };
    let (start, end) = (border(b, 1 - axis)?, border(b, 3 - axis)?);
    let mut length = b.sub(end, start)?;
    if !half_pixel {
        let one = b.like(length, 1.0);
        length = b.max(length, one)?;
    }
    let part = b.times(length, 1.0 / size as f64)?;
    let dtype = b.fact(part).dtype;
    let number = b.count(5, 1 + 2 * axis, Dim::from(size), dtype)?;
    let step = b.count(5, 2 + 2 * axis, Dim::from(grid), dtype)?;
    let step = b.plus(step, 0.5)?;
    let step = b.times(step, 1.0 / grid as f64)?;
    let steps = b.add(number, step)?;
    let place = b.mul(steps, part)?;
    b.add(start, place)
}
