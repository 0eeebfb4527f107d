//! Values regrouped, moved and cut.

use super::repeat::repeated_once;
use super::{Function, dims, function, id, ints, reshaped};
use crate::rewrite::builder::{Builder, class, value};
use crate::rewrite::language::known;
use crate::rewrite::template::Part;
use egg::Id;
use m4c_ops::build::Build;
use m4c_ops::{Attrs, Dim, primitive};

pub(super) const FUNCTIONS: &[Function] = &[
    function("reshaped", 2, "a value with the sizes of another", |b, parts| {
        let shape = known(b.forms, id(&parts[1])?)?.fact.shape.clone();
        reshaped(b, id(&parts[0])?, &shape).map(Part::Class)
    }),
    function("vector", 1, "the elements of a value along one axis", |b, parts| {
        let count = known(b.forms, id(&parts[0])?)?.fact.elements();
        reshaped(b, id(&parts[0])?, &[count]).map(Part::Class)
    }),
    function("transposed-later", 3, "a reshape of a transposition, reshaped first and transposed then", |b, parts| {
        transposed_later(b, id(&parts[0])?, &parts[1], id(&parts[2])?).map(Part::Class)
    }),
    function("every-second", 5, "one element of each pair of the last axis, as every second one", every_second),
    function("slice-of-slice", 7, "one slice for two, the inner one first", slice_of_slice),
    function("cut-of-parts", 4, "a slice that lies in one part of a concatenation", cut_of_parts),
    function("parts-reshaped", 2, "a concatenation whose parts are reshaped as the whole is", parts_reshaped),
    function("repeated-once", 4, "a value that is repeated, regrouped and repeated, written once", |b, parts| {
        repeated_once(b, id(&parts[0])?, id(&parts[1])?, id(&parts[2])?, id(&parts[3])?).map(Part::Class)
    }),
];

/// `reshape(transpose(x))` as `transpose(reshape(x))`: each group of the reshape must take axes that are neighbors in x,
/// in their order.
fn transposed_later(b: &mut Builder<'_>, x: Id, perm: &Part, result: Id) -> Option<Id> {
    let perm = ints(b, perm)?;
    let shape = known(b.forms, x)?.fact.shape.clone();
    let moved: Vec<Dim> = perm.iter().map(|&axis| shape[axis as usize].clone()).collect();
    let to = known(b.forms, result)?.fact.shape.clone();
    let mut assumed = false;
    let groups = primitive::reshape::groups(&moved, &to, &mut |_| assumed = true).ok().filter(|_| !assumed)?;
    // For each group: the axes of x that it takes, and the sizes that it gives.
    let (mut taken, mut given, mut pieces) = (0, 0, Vec::new());
    for group in &groups {
        let axes: Vec<i64> = perm[taken..taken + group.take].to_vec();
        let places: Vec<usize> = (given..given + group.give.len()).collect();
        (taken, given) = (taken + group.take, given + group.give.len());
        // Axes of size 1 lie anywhere.
        let solid: Vec<i64> = axes.iter().copied().filter(|&axis| !shape[axis as usize].is(1)).collect();
        let rising = solid
            .windows(2)
            .all(|pair| pair[0] < pair[1] && (pair[0] + 1..pair[1]).all(|between| shape[between as usize].is(1)));
        let first = solid.first().or(axes.first()).copied();
        pieces.push((first.filter(|_| rising)?, places));
    }
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&piece| pieces[piece].0);
    // The axes of the reshaped x in the order of x, and where each of them goes.
    let places: Vec<usize> = order.iter().flat_map(|&piece| pieces[piece].1.clone()).collect();
    let before: Vec<Dim> = places.iter().map(|&place| to[place].clone()).collect();
    let back = (0..to.len()).map(|place| places.iter().position(|&other| other == place).map(|at| at as i64));
    let back: Vec<i64> = back.collect::<Option<_>>()?;
    let first = reshaped(b, x, &before)?;
    let b: &mut dyn Build = b;
    b.transpose(value(first), back).ok().map(class)
}

/// Of a value, its last axis in pairs, and a slice of these that takes one of each.
fn every_second(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let (x, pairs) = (id(&parts[0])?, id(&parts[1])?);
    let (mut starts, mut sizes, mut steps) = (dims(b, &parts[2])?, dims(b, &parts[3])?, ints(b, &parts[4])?);
    let (whole, paired) = (known(b.forms, x)?.fact.shape.clone(), known(b.forms, pairs)?.fact.shape.clone());
    let [before @ .., count, two] = &paired[..] else { return None };
    let (last, of_pair) = (before.len(), starts.pop()?);
    let fits = two.is(2) && sizes.pop()?.is(1) && starts[last].is(0) && sizes[last] == *count && steps[last] == 1;
    if !fits || whole.split_last()?.1 != before {
        return None;
    }
    steps.truncate(last);
    (starts[last], steps) = (of_pair, [&steps[..], &[2]].concat());
    primitive::slice::apply(b, value(x), starts, sizes, steps).ok().map(class).map(Part::Class)
}

/// `x, starts, steps of the inner slice, then starts, sizes, steps of the outer one`, and the inner sizes.
fn slice_of_slice(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let x = id(&parts[0])?;
    let (inner, inner_steps) = (dims(b, &parts[1])?, ints(b, &parts[3])?);
    let (outer, sizes, outer_steps) = (dims(b, &parts[4])?, dims(b, &parts[5])?, ints(b, &parts[6])?);
    let starts = inner.iter().zip(&outer).zip(&inner_steps);
    let starts = starts.map(|((inner, outer), step)| inner.clone() + outer.clone() * Dim::from(*step)).collect();
    let steps = inner_steps.iter().zip(&outer_steps).map(|(inner, outer)| inner.checked_mul(*outer));
    let steps = steps.collect::<Option<_>>()?;
    primitive::slice::apply(b, value(x), starts, sizes, steps).ok().map(class).map(Part::Class)
}

/// A slice of a concatenation that lies in one of its parts along that axis.
fn cut_of_parts(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let (whole, starts, sizes, steps) = (id(&parts[0])?, dims(b, &parts[1])?, dims(b, &parts[2])?, ints(b, &parts[3])?);
    for (operands, attrs) in b.forms_of(whole, &primitive::concat::OP) {
        let axis = usize::try_from(attrs.get_int("axis")).ok()?;
        if *steps.get(axis)? != 1 {
            return None;
        }
        let mut before = Dim::from(0);
        for operand in operands.into_iter().flatten() {
            let size = known(b.forms, operand)?.fact.shape.get(axis)?.clone();
            let start = starts[axis].clone() - before.clone();
            let end = start.clone() + sizes[axis].clone();
            if start.is_not_negative() && end.is_at_most(&size) {
                let mut starts = starts.clone();
                starts[axis] = start;
                return primitive::slice::apply(b, value(operand), starts, sizes, steps)
                    .ok()
                    .map(class)
                    .map(Part::Class);
            }
            before = before + size;
        }
    }
    None
}

/// A reshape of a concatenation as a concatenation of reshapes: axes of size 1 are added or taken away beside it.
fn parts_reshaped(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let (whole, result) = (id(&parts[0])?, id(&parts[1])?);
    let (from, to) = (known(b.forms, whole)?.fact.shape.clone(), known(b.forms, result)?.fact.shape.clone());
    for (operands, attrs) in b.forms_of(whole, &primitive::concat::OP) {
        let axis = usize::try_from(attrs.get_int("axis")).ok()?;
        let solid = |shape: &[Dim]| shape.iter().filter(|size| !size.is(1)).cloned().collect::<Vec<_>>();
        if from.get(axis)?.is(1) || solid(&from) != solid(&to) {
            continue;
        }
        let ahead = from[..axis].iter().filter(|size| !size.is(1)).count();
        let solid_axes = (0..to.len()).filter(|&place| !to[place].is(1));
        let new_axis = solid_axes.clone().nth(ahead)?;
        let mut reshaped_parts = Vec::new();
        for operand in operands {
            let mut shape = to.clone();
            shape[new_axis] = known(b.forms, operand?)?.fact.shape.get(axis)?.clone();
            reshaped_parts.push(value(reshaped(b, operand?, &shape)?));
        }
        let attrs = Attrs::none().int("axis", new_axis as i64);
        let b: &mut dyn Build = b;
        return b.op(&primitive::concat::OP, &reshaped_parts, attrs).ok().map(class).map(Part::Class);
    }
    None
}
