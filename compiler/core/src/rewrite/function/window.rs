//! Windows over maps.

use super::{Function, dims, function, id, ints, reshaped};
use crate::rewrite::builder::{Builder, class, value};
use crate::rewrite::language::known;
use crate::rewrite::template::Part;
use egg::Id;
use m4c_ops::build::Build;
use m4c_ops::{Attr, Dim, primitive};

pub(super) const FUNCTIONS: &[Function] = &[
    function("framed", 3, "the pads of a window with a frame around its operand", framed),
    function("unframed", 2, "a value with the first two axes of another", |b, parts| {
        let (own, map) = (&known(b.forms, id(&parts[0])?)?.fact.shape, &known(b.forms, id(&parts[1])?)?.fact.shape);
        let shape = [map.get(..2)?, own.get(2..)?].concat();
        reshaped(b, id(&parts[0])?, &shape).map(Part::Class)
    }),
    function(
        "every-nth",
        2,
        "of a value each element so many behind the one before, along its spatial axes",
        every_nth,
    ),
    function("rows", 1, "a value with all axes behind the first as one", |b, parts| {
        flat(b, id(&parts[0])?).map(Part::Class)
    }),
    function("filters", 1, "the filters of a convolution as the columns of a matrix", |b, parts| {
        let rows = flat(b, id(&parts[0])?)?;
        let b: &mut dyn Build = b;
        b.transpose(value(rows), vec![1, 0]).ok().map(class).map(Part::Class)
    }),
];

/// The pads of a window with a frame around its operand: before each spatial axis, then after each.
fn framed(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let mut pads = ints(b, &parts[0])?;
    let spatial = pads.len() / 2;
    let (low, high) = (dims(b, &parts[1])?, dims(b, &parts[2])?);
    for (pad, more) in pads.iter_mut().zip(low.get(2..)?.iter().take(spatial).chain(high.get(2..)?)) {
        *pad = pad.checked_add(more.as_i64()?)?;
    }
    Some(Part::Class(b.attr(&Attr::Ints(pads))))
}

/// A value and steps for its spatial axes.
fn every_nth(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let (x, spatial) = (id(&parts[0])?, ints(b, &parts[1])?);
    let sizes = known(b.forms, b.root?)?.fact.shape.clone();
    let steps = [vec![1; sizes.len().checked_sub(spatial.len())?], spatial].concat();
    let starts = vec![Dim::from(0); sizes.len()];
    primitive::slice::apply(b, value(x), starts, sizes, steps).ok().map(class).map(Part::Class)
}

/// A value with all axes behind the first as one.
fn flat(b: &mut Builder<'_>, x: Id) -> Option<Id> {
    let shape = known(b.forms, x)?.fact.shape.clone();
    let (first, rest) = shape.split_first()?;
    reshaped(b, x, &[first.clone(), Dim::product(rest)])
}
