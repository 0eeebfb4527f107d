//! Elements at places between elements: what grids, regions and moved windows share.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::op::Violation;

/// Which elements around a place count, and by which weights.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Method {
    /// The nearest; halves go to the even one.
    Nearest,
    /// Two along each axis.
    Linear,
    /// Four along each axis, by this coefficient of Keys' kernel.
    Cubic(f64),
}

/// What lies outside.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Outside {
    /// Zeros.
    Zeros,
    /// The nearest element inside.
    Border,
    /// The elements mirrored, at the centers of the outermost ones or at their outer borders.
    Mirrored { at_centers: bool },
}

/// One element that counts, along one axis.
struct Tap {
    index: Value,
    weight: Option<Value>,
    inside: Option<Value>,
}

/// Weights of Keys' cubic kernel (1981) by distance.
pub(super) fn cubic(b: &mut dyn Build, distance: Value, a: f64) -> Result<Value, Violation> {
    let near = b.polynomial(distance, &[1.0, 0.0, -(a + 3.0), a + 2.0])?;
    let far = b.polynomial(distance, &[-4.0 * a, 8.0 * a, -5.0 * a, a])?;
    let (zero, one, two) = (b.like(distance, 0.0), b.like(distance, 1.0), b.like(distance, 2.0));
    let (is_near, is_far) = (b.less(distance, one)?, b.less(distance, two)?);
    let far = b.select(is_far, far, zero)?;
    b.select(is_near, near, far)
}

/// Parts of the elements of `x` [rows, channels, spatial…] around places, all of one shape, one for each spatial axis and one
/// that names the row: each part is [places…, channels] and weighted. What they sum up to is the element there.
pub(super) fn parts(
    b: &mut dyn Build,
    x: Value,
    row: Value,
    places: &[Value],
    method: Method,
    outside: Outside,
) -> Result<Vec<Value>, Violation> {
    let fact = b.fact(x).clone();
    let (sizes, rank) = (fact.shape[2..].to_vec(), fact.rank() as i64);
    let by_place = b.transpose(x, [0].into_iter().chain(2..rank).chain([1]).collect())?;
    let all = fact.shape[0].clone() * Dim::product(&sizes);
    let flat = b.reshape(by_place, &[all, fact.shape[1].clone()])?;
    // For each combination of taps: index, weight, inside.
    let mut chosen = vec![Tap { index: row, weight: None, inside: None }];
    for (&place, size) in places.iter().zip(&sizes) {
        let along = taps(b, place, size, method, outside)?;
        let mut more = Vec::new();
        for before in &chosen {
            for tap in &along {
                let size = b.size(size.clone());
                let index = b.mul(before.index, size)?;
                let index = b.add(index, tap.index)?;
                let weight = both(b, before.weight, tap.weight, |b, x, y| b.mul(x, y))?;
                let inside = both(b, before.inside, tap.inside, |b, x, y| b.and(x, y))?;
                more.push(Tap { index, weight, inside });
            }
        }
        chosen = more;
    }
    let part = |tap: Tap| {
        let mut part = b.pick(flat, tap.index, 0)?;
        let last = b.fact(part).rank() - 1;
        if let Some(inside) = tap.inside {
            let (inside, zero) = (b.with_axis(inside, last)?, b.like(part, 0.0));
            part = b.select(inside, part, zero)?;
        }
        if let Some(weight) = tap.weight {
            let weight = b.cast(weight, fact.dtype)?;
            let weight = b.with_axis(weight, last)?;
            part = b.mul(part, weight)?;
        }
        Ok(part)
    };
    chosen.into_iter().map(part).collect()
}

/// The elements of `x` [rows, channels, spatial…] at places, as [places…, channels].
pub(super) fn sample(
    b: &mut dyn Build,
    x: Value,
    row: Value,
    places: &[Value],
    method: Method,
    outside: Outside,
) -> Result<Value, Violation> {
    let parts = parts(b, x, row, places, method, outside)?;
    let mut sum = parts[0];
    for part in &parts[1..] {
        sum = b.add(sum, *part)?;
    }
    Ok(sum)
}

fn both(
    b: &mut dyn Build,
    x: Option<Value>,
    y: Option<Value>,
    f: fn(&mut dyn Build, Value, Value) -> Result<Value, Violation>,
) -> Result<Option<Value>, Violation> {
    Ok(match (x, y) {
        (Some(x), Some(y)) => Some(f(b, x, y)?),
        (x, y) => x.or(y),
    })
}

/// What counts along an axis of this size at a place on it.
fn taps(b: &mut dyn Build, place: Value, size: &Dim, method: Method, outside: Outside) -> Result<Vec<Tap>, Violation> {
    let last = b.size(size.clone() - Dim::from(1));
    let dtype = b.fact(place).dtype;
    let last_real = b.cast(last, dtype)?;
    let mut place = if method == Method::Nearest { b.round(place)? } else { place };
    place = match outside {
        // Farther out nothing changes, and indices stay small. The weights of a cubic kernel follow from where the place is,
        // also where its elements are the border's.
        _ if outside == Outside::Zeros || outside == Outside::Border && matches!(method, Method::Cubic(_)) => {
            let (low, high) = (b.like(place, -4.0), b.plus(last_real, 4.0)?);
            let place = b.max(place, low)?;
            b.min(place, high)?
        }
        Outside::Zeros | Outside::Border => {
            let zero = b.like(place, 0.0);
            let place = b.max(place, zero)?;
            b.min(place, last_real)?
        }
        Outside::Mirrored { at_centers } => mirrored(b, place, size, at_centers)?,
    };
    let floor = b.floor(place)?;
    let first = b.cast(floor, DType::I64)?;
    let rest = b.sub(place, floor)?;
    let offsets: &[f64] = match method {
        Method::Nearest => &[0.0],
        Method::Linear => &[0.0, 1.0],
        Method::Cubic(_) => &[-1.0, 0.0, 1.0, 2.0],
    };
    let zero = b.like(first, 0.0);
    let mut taps = Vec::new();
    for &offset in offsets {
        let mut index = if offset == 0.0 { first } else { b.plus(first, offset)? };
        let inside = match outside {
            Outside::Zeros => {
                let (before, behind) = (b.less(index, zero)?, b.less(last, index)?);
                let outside = b.or(before, behind)?;
                Some(b.not(outside)?)
            }
            Outside::Border => None,
            Outside::Mirrored { at_centers } => {
                let real = b.cast(index, dtype)?;
                let real = mirrored(b, real, size, at_centers)?;
                index = b.cast(real, DType::I64)?;
                None
            }
        };
        let index = b.max(index, zero)?;
        let index = b.min(index, last)?;
        let weight = match method {
            Method::Nearest => None,
            Method::Linear if offset == 0.0 => {
                let negated = b.negated(rest)?;
                Some(b.plus(negated, 1.0)?)
            }
            Method::Linear => Some(rest),
            Method::Cubic(a) => {
                let distance = b.plus(rest, -offset)?;
                let distance = b.abs(distance)?;
                Some(cubic(b, distance, a)?)
            }
        };
        taps.push(Tap { index, weight, inside });
    }
    Ok(taps)
}

/// A place mirrored until it lies inside.
fn mirrored(b: &mut dyn Build, place: Value, size: &Dim, at_centers: bool) -> Result<Value, Violation> {
    let low = if at_centers { 0.0 } else { -0.5 };
    if at_centers && size.is(1) {
        let zero = b.like(place, 0.0);
        let sizes = b.fact(place).shape.clone();
        return b.expanded(zero, &sizes);
    }
    let span = b.size(if at_centers { size.clone() - Dim::from(1) } else { size.clone() });
    let span = b.cast(span, b.fact(place).dtype)?;
    let from_low = b.plus(place, -low)?;
    let distance = b.abs(from_low)?;
    let times = b.div(distance, span)?;
    let times = b.floor(times)?;
    let whole = b.mul(times, span)?;
    let rest = b.sub(distance, whole)?;
    let half = b.times(times, 0.5)?;
    let half_floor = b.floor(half)?;
    let even = b.equal(half, half_floor)?;
    let back = b.sub(span, rest)?;
    let inside = b.select(even, rest, back)?;
    b.plus(inside, low)
}
