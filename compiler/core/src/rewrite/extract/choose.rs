//! The cheapest choice: first every class by its longest path alone, then one class at a time, as long as the sum over all
//! values that are needed shrinks. Technology mapping for circuits does so, too (exact local area).

use super::Candidates;
use crate::rewrite::language::Node;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// The most passes over all classes.
const MOST_PASSES: usize = 12;
/// Sums of costs are equal within this.
const EQUAL: f64 = 1e-15;

/// A form that a class may have.
#[derive(Clone, Debug)]
pub(in crate::rewrite) struct Candidate {
    pub(in crate::rewrite) node: Node,
    pub(in crate::rewrite) cost: f64,
    /// The classes that it is computed of.
    pub(in crate::rewrite) children: Vec<usize>,
}

/// A form for every class, without circles.
#[derive(Clone, Debug)]
pub(in crate::rewrite) struct Choice {
    /// The place of the form of each class; none where every form needs itself.
    pub(in crate::rewrite) form: Vec<Option<usize>>,
    /// How many chosen forms of needed classes need each class.
    pub(in crate::rewrite) users: Vec<usize>,
}

/// Costs as integers that order like them.
fn ordered(cost: f64) -> u64 {
    (cost * 1e12).min(1e18) as u64
}

impl Choice {
    /// The cheapest choice; none where a root has no form that does not need itself.
    pub(super) fn cheapest(all: &Candidates) -> Option<Choice> {
        let mut choice = Choice { form: shortest(all), users: vec![0; all.classes.len()] };
        for &root in &all.roots {
            choice.form[root]?;
            choice.take(all, root);
        }
        for _ in 0..MOST_PASSES {
            if !choice.improve(all) {
                break;
            }
        }
        Some(choice)
    }

    /// The sum of the costs of all classes that are needed.
    #[cfg(test)]
    pub(super) fn cost(&self, all: &Candidates) -> f64 {
        let needed = (0..all.classes.len()).filter(|&class| self.users[class] > 0);
        needed.filter_map(|class| Some(all.forms[class][self.form[class]?].cost)).sum()
    }

    /// One more user of a class; the cost of what was not needed before.
    fn take(&mut self, all: &Candidates, class: usize) -> f64 {
        let (mut cost, mut stack) = (0.0, vec![class]);
        while let Some(class) = stack.pop() {
            self.users[class] += 1;
            if let (1, Some(form)) = (self.users[class], self.form[class]) {
                let form = &all.forms[class][form];
                cost += form.cost;
                stack.extend(&form.children);
            }
        }
        cost
    }

    /// One user less; the cost of what is not needed any more.
    fn release(&mut self, all: &Candidates, class: usize) -> f64 {
        let (mut cost, mut stack) = (0.0, vec![class]);
        while let Some(class) = stack.pop() {
            self.users[class] -= 1;
            if let (0, Some(form)) = (self.users[class], self.form[class]) {
                let form = &all.forms[class][form];
                cost += form.cost;
                stack.extend(&form.children);
            }
        }
        cost
    }

    /// One pass over all classes that are needed; whether the sum shrank.
    fn improve(&mut self, all: &Candidates) -> bool {
        let mut better = false;
        for class in 0..all.classes.len() {
            if all.forms[class].len() < 2 {
                continue;
            }
            for other in 0..all.forms[class].len() {
                let Some(form) = self.form[class].filter(|&form| form != other && self.users[class] > 0) else {
                    continue;
                };
                let (old, new) = (&all.forms[class][form], &all.forms[class][other]);
                if new.children.iter().any(|&child| child == class || self.form[child].is_none()) {
                    continue;
                }
                let freed: f64 = old.children.iter().map(|&child| self.release(all, child)).sum();
                let needed: f64 = new.children.iter().map(|&child| self.take(all, child)).sum();
                if new.cost + needed + EQUAL < old.cost + freed && !self.leads_to(all, &new.children, class) {
                    self.form[class] = Some(other);
                    better = true;
                } else {
                    new.children.iter().for_each(|&child| {
                        self.release(all, child);
                    });
                    old.children.iter().for_each(|&child| {
                        self.take(all, child);
                    });
                }
            }
        }
        better
    }

    /// Whether the chosen forms of some classes need a class.
    fn leads_to(&self, all: &Candidates, from: &[usize], class: usize) -> bool {
        let (mut seen, mut stack) = (BTreeSet::new(), from.to_vec());
        while let Some(at) = stack.pop() {
            if at == class {
                return true;
            }
            if seen.insert(at)
                && let Some(form) = self.form[at]
            {
                stack.extend(&all.forms[at][form].children);
            }
        }
        false
    }
}

/// The form of each class whose longest path of costs is the shortest. No form needs itself, since costs are not negative and
/// a class is settled after all that its form needs.
fn shortest(all: &Candidates) -> Vec<Option<usize>> {
    let count = all.classes.len();
    let mut users: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count];
    let mut missing: Vec<Vec<usize>> = Vec::with_capacity(count);
    let mut ready: BinaryHeap<Reverse<(u64, usize, usize)>> = BinaryHeap::new();
    for (class, forms) in all.forms.iter().enumerate() {
        let mut own = Vec::with_capacity(forms.len());
        for (place, form) in forms.iter().enumerate() {
            let children: BTreeSet<usize> = form.children.iter().copied().collect();
            children.iter().for_each(|&child| users[child].push((class, place)));
            if children.is_empty() {
                ready.push(Reverse((ordered(form.cost), class, place)));
            }
            own.push(children.len());
        }
        missing.push(own);
    }
    let (mut chosen, mut length) = (vec![None; count], vec![0u64; count]);
    while let Some(Reverse((cost, class, place))) = ready.pop() {
        if chosen[class].is_some() {
            continue;
        }
        (chosen[class], length[class]) = (Some(place), cost);
        for &(user, place) in &users[class] {
            missing[user][place] -= 1;
            if missing[user][place] == 0 && chosen[user].is_none() {
                let form = &all.forms[user][place];
                let longest = form.children.iter().map(|&child| length[child]).max().unwrap_or(0);
                ready.push(Reverse((longest.saturating_add(ordered(form.cost)), user, place)));
            }
        }
    }
    chosen
}
