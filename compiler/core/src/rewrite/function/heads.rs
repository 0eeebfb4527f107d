//! Attention, its heads and its masks.

use super::{Function, attr_of, function, id, number, reshaped};
use crate::rewrite::builder::{Builder, class, value};
use crate::rewrite::language::known;
use crate::rewrite::mask;
use crate::rewrite::template::Part;
use m4c_ops::build::Build;
use m4c_ops::{Attr, Attrs, DType, Dim, Tensor, composite, primitive};

pub(super) const FUNCTIONS: &[Function] = &[
    function("stacked", 2, "matrices, their last two axes, stacked as those of another value are", |b, parts| {
        let [.., rows, columns] = &known(b.forms, id(&parts[0])?)?.fact.shape[..] else { return None };
        let [stack @ .., _, _] = &known(b.forms, id(&parts[1])?)?.fact.shape[..] else { return None };
        let shape = [stack, &[rows.clone(), columns.clone()]].concat();
        reshaped(b, id(&parts[0])?, &shape).map(Part::Class)
    }),
    function("without-heads", 1, "a value without its second axis", |b, parts| {
        let shape = known(b.forms, id(&parts[0])?)?.fact.shape.clone();
        let [batch, _, rows, width] = &shape[..] else { return None };
        reshaped(b, id(&parts[0])?, &[batch.clone(), rows.clone(), width.clone()]).map(Part::Class)
    }),
    function("beside", 3, "three values side by side along their last axis", |b, parts| {
        let values: Vec<_> = parts.iter().map(|part| id(part).map(value)).collect::<Option<_>>()?;
        let last = known(b.forms, id(&parts[0])?)?.fact.rank().checked_sub(1)?;
        let b: &mut dyn Build = b;
        let attrs = Attrs::none().int("axis", last as i64);
        b.op(&primitive::concat::OP, &values, attrs).ok().map(class).map(Part::Class)
    }),
    function("share", 5, "what one of three values, by its place, has of the last axis of a value made of them", share),
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
