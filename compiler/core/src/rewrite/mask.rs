//! Masks of attention that are known when compiling: what they hide.

use super::language::{Forms, Head, known};
use egg::Id;
use m4c_ops::{DType, Data, composite};

/// Larger masks are not looked at.
const MOST: usize = 1 << 24;

/// Whether a mask is known to hide nothing.
pub(super) fn hides_nothing(forms: &Forms, mask: Id) -> Option<bool> {
    let (_, shown) = shown(forms, mask, DType::F32)?;
    Some(shown.iter().all(|shown| *shown))
}

/// How many keys lie before that of the first query, if a mask shows each of these queries the keys up to its own and no others.
/// The first query then sees a key, so that it makes no difference whether what is hidden has the lowest score or none.
pub(super) fn keys_before(forms: &Forms, mask: Id, q: Id, k: Id) -> Option<i64> {
    let (queries, keys) = (&known(forms, q)?.fact, &known(forms, k)?.fact);
    let (rows, columns) = (queries.shape.get(2)?.as_i64()?, keys.shape.get(2)?.as_i64()?);
    let (sizes, shown) = shown(forms, mask, queries.dtype)?;
    let [.., own_rows, own_columns] = sizes[..] else { return None };
    if [own_rows as i64, own_columns as i64] != [rows, columns] || shown.iter().all(|shown| *shown) {
        return None;
    }
    let before = shown[..own_columns].iter().take_while(|shown| **shown).count().checked_sub(1)?;
    let causal = |(row, shown): (usize, &[bool])| {
        shown.iter().enumerate().all(|(column, shown)| *shown == (column <= row % own_rows + before))
    };
    shown.chunks_exact(own_columns).enumerate().all(causal).then_some(before as i64)
}

/// The sizes of a mask, and which of its elements hide nothing; none where it is not known, or an element neither hides nor
/// shows a score of a type.
fn shown(forms: &Forms, mask: Id, scores: DType) -> Option<(Vec<usize>, Vec<bool>)> {
    let sizes = known(forms, mask)?.fact.sizes()?;
    sizes.iter().try_fold(1usize, |all, &size| all.checked_mul(size)).filter(|count| *count <= MOST)?;
    let leaf = forms[mask].nodes.iter().find_map(|node| match node.head {
        Head::Constant(place) => forms.analysis.constants.get(place as usize),
        _ => None,
    })?;
    let mask = leaf.constant.load(&leaf.fact)?;
    let lowest = composite::attention::lowest(scores);
    let one = |number: f64| if number == 0.0 { Some(true) } else { (number <= lowest).then_some(false) };
    let shown = match mask.data() {
        Data::Bool(all) => all.to_vec(),
        _ => mask.as_f64s()?.into_iter().map(one).collect::<Option<_>>()?,
    };
    Some((sizes, shown))
}
