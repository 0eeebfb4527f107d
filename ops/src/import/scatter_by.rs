//! Scatters that combine what meets at one place by any operator: `ScatterElements` and `ScatterND` by mul, max and min.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::ImportError;
use crate::op::{Op, Violation};
use crate::primitive::{scatter, top_k};

/// Row `places[k]` of `x` combined by `op` with row k of the updates, for each k; of a known number of updates.
///
/// Updates of one place are brought together in the order of their places and combined with those 1, 2, 4 … before them (Hillis
/// and Steele); the last of each place holds all, and is the one that a scatter keeps.
///
/// # Errors
/// The constraint that it breaks, or where the number of updates is not known.
pub(crate) fn apply(
    b: &mut dyn Build,
    x: Value,
    places: Value,
    updates: Value,
    op: &'static Op,
) -> Result<Value, ImportError> {
    let count = b.fact(places).shape.first().cloned().unwrap_or(Dim::from(0));
    let Some(known) = count.as_i64() else {
        return Err(ImportError::NotConstant { index: 1, sets: "the number of updates" });
    };
    if known == 0 {
        return Ok(x);
    }
    let places = b.cast(places, DType::I64)?;
    let (zero, rows) = (b.like(places, 0.0), b.size(b.fact(x).shape[0].clone()));
    let from_end = b.add(places, rows)?;
    let negative = b.less(places, zero)?;
    let places = b.select(negative, from_end, places)?;
    let order = top_k::apply(b, places, 0, count.clone())?;
    let places = b.pick(places, order, 0)?;
    let mut all = b.pick(updates, order, 0)?;
    let rank = b.fact(all).rank();
    let mut column = vec![Dim::from(1); rank];
    column[0] = count.clone();
    let mut step = 1;
    while step < known {
        let before = moved(b, all, step)?;
        let place = b.framed(places, 0, Dim::from(step), Dim::from(0), -1.0)?;
        let place = b.cut(place, 0, Dim::from(0), count.clone())?;
        let same = b.equal(place, places)?;
        let same = b.reshape(same, &column)?;
        let combined = b.plain(op, &[before, all])?;
        all = b.select(same, combined, all)?;
        step *= 2;
    }
    let there = b.pick(x, places, 0)?;
    let combined = b.plain(op, &[there, all])?;
    Ok(b.plain(&scatter::OP, &[x, places, combined])?)
}

/// Rows so many places further, the last ones first.
fn moved(b: &mut dyn Build, x: Value, places: i64) -> Result<Value, Violation> {
    let kept = b.fact(x).shape[0].clone() - Dim::from(places);
    let head = b.cut(x, 0, Dim::from(0), kept.clone())?;
    let tail = b.cut(x, 0, kept, Dim::from(places))?;
    b.joined(&[tail, head], 0)
}
