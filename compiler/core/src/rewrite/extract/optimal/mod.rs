//! The cheapest of all choices, with a proof, by integer linear programming (as Yang et al., Equality Saturation for Tensor
//! Graph Superoptimization, MLSys 2021). Limits are counts, never time.

mod circles;
mod open;
mod program;

use super::Candidates;
use super::choose::Choice;
use open::Open;

/// Costs that differ by less than this part of them are equal: sums are rounded.
const EQUAL: f64 = 1e-12;

/// The most nodes of branch and bound for what must be decided together.
const MOST_NODES: u64 = 20_000;

/// A cheapest choice.
pub(super) struct Optimum {
    pub(super) choice: Choice,
    /// No choice costs less, in seconds.
    pub(super) bound: f64,
    /// Whether the choice is proved to be the cheapest.
    pub(super) proved: bool,
}

/// The cheapest choice, or one that is known where none better is found within the limits.
pub(super) fn optimum(all: &Candidates, known: Choice) -> Optimum {
    optimum_within(all, known, MOST_NODES)
}

fn optimum_within(all: &Candidates, known: Choice, most_nodes: u64) -> Optimum {
    let most = known.cost(all);
    let open = Open::of(all, &known);
    let mut form: Vec<Option<usize>> = (0..all.classes.len()).map(|class| open.fixed(class)).collect();
    let fixed = form.iter().enumerate().filter_map(|(class, form)| Some(open.cost(class, (*form)?)));
    let (mut bound, mut proved, mut whole) = (fixed.sum::<f64>(), true, true);
    for part in open.parts() {
        let solved = program::solve(&open, &part, most_nodes);
        bound += solved.bound;
        proved &= solved.proved;
        whole &= solved.chosen.is_some();
        solved.chosen.into_iter().flatten().for_each(|(class, place)| form[class] = Some(place));
    }
    let found = whole.then(|| Choice::of(all, form));
    let found = found.filter(|choice| choice.is_whole() && choice.cost(all) < most * (1.0 - EQUAL));
    let choice = found.unwrap_or(known);
    let bound = if proved { choice.cost(all) } else { bound.min(most) };
    Optimum { choice, bound, proved }
}

#[cfg(test)]
mod tests;
