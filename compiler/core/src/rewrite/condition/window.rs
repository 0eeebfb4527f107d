//! Channels, maps and windows over them.

use super::{Entry, entry};
use m4c_ops::{Attr, Dim};

pub(super) const CONDITIONS: &[Entry] = &[
    entry("a-channel", 2, "{0} has one element for each channel of {1}, and no other axes", |asked| {
        let (vector, whole) = (&asked.fact(0)?.shape, &asked.fact(1)?.shape);
        let channels = whole.get(1)?;
        let lead = whole.len().checked_sub(vector.len()).filter(|lead| *lead <= 1)?;
        let fits = |(axis, size): (usize, &Dim)| if axis + lead == 1 { size == channels } else { size.is(1) };
        Some(vector.iter().enumerate().all(fits))
    }),
    entry("grouped", 3, "{1} is {0} with its channels as {2} groups, each in one row", |asked| {
        let (fact, grouped) = (asked.fact(0)?, asked.fact(1)?);
        let Attr::Int(groups) = *asked.attr(2)? else { return None };
        let ([batch, channels, ..], [grouped_batch, count, ..]) = (&*fact.shape, &*grouped.shape) else { return None };
        let whole = groups > 0 && channels.as_i64().is_some_and(|channels| channels % groups == 0);
        Some(whole && batch == grouped_batch && count.is(groups))
    }),
    entry("frame", 3, "{0} and {1} are numbers, 0 for the first two axes, and all entries of {2} are 0", |asked| {
        let (low, high) = (asked.dims(0)?, asked.dims(1)?);
        let sides = [low, high].into_iter().all(|side| {
            side.iter().enumerate().all(|(axis, pad)| if axis < 2 { pad.is(0) } else { pad.as_i64().is_some() })
        });
        Some(sides && asked.ints(2)?.iter().all(|&between| between == 0))
    }),
    entry("same-map", 2, "{0} and {1} have as many axes, and the same sizes behind the second", |asked| {
        let (one, other) = (&asked.fact(0)?.shape, &asked.fact(1)?.shape);
        Some(one.len() == other.len() && one.get(2..)? == other.get(2..)?)
    }),
    entry("same-features", 2, "{0} and {1} have the same sizes behind the first axis", |asked| {
        Some(asked.fact(0)?.shape.get(1..)? == asked.fact(1)?.shape.get(1..)?)
    }),
    entry("whole-map", 2, "{0} is one filter of one channel, with the sizes of {1} behind the second axis", |asked| {
        let [filters, channels, window @ ..] = &asked.fact(0)?.shape[..] else { return None };
        Some(filters.is(1) && channels.is(1) && window == asked.fact(1)?.shape.get(2..)?)
    }),
    entry(
        "windows-meet",
        6,
        "each window of {0}, whose {1} are 1, meets an element of {5}: what {2}, {3} and {4} add at an end is less than it",
        |asked| {
            let (window, dilations, pads) = (asked.ints(0)?, asked.ints(1)?, asked.ints(2)?);
            let (low, high) = (asked.dims(3)?, asked.dims(4)?);
            let spatial = window.len();
            let less = |axis: usize| {
                let pad = |own: i64, frame: &Dim| frame.as_i64()?.checked_add(own);
                let before = pad(*pads.get(axis)?, low.get(2 + axis)?)?;
                let after = pad(*pads.get(spatial + axis)?, high.get(2 + axis)?)?;
                Some(before < window[axis] && after < window[axis])
            };
            let dense = dilations.iter().all(|&dilation| dilation == 1);
            let filled = asked.fact(5)?.shape.iter().all(|size| size.as_i64().is_some_and(|size| size > 0));
            Some(dense && filled && (0..spatial).all(|axis| less(axis) == Some(true)))
        },
    ),
];
