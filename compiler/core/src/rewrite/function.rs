//! What right sides may compute: a closed list, each tested by the rules that use it.

use super::builder::{Builder, class, value};
use super::language::{attr, known};
use super::mask;
use super::repeat::repeated_once;
use super::template::Part;
use egg::Id;
use m4c_ops::build::Build;
use m4c_ops::{Attr, Attrs, DType, Data, Dim, Tensor, composite, primitive};

/// A function of right sides.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) arguments: usize,
    /// What it gives.
    pub(super) text: &'static str,
    /// Gives up where it has no answer.
    pub(super) apply: fn(&mut Builder<'_>, &[Part]) -> Option<Part>,
}

const fn function(
    name: &'static str,
    arguments: usize,
    text: &'static str,
    apply: fn(&mut Builder<'_>, &[Part]) -> Option<Part>,
) -> Function {
    Function { name, arguments, text, apply }
}

/// All functions.
pub(super) static FUNCTIONS: &[Function] = &[
    function("product", 2, "the product of two numbers, rounded to f32", |_, parts| {
        let product = number(&parts[0])? as f32 * number(&parts[1])? as f32;
        product.is_normal().then_some(Part::Number(f64::from(product)))
    }),
    function("reciprocal", 1, "1 over a number, rounded to f32", |_, parts| {
        Some(Part::Number(f64::from((number(&parts[0])? as f32).recip())))
    }),
    function("f32", 1, "a number as a scalar of type f32", |b, parts| {
        let scalar = b.constant(Tensor::scalar_f32(number(&parts[0])? as f32));
        Some(Part::Class(class(scalar)))
    }),
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
    function("reshaped", 2, "a value with the sizes of another", |b, parts| {
        let shape = known(b.forms, id(&parts[1])?)?.fact.shape.clone();
        reshaped(b, id(&parts[0])?, &shape).map(Part::Class)
    }),
    function("stacked", 2, "matrices, their last two axes, stacked as those of another value are", |b, parts| {
        let [.., rows, columns] = &known(b.forms, id(&parts[0])?)?.fact.shape[..] else { return None };
        let [stack @ .., _, _] = &known(b.forms, id(&parts[1])?)?.fact.shape[..] else { return None };
        let shape = [stack, &[rows.clone(), columns.clone()]].concat();
        reshaped(b, id(&parts[0])?, &shape).map(Part::Class)
    }),
    function("vector", 1, "the elements of a value along one axis", |b, parts| {
        let count = known(b.forms, id(&parts[0])?)?.fact.elements();
        reshaped(b, id(&parts[0])?, &[count]).map(Part::Class)
    }),
    function("channels", 1, "the number of channels of a value", |b, parts| {
        let channels = known(b.forms, id(&parts[0])?)?.fact.shape.get(1)?.as_i64()?;
        Some(Part::Class(b.attr(&Attr::Int(channels))))
    }),
    function("per-channel", 2, "a number for each channel of a value", |b, parts| {
        let fact = &known(b.forms, id(&parts[0])?)?.fact;
        let (dtype, channels) = (fact.dtype, usize::try_from(fact.shape.get(1)?.as_i64()?).ok()?);
        let all = Data::from_f64(dtype, std::iter::repeat_n(number(&parts[1])?, channels.min(MOST_CHANNELS)));
        Tensor::new(vec![channels], all).map(|tensor| Part::Class(class(b.constant(tensor))))
    }),
    function("without-heads", 1, "a value without its second axis", |b, parts| {
        let shape = known(b.forms, id(&parts[0])?)?.fact.shape.clone();
        let [batch, _, rows, width] = &shape[..] else { return None };
        reshaped(b, id(&parts[0])?, &[batch.clone(), rows.clone(), width.clone()]).map(Part::Class)
    }),
    function("transposed-later", 3, "a reshape of a transposition, reshaped first and transposed then", |b, parts| {
        transposed_later(b, id(&parts[0])?, &parts[1], id(&parts[2])?).map(Part::Class)
    }),
    function("every-second", 5, "one element of each pair of the last axis, as every second one", every_second),
    function("slice-of-slice", 7, "one slice for two, the inner one first", slice_of_slice),
    function("cut-of-parts", 4, "a slice that lies in one part of a concatenation", cut_of_parts),
    function("parts-reshaped", 2, "a concatenation whose parts are reshaped as the whole is", parts_reshaped),
    function("beside", 3, "three values side by side along their last axis", |b, parts| {
        let values: Vec<_> = parts.iter().map(|part| id(part).map(value)).collect::<Option<_>>()?;
        let last = known(b.forms, id(&parts[0])?)?.fact.rank().checked_sub(1)?;
        let b: &mut dyn Build = b;
        let attrs = Attrs::none().int("axis", last as i64);
        b.op(&primitive::concat::OP, &values, attrs).ok().map(class).map(Part::Class)
    }),
    function("share", 5, "what one of three values, by its place, has of the last axis of a value made of them", share),
    function("framed", 3, "the pads of a window with a frame around its operand", framed),
    function("unframed", 2, "a value with the first two axes of another", |b, parts| {
        let (own, map) = (&known(b.forms, id(&parts[0])?)?.fact.shape, &known(b.forms, id(&parts[1])?)?.fact.shape);
        let shape = [map.get(..2)?, own.get(2..)?].concat();
        reshaped(b, id(&parts[0])?, &shape).map(Part::Class)
    }),
    function("sums", 2, "the sums of the entries of two lists", |b, parts| {
        let (one, other) = (dims(b, &parts[0])?, dims(b, &parts[1])?);
        let sums = one.into_iter().zip(other).map(|(one, other)| one + other).collect();
        Some(Part::Class(b.attr(&Attr::Dims(sums))))
    }),
    function("spatial", 1, "all axes of a value behind the second", |b, parts| {
        let rank = known(b.forms, id(&parts[0])?)?.fact.rank() as i64;
        Some(Part::Class(b.attr(&Attr::Ints((2..rank).collect()))))
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
    function("repeated-once", 4, "a value that is repeated, regrouped and repeated, written once", |b, parts| {
        repeated_once(b, id(&parts[0])?, id(&parts[1])?, id(&parts[2])?, id(&parts[3])?).map(Part::Class)
    }),
    function("not", 1, "true where a condition is false", |b, parts| {
        let b: &mut dyn Build = b;
        b.not(value(id(&parts[0])?)).ok().map(class).map(Part::Class)
    }),
    function(
        "keys-before",
        3,
        "how many keys lie before that of the first query, by a known mask that hides later ones and nothing else",
        |b, parts| {
            let before = mask::keys_before(b.forms, id(&parts[0])?, id(&parts[1])?, id(&parts[2])?)?;
            Some(Part::Class(b.attr(&Attr::Dims(vec![Dim::from(before)]))))
        },
    ),
    function("attend", 6, "attention of queries, transposed keys, values, a mask and a scale, guarded or not", attend),
];

/// More channels than this are none.
const MOST_CHANNELS: usize = 1 << 16;

fn number(part: &Part) -> Option<f64> {
    match part {
        Part::Number(number) => Some(*number),
        Part::Class(_) => None,
    }
}

fn id(part: &Part) -> Option<Id> {
    match part {
        Part::Class(id) => Some(*id),
        Part::Number(_) => None,
    }
}

fn attr_of(b: &Builder<'_>, part: &Part) -> Option<Attr> {
    attr(b.forms, id(part)?).cloned()
}

fn dims(b: &Builder<'_>, part: &Part) -> Option<Vec<Dim>> {
    match attr_of(b, part)? {
        Attr::Dims(dims) => Some(dims),
        _ => None,
    }
}

fn ints(b: &Builder<'_>, part: &Part) -> Option<Vec<i64>> {
    match attr_of(b, part)? {
        Attr::Ints(ints) => Some(ints),
        _ => None,
    }
}

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

pub(super) fn reshaped(b: &mut Builder<'_>, x: Id, shape: &[Dim]) -> Option<Id> {
    let b: &mut dyn Build = b;
    b.reshape(value(x), shape).ok().map(class)
}

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

/// A part of the last axis of a value: the sizes of three others along theirs say which.
fn share(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let whole = id(&parts[0])?;
    let widths = parts[1..4].iter().map(|part| known(b.forms, id(part)?)?.fact.shape.last().cloned());
    let widths: Vec<Dim> = widths.collect::<Option<_>>()?;
    let place = number(&parts[4])? as usize;
    let mut sizes = known(b.forms, whole)?.fact.shape.to_vec();
    let mut starts = vec![Dim::from(0); sizes.len()];
    *starts.last_mut()? = widths.get(..place)?.iter().cloned().fold(Dim::from(0), |all, width| all + width);
    *sizes.last_mut()? = widths.get(place)?.clone();
    let steps = vec![1; sizes.len()];
    primitive::slice::apply(b, value(whole), starts, sizes, steps).ok().map(class).map(Part::Class)
}

/// Attention of queries, transposed keys and values of 3 or 4 axes.
fn attend(b: &mut Builder<'_>, parts: &[Part]) -> Option<Part> {
    let [q, kt, v] = [id(&parts[0])?, id(&parts[1])?, id(&parts[2])?];
    let ranks: Vec<usize> =
        [q, kt, v].iter().map(|&id| known(b.forms, id).map(|known| known.fact.rank())).collect::<Option<_>>()?;
    let rank = ranks[0];
    if ranks != [rank; 3] || !matches!(rank, 3 | 4) {
        return None;
    }
    let mask = known(b.forms, id(&parts[3])?).map(|known| known.fact.rank());
    let mask_id = mask.and(id(&parts[3]));
    let scale = number(&parts[4])?;
    let attrs = Attrs::none().dims("causal", Vec::new()).with("guarded", attr_of(b, &parts[5])?);
    let result = known(b.forms, b.root?)?.fact.shape.clone();
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 2, rank - 1);
    let b: &mut dyn Build = b;
    let k = b.transpose(value(kt), order).ok()?;
    let mut operands = [value(q), k, value(v)];
    let mut mask_value = mask_id.map(value);
    if rank == 3 {
        for operand in &mut operands {
            *operand = b.with_axis(*operand, 1).ok()?;
        }
        if let Some(given) = mask_value.filter(|given| b.fact(*given).rank() == 3) {
            mask_value = Some(b.with_axis(given, 1).ok()?);
        }
    }
    let allowed = [DType::Bool, DType::F16, DType::BF16, DType::F32];
    if mask_value.is_some_and(|mask| !allowed.contains(&b.fact(mask).dtype)) {
        return None;
    }
    let scale = b.constant(Tensor::scalar_f32(scale as f32));
    let [q, k, v] = operands;
    let operands = [Some(q), Some(k), Some(v), mask_value, Some(scale), None];
    let attended = b.apply(&composite::attention::OP, &operands, attrs).ok()?;
    b.reshape(attended, &result).ok().map(class).map(Part::Class)
}
