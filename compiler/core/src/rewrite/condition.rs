//! What a rule may demand of what it found: a closed vocabulary, so that it can be evaluated, tested and printed.
//!
//! Only what merging of classes cannot revoke: types, sizes, attributes, and numbers known when compiling.

use super::language::{Forms, attr, known};
use super::mask;
use super::pattern::{Match, Names, words};
use egg::Id;
use m4c_ops::{Attr, DType, Data, Dim, Fact, composite, primitive};
use std::collections::BTreeSet;

/// A demand; it is written as `(name argument …)`.
pub(super) struct Condition {
    pub(super) entry: &'static Entry,
    arguments: Vec<usize>,
}

/// A condition of the vocabulary.
pub(super) struct Entry {
    pub(super) name: &'static str,
    arguments: usize,
    /// In English; `{0}` is the first argument.
    pub(super) text: &'static str,
    holds: fn(&Asked<'_>) -> Option<bool>,
}

/// What a condition is asked of.
struct Asked<'a> {
    forms: &'a Forms,
    found: &'a Match,
    arguments: &'a [usize],
}

impl<'a> Asked<'a> {
    fn class(&self, index: usize) -> Option<Id> {
        self.found.classes[self.arguments[index]]
    }

    fn fact(&self, index: usize) -> Option<&'a Fact> {
        Some(&known(self.forms, self.class(index)?)?.fact)
    }

    fn attr(&self, index: usize) -> Option<&'a Attr> {
        attr(self.forms, self.class(index)?)
    }

    fn ints(&self, index: usize) -> Option<&'a [i64]> {
        match self.attr(index)? {
            Attr::Ints(all) => Some(all),
            _ => None,
        }
    }

    fn dims(&self, index: usize) -> Option<&'a [Dim]> {
        match self.attr(index)? {
            Attr::Dims(all) => Some(all),
            _ => None,
        }
    }

    fn number(&self, index: usize) -> Option<f64> {
        self.found.numbers[self.arguments[index]]
    }
}

const fn entry(
    name: &'static str,
    arguments: usize,
    text: &'static str,
    holds: fn(&Asked<'_>) -> Option<bool>,
) -> Entry {
    Entry { name, arguments, text, holds }
}

/// The vocabulary.
pub(super) static CONDITIONS: &[Entry] = &[
    // Holds by construction: what does not fit is never joined.
    entry("fits", 0, "the right side is well formed, with the type and the sizes of the left", |_| Some(true)),
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
    entry("finite-reciprocal", 2, "{0} and its reciprocal are finite, normal numbers in the type of {1}", |asked| {
        let (number, dtype) = (asked.number(0)? as f32, asked.fact(1)?.dtype);
        Some(match dtype {
            DType::F16 => [number, number.recip()].iter().all(|one| (6.2e-5..=65504.0).contains(&one.abs())),
            _ => number.is_normal() && number.recip().is_normal(),
        })
    }),
    entry("lowest", 2, "{0} is the lowest number of the type of {1}", |asked| {
        Some(asked.number(0)? == composite::attention::lowest(asked.fact(1)?.dtype))
    }),
    entry("hides-nothing", 1, "{0} is known when compiling, and true or 0 everywhere", |asked| {
        mask::hides_nothing(asked.forms, asked.class(0)?)
    }),
    entry(
        "absorbing",
        2,
        "{0} is the lowest number of the type of {1}, beside which others are lost: not that of f16",
        |asked| {
            let dtype = asked.fact(1)?.dtype;
            Some(dtype != DType::F16 && asked.number(0)? == composite::attention::lowest(dtype))
        },
    ),
    entry(
        "exact-steps",
        2,
        "products of {0} with integers of 17 bits are normal numbers in the type of {1}, which is f32",
        |asked| {
            let step = asked.number(0)?.abs();
            Some(asked.fact(1)?.dtype == DType::F32 && (f64::from(f32::MIN_POSITIVE)..1e33).contains(&step))
        },
    ),
    entry("one-step", 2, "{0} and {1}, where it is there, have one element each", |asked| {
        let zero = asked.fact(1).is_none_or(|zero| zero.elements().is(1));
        Some(zero && asked.fact(0)?.elements().is(1))
    }),
    entry("constant", 1, "{0} is known when compiling", |asked| Some(known(asked.forms, asked.class(0)?)?.constant)),
    entry("not-constant", 1, "{0} is not known when compiling", |asked| {
        Some(!known(asked.forms, asked.class(0)?)?.constant)
    }),
    entry("real", 1, "{0} is of a floating-point type", |asked| Some(asked.fact(0)?.dtype.is_float())),
    entry("widens", 2, "the type of {0} has every number of the type of {1}", |asked| {
        Some(widens(asked.fact(1)?.dtype, asked.fact(0)?.dtype))
    }),
    entry("same-shape", 2, "{0} and {1} have the same sizes", |asked| {
        Some(asked.fact(0)?.shape == asked.fact(1)?.shape)
    }),
    entry("rank-4", 1, "{0} has 4 axes", |asked| Some(asked.fact(0)?.rank() == 4)),
    entry("all-one", 1, "all elements of {0} are 1", |asked| {
        Some(known(asked.forms, asked.class(0)?)?.number == Some(1.0))
    }),
    entry("all-zero", 1, "all elements of {0} are 0", |asked| {
        Some(known(asked.forms, asked.class(0)?)?.number == Some(0.0))
    }),
    entry("all-false", 1, "all elements of {0} are false", |asked| {
        let known = known(asked.forms, asked.class(0)?)?;
        let Data::Bool(all) = known.elements.as_ref()?.data() else { return None };
        Some(all.iter().all(|one| !one))
    }),
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
    entry("repeats-heads", 4, "{3} is {0} with each head repeated, by way of {1} and {2}", |asked| {
        let ([batch, heads, rows, width], single) = (&*asked.fact(0)?.shape, &*asked.fact(1)?.shape) else {
            return None;
        };
        let ([b, h, times, r, w], [one, all, same, wide]) = (&*asked.fact(2)?.shape, &*asked.fact(3)?.shape) else {
            return None;
        };
        let apart = [batch.clone(), heads.clone(), Dim::from(1), rows.clone(), width.clone()];
        let kept = [batch, heads, rows, width] == [b, h, r, w] && [batch, rows, width] == [one, same, wide];
        Some(kept && *single == apart && all.as_i64()? == heads.as_i64()?.checked_mul(times.as_i64()?)?)
    }),
    entry("one-head", 1, "{0} has 4 axes, and one element along the second", |asked| {
        Some(matches!(&*asked.fact(0)?.shape, [_, one, _, _] if one.is(1)))
    }),
    entry("matrix", 1, "{0} has 2 axes", |asked| Some(asked.fact(0)?.rank() == 2)),
    entry(
        "for-one-attention",
        3,
        "{0}, {1} and {2} are read by one attention as its queries, keys and values, at most moved, rotated and put behind others",
        |asked| {
            let attentions = (0..3).map(|index| Some(attentions(asked.forms, asked.class(index)?)));
            let attentions: Vec<BTreeSet<(Id, usize)>> = attentions.collect::<Option<_>>()?;
            let reads = |class: Id, name: usize, place: usize| attentions[name].contains(&(class, place));
            Some(
                attentions[0]
                    .iter()
                    .any(|&(class, _)| ORDERS.iter().any(|order| (0..3).all(|name| reads(class, name, order[name])))),
            )
        },
    ),
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
    entry("first-half", 4, "{0}, {1} and {2} take the first half of the last axis of {3}", |asked| {
        half(asked, |_| 0, 1)
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
    entry("pairs", 2, "{0} is {1} with its last axis in pairs", |asked| {
        let (paired, whole) = (&asked.fact(0)?.shape, &asked.fact(1)?.shape);
        let ([before @ .., count, two], [same @ .., last]) = (&**paired, &**whole) else { return None };
        Some(before == same && two.is(2) && count.clone() * Dim::from(2) == *last)
    }),
    entry("second-half", 4, "{0}, {1} and {2} take the second half of the last axis of {3}", |asked| {
        half(asked, |whole| whole / 2, 1)
    }),
];

/// All orders of three.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
/// The most classes between a value and the attention that reads it.
const MOST_BETWEEN: usize = 64;

/// The attentions that read a value through what moves it, and as which operand.
fn attentions(forms: &Forms, class: Id) -> BTreeSet<(Id, usize)> {
    let (mut found, mut seen, mut stack) = (BTreeSet::new(), BTreeSet::new(), vec![forms.find(class)]);
    while let Some(class) = stack.pop() {
        if !seen.insert(class) || seen.len() > MOST_BETWEEN {
            continue;
        }
        for reader in forms[class].parents() {
            let node = forms.id_to_node(reader);
            let Some(op) = forms.analysis.op(node.head) else { continue };
            let reads = |place: usize| node.children.get(place).is_some_and(|&child| forms.find(child) == class);
            if op.name == composite::attention::OP.name {
                found.extend((0..3).filter(|&place| reads(place)).map(|place| (forms.find(reader), place)));
            } else if MOVES.contains(&op.name) && (reads(0) || op.name == primitive::concat::OP.name) {
                stack.push(forms.find(reader));
            }
        }
    }
    found
}

/// What moves, rotates or repeats its first operand, or puts operands one behind the other.
const MOVES: &[&str] = &["reshape", "transpose", "slice", "broadcast", "rope", "concat"];

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

/// Whether every number of one type is one of another.
fn widens(from: DType, to: DType) -> bool {
    use DType::{BF16, F16, F32, I4, I8, I16, I32, I64, U4, U8};
    from == to
        || matches!(
            (from, to),
            (F16 | BF16 | I8 | U8 | I16 | I4 | U4, F32)
                | (I4 | U4, I8 | U8 | I16 | I32 | I64)
                | (I8 | U8, I16 | I32 | I64)
                | (I16, I32 | I64)
                | (I32, I64)
        ) && !(from == I4 && to == U8)
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn parse(text: &str, names: &mut Names) -> Result<Condition, String> {
        let words = words(text);
        let [open, name, arguments @ .., close] = &words[..] else { return Err(format!("`{text}` is no condition")) };
        let entry = CONDITIONS.iter().find(|entry| entry.name == name);
        let entry = entry.filter(|_| open == "(" && close == ")").ok_or_else(|| format!("no condition `{name}`"))?;
        if arguments.len() != entry.arguments {
            return Err(format!("`{name}` takes {} arguments", entry.arguments));
        }
        let number = |word: &String| names.number(word.trim_start_matches(['?', '$']));
        Ok(Condition { entry, arguments: arguments.iter().map(number).collect() })
    }

    /// Whether it holds of a match; not where something that it asks for is not known.
    pub(super) fn holds(&self, forms: &Forms, found: &Match) -> bool {
        let asked = Asked { forms, found, arguments: &self.arguments };
        (self.entry.holds)(&asked).unwrap_or(false)
    }

    /// In English.
    pub(super) fn text(&self, names: &[String]) -> String {
        let numbered = self.arguments.iter().enumerate();
        numbered.fold(self.entry.text.to_owned(), |text, (place, &name)| {
            text.replace(&format!("{{{place}}}"), &format!("`{}`", names[name]))
        })
    }
}
