//! `GridSample` and `AffineGrid`: images at the places of a grid, and grids that an affine map makes.

use super::sampling::{Method, Outside, sample};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;

/// `GridSample` and `AffineGrid`.
pub static IMPORT: &[OnnxImport] = &[from("GridSample", 16, grid_sample), from("AffineGrid", 20, affine_grid)];

fn wrong(name: &str, found: &str) -> ImportError {
    ImportError::Attribute { name: name.into(), found: format!("is `{found}`") }
}

/// A grid's last axis holds places from -1 to 1, the innermost axis of the image first.
fn grid_sample(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, grid) = (node.operand(0)?, node.operand(1)?);
    let (fact, places) = (b.fact(x).clone(), b.fact(grid).clone());
    let spatial = fact.rank().saturating_sub(2);
    if spatial == 0 || places.rank() != fact.rank() || !places.shape[places.rank() - 1].is(spatial as i64) {
        return Err(ImportError::Operand { index: 1, found: format!("is {places} for {fact}") });
    }
    let at_centers = node.int("align_corners")?.unwrap_or(0) != 0;
    let method = match node.text("mode")?.unwrap_or("linear") {
        "nearest" => Method::Nearest,
        "linear" | "bilinear" => Method::Linear,
        "cubic" | "bicubic" => Method::Cubic(-0.75),
        other => return Err(wrong("mode", other)),
    };
    let outside = match node.text("padding_mode")?.unwrap_or("zeros") {
        "zeros" => Outside::Zeros,
        "border" => Outside::Border,
        "reflection" => Outside::Mirrored { at_centers },
        other => return Err(wrong("padding_mode", other)),
    };
    let grid = b.wide(grid)?;
    let mut along = Vec::new();
    for axis in 0..spatial {
        let place = b.at(grid, fact.rank() - 1, Dim::from(spatial - 1 - axis))?;
        along.push(denormalized(b, place, &fact.shape[2 + axis], at_centers)?);
    }
    let rows = b.count(spatial + 1, 0, fact.shape[0].clone(), DType::I64)?;
    let sampled = sample(b, x, rows, &along, method, outside)?;
    let last = fact.rank() as i64 - 1;
    Ok(vec![b.transpose(sampled, [0, last].into_iter().chain(1..last).collect())?])
}

/// -1 and 1 are the centers of the outermost elements, or their outer borders.
fn denormalized(b: &mut dyn Build, place: Value, size: &Dim, at_centers: bool) -> Result<Value, Violation> {
    let span = b.size(if at_centers { size.clone() - Dim::from(1) } else { size.clone() });
    let span = b.cast(span, b.fact(place).dtype)?;
    let from_low = b.plus(place, 1.0)?;
    let scaled = b.mul(from_low, span)?;
    let scaled = if at_centers { scaled } else { b.plus(scaled, -1.0)? };
    b.times(scaled, 0.5)
}

/// The places of an image's elements from -1 to 1, mapped by each matrix.
fn affine_grid(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let theta = node.operand(0)?;
    let dtype = b.fact(theta).dtype;
    let sizes = node.sizes(b, 1, "the size of the grid")?;
    let at_centers = node.int("align_corners")?.unwrap_or(0) != 0;
    let inner = sizes.get(2..).unwrap_or_default();
    if inner.is_empty() {
        return Err(ImportError::Operand { index: 1, found: format!("has {} entries", sizes.len()) });
    }
    let column = [inner, &[Dim::from(1)]].concat();
    let mut columns = Vec::new();
    for (axis, size) in inner.iter().enumerate().rev() {
        let numbers = b.count(column.len(), axis, size.clone(), DType::F32)?;
        let (top, bottom) = if at_centers {
            let span = (size.clone() - Dim::from(1)).maximum(&Dim::from(1));
            (b.times(numbers, 2.0)?, span)
        } else {
            let double = b.times(numbers, 2.0)?;
            (b.plus(double, 1.0)?, size.clone())
        };
        let bottom = b.size(bottom);
        let bottom = b.cast(bottom, DType::F32)?;
        let from_low = b.div(top, bottom)?;
        let place = b.plus(from_low, -1.0)?;
        columns.push(b.expanded(place, &column)?);
    }
    columns.push(b.filled(DType::F32, 1.0, &column)?);
    let places = b.joined(&columns, inner.len())?;
    let places = b.reshape(places, &[Dim::product(inner), Dim::from(columns.len())])?;
    let places = b.cast(places, dtype)?;
    let map = b.transpose(theta, vec![0, 2, 1])?;
    let grid = b.matmul(places, map)?;
    let to = [&[b.fact(theta).shape[0].clone()], inner, &[Dim::from(inner.len())]].concat();
    Ok(vec![b.reshape(grid, &to)?])
}
