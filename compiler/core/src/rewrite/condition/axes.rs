//! Axes and sizes.

use super::{Asked, Entry, entry};
use m4c_ops::{Attr, Dim};

pub(super) const CONDITIONS: &[Entry] = &[
    entry("identity", 1, "{0} leaves all axes where they are", |asked| {
        Some(asked.ints(0)?.iter().enumerate().all(|(place, &axis)| axis == place as i64))
    }),
    entry("in-order", 2, "{0} leaves the axes of {1} in their order, but for those of size 1", |asked| {
        let (axes, shape) = (asked.ints(0)?, &asked.fact(1)?.shape);
        let solid = axes.iter().filter(|&&axis| shape.get(axis as usize).is_some_and(|size| !size.is(1)));
        Some(solid.is_sorted())
    }),
    entry("ones", 1, "all entries of {0} are 1", |asked| Some(asked.ints(0)?.iter().all(|&step| step == 1))),
    entry("zeros", 1, "all entries of {0} are 0", |asked| Some(asked.ints(0)?.iter().all(|&pad| pad == 0))),
    entry("empty", 1, "{0} has no entries", |asked| Some(asked.dims(0)?.is_empty())),
    entry("second-from-last", 1, "{0} puts the last axis behind the first", |asked| {
        let axes = asked.ints(0)?;
        let last = axes.len().checked_sub(1)? as i64;
        Some(last > 1 && axes.iter().copied().eq([0, last].into_iter().chain(1..last)))
    }),
    entry("second-to-last", 1, "{0} puts the second axis behind all others", |asked| {
        let axes = asked.ints(0)?;
        Some(axes.len() > 2 && axes.iter().copied().eq([0].into_iter().chain(2..axes.len() as i64).chain([1])))
    }),
    entry("trailing", 2, "{0} are the last axes of {1}, from one on", |asked| {
        let (axes, rank) = (asked.ints(0)?, asked.fact(1)?.rank() as i64);
        let first = *axes.first()?;
        Some(axes.iter().copied().eq(first..rank))
    }),
    entry("behind-channels", 2, "{0} are all axes of {1} behind the second", |asked| {
        let (axes, rank) = (asked.ints(0)?, asked.fact(1)?.rank() as i64);
        Some(!axes.is_empty() && axes.iter().copied().eq(2..rank))
    }),
    entry("one-axis", 1, "{0} is one axis", |asked| Some(asked.ints(0)?.len() == 1)),
    entry("count", 3, "{0} is the number of elements of {2} along {1}", |asked| {
        let shape = &asked.fact(2)?.shape;
        let size = |&axis: &i64| shape.get(usize::try_from(axis).ok()?)?.as_i64();
        let count = asked.ints(1)?.iter().try_fold(1i64, |all, axis| all.checked_mul(size(axis)?))?;
        Some(asked.number(0)? == count as f64)
    }),
    entry("last", 2, "{0} is the last axis of {1}", |asked| {
        let Attr::Int(axis) = asked.attr(0)? else { return None };
        Some(axis + 1 == asked.fact(1)?.rank() as i64)
    }),
    entry("same-shape", 2, "{0} and {1} have the same sizes", |asked| {
        Some(asked.fact(0)?.shape == asked.fact(1)?.shape)
    }),
    entry("matrix", 1, "{0} has 2 axes", |asked| Some(asked.fact(0)?.rank() == 2)),
    entry("pairs", 2, "{0} is {1} with its last axis in pairs", |asked| {
        let (paired, whole) = (&asked.fact(0)?.shape, &asked.fact(1)?.shape);
        let ([before @ .., count, two], [same @ .., last]) = (&**paired, &**whole) else { return None };
        Some(before == same && two.is(2) && count.clone() * Dim::from(2) == *last)
    }),
    entry("first-half", 4, "{0}, {1} and {2} take the first half of the last axis of {3}", |asked| {
        half(asked, |_| 0, 1)
    }),
    entry("second-half", 4, "{0}, {1} and {2} take the second half of the last axis of {3}", |asked| {
        half(asked, |whole| whole / 2, 1)
    }),
    entry(
        "even-elements",
        4,
        "{0}, {1} and {2} take every second element of the last axis of {3}, from the first on",
        |asked| half(asked, |_| 0, 2),
    ),
    entry(
        "odd-elements",
        4,
        "{0}, {1} and {2} take every second element of the last axis of {3}, from the second on",
        |asked| half(asked, |_| 1, 2),
    ),
];

/// Whether starts, sizes and steps take half of the elements of the last axis, these from a place on and so far apart, and the
/// others whole.
fn half(asked: &Asked<'_>, start: impl Fn(i64) -> i64, step: i64) -> Option<bool> {
    let (Attr::Dims(starts), Attr::Dims(sizes)) = (asked.attr(0)?, asked.attr(1)?) else { return None };
    let (shape, steps) = (&asked.fact(3)?.shape, asked.ints(2)?);
    let (last, whole) = (shape.len().checked_sub(1)?, shape.last()?.as_i64()?);
    let rest = (0..last).all(|axis| starts[axis].is(0) && sizes[axis] == shape[axis] && steps[axis] == 1);
    let taken = whole % 2 == 0 && sizes[last].is(whole / 2) && starts[last].is(start(whole)) && steps[last] == step;
    Some(rest && taken)
}
