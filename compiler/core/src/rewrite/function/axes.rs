//! Lists of axes and of sizes.

use super::{Function, attr_of, dims, function, id, ints};
use crate::rewrite::language::known;
use crate::rewrite::template::Part;
use m4c_ops::Attr;

pub(super) const FUNCTIONS: &[Function] = &[
    function("composed", 2, "the order of axes that two transpositions give, the inner one first", |b, parts| {
        let (Attr::Ints(inner), Attr::Ints(outer)) = (attr_of(b, &parts[0])?, attr_of(b, &parts[1])?) else {
            return None;
        };
        let both = outer.iter().map(|&axis| inner.get(usize::try_from(axis).ok()?).copied());
        let both = Attr::Ints(both.collect::<Option<_>>()?);
        Some(Part::Class(b.attr(&both)))
    }),
    function("joined", 2, "the axes of two lists", |b, parts| {
        let mut axes = [ints(b, &parts[0])?, ints(b, &parts[1])?].concat();
        axes.sort_unstable();
        axes.dedup();
        Some(Part::Class(b.attr(&Attr::Ints(axes))))
    }),
    function("first", 1, "the first of some axes", |b, parts| {
        let Attr::Ints(axes) = attr_of(b, &parts[0])? else { return None };
        let first = Attr::Int(*axes.first()?);
        Some(Part::Class(b.attr(&first)))
    }),
    function("channels", 1, "the number of channels of a value", |b, parts| {
        let channels = known(b.forms, id(&parts[0])?)?.fact.shape.get(1)?.as_i64()?;
        Some(Part::Class(b.attr(&Attr::Int(channels))))
    }),
    function("spatial", 1, "all axes of a value behind the second", |b, parts| {
        let rank = known(b.forms, id(&parts[0])?)?.fact.rank() as i64;
        Some(Part::Class(b.attr(&Attr::Ints((2..rank).collect()))))
    }),
    function("sums", 2, "the sums of the entries of two lists", |b, parts| {
        let (one, other) = (dims(b, &parts[0])?, dims(b, &parts[1])?);
        let sums = one.into_iter().zip(other).map(|(one, other)| one + other).collect();
        Some(Part::Class(b.attr(&Attr::Dims(sums))))
    }),
];
