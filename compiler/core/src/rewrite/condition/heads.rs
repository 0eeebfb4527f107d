//! Heads and masks of attention, and what it reads.

use super::{Entry, entry};
use crate::rewrite::language::Forms;
use crate::rewrite::mask;
use egg::Id;
use m4c_ops::{Dim, composite, primitive};
use std::collections::BTreeSet;

pub(super) const CONDITIONS: &[Entry] = &[
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
    entry("hides-nothing", 1, "{0} is known when compiling, and true or 0 everywhere", |asked| {
        mask::hides_nothing(asked.forms, asked.class(0)?)
    }),
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
