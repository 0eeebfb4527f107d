//! The cheapest choice: first every class by its longest path alone, then one class at a time, as long as the sum over all
//! values that are needed shrinks. Technology mapping for circuits does so, too (exact local area). What pays only when several
//! classes are made of it is tried with all of them at once.

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
    /// None where the value is passed from another target.
    pub(in crate::rewrite) node: Option<Node>,
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
        let form = shortest(all);
        all.roots.iter().try_for_each(|&root| form[root].map(|_| ()))?;
        let mut choice = Choice::of(all, form);
        let shared = shared(all);
        for _ in 0..MOST_PASSES {
            let mut better = choice.improve(all);
            for users in &shared {
                better |= choice.move_together(all, users);
            }
            if !better {
                break;
            }
        }
        Some(choice)
    }

    /// The choice of some forms, which have no circles.
    pub(super) fn of(all: &Candidates, form: Vec<Option<usize>>) -> Choice {
        let mut choice = Choice { form, users: vec![0; all.classes.len()] };
        all.roots.iter().for_each(|&root| {
            choice.take(all, root);
        });
        choice
    }

    /// Whether every class that is needed has a form.
    #[cfg(feature = "optimal-extraction")]
    pub(super) fn is_whole(&self) -> bool {
        self.users.iter().zip(&self.form).all(|(&users, form)| users == 0 || form.is_some())
    }

    /// The sum of the costs of all classes that are needed.
    pub(in crate::rewrite) fn cost(&self, all: &Candidates) -> f64 {
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

    /// Gives several classes these forms, if the sum shrinks by it; whether it did.
    fn move_together(&mut self, all: &Candidates, moves: &[(usize, usize)]) -> bool {
        let (mut delta, mut moved) = (0.0, Vec::new());
        for &(class, other) in moves {
            let Some(form) = self.form[class].filter(|&form| form != other && self.users[class] > 0) else { continue };
            if all.forms[class][other].children.iter().any(|&child| child == class || self.form[child].is_none()) {
                continue;
            }
            delta += self.exchange(all, class, form, other);
            moved.push((class, form, other));
        }
        let circle =
            |&(class, _, other): &(usize, usize, usize)| self.leads_to(all, &all.forms[class][other].children, class);
        if delta < -EQUAL && !moved.iter().any(circle) {
            return true;
        }
        for &(class, form, other) in moved.iter().rev() {
            self.exchange(all, class, other, form);
        }
        false
    }

    /// Gives a class another form; what the sum grows by.
    fn exchange(&mut self, all: &Candidates, class: usize, old: usize, new: usize) -> f64 {
        let (old, new_form) = (&all.forms[class][old], &all.forms[class][new]);
        let needed: f64 = new_form.children.iter().map(|&child| self.take(all, child)).sum();
        let freed: f64 = old.children.iter().map(|&child| self.release(all, child)).sum();
        self.form[class] = Some(new);
        new_form.cost + needed - old.cost - freed
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

/// The most classes that are given a form at once.
const MOST_TOGETHER: usize = 16;

/// For each class that several others may be made of: these with the form that is.
fn shared(all: &Candidates) -> Vec<Vec<(usize, usize)>> {
    let mut users: Vec<Vec<(usize, usize)>> = vec![Vec::new(); all.classes.len()];
    for (class, forms) in all.forms.iter().enumerate().filter(|(_, forms)| forms.len() > 1) {
        for (place, form) in forms.iter().enumerate() {
            for &child in &form.children {
                if users[child].last().is_none_or(|&(last, _)| last != class) {
                    users[child].push((class, place));
                }
            }
        }
    }
    users.retain(|users| (2..=MOST_TOGETHER).contains(&users.len()));
    users
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use egg::Id;

    pub(in crate::rewrite::extract) fn form(cost: f64, children: &[usize]) -> Candidate {
        Candidate { node: None, cost, children: children.to_vec() }
    }

    pub(in crate::rewrite::extract) fn all(forms: Vec<Vec<Candidate>>, roots: &[usize]) -> Candidates {
        Candidates {
            classes: (0..forms.len()).map(Id::from).collect(),
            targets: vec![0; forms.len()],
            forms,
            roots: roots.to_vec(),
        }
    }

    /// The cheapest of all choices without circles.
    pub(in crate::rewrite::extract) fn optimum(all: &Candidates) -> f64 {
        let count: usize = all.forms.iter().map(Vec::len).product();
        let costs = (0..count).filter_map(|mut number| {
            let mut form = Vec::new();
            for forms in &all.forms {
                form.push(Some(number % forms.len()));
                number /= forms.len();
            }
            let choice = Choice::of(all, form);
            let circle = |class: usize| {
                let form = &all.forms[class][choice.form[class]?];
                choice.leads_to(all, &form.children, class).then_some(())
            };
            let mut needed = (0..all.classes.len()).filter(|&class| choice.users[class] > 0);
            if needed.any(|class| circle(class).is_some()) { None } else { Some(choice.cost(all)) }
        });
        costs.fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn shared_work_counts_once() {
        // 0 is made of 1 and 2, which share 3, or by itself.
        let forms = || {
            vec![
                vec![form(2.5, &[]), form(1.0, &[1, 2])],
                vec![form(0.1, &[3])],
                vec![form(0.1, &[3])],
                vec![form(2.0, &[])],
            ]
        };
        let alone = all(forms(), &[0]);
        assert_eq!(Choice::cheapest(&alone).unwrap().form[0], Some(0));
        let shared = all(forms(), &[0, 3]);
        let choice = Choice::cheapest(&shared).unwrap();
        assert_eq!(choice.form[0], Some(1));
        assert!((choice.cost(&shared) - optimum(&shared)).abs() < 1e-9);
    }

    #[test]
    fn what_pays_for_several_at_once_is_found() {
        // 1, 2 and 3 by themselves, or as parts of 4.
        let part = || vec![form(3.0, &[]), form(0.5, &[4])];
        let all = all(vec![vec![form(1.0, &[1, 2, 3])], part(), part(), part(), vec![form(5.0, &[])]], &[0]);
        let choice = Choice::cheapest(&all).unwrap();
        assert!((choice.cost(&all) - 7.5).abs() < 1e-9, "{choice:?}");
        assert!((optimum(&all) - 7.5).abs() < 1e-9);
    }

    #[test]
    fn no_form_needs_itself() {
        let circle = all(vec![vec![form(0.0, &[1]), form(5.0, &[])], vec![form(0.0, &[0]), form(4.0, &[])]], &[0, 1]);
        let choice = Choice::cheapest(&circle).unwrap();
        assert!((choice.cost(&circle) - 4.0).abs() < 1e-9, "{choice:?}");
        assert!(Choice::cheapest(&all(vec![vec![form(0.0, &[0])]], &[0])).is_none());
    }

    /// Numbers below a limit each.
    pub(in crate::rewrite::extract) fn random(mut seed: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        }
    }

    #[test]
    fn the_choice_is_near_the_optimum() {
        let mut random = random(7);
        let (mut sum, mut best) = (0.0, 0.0);
        for _ in 0..200 {
            let forms = (0..7usize)
                .map(|class| {
                    (0..1 + random(3))
                        .map(|_| {
                            let children: Vec<usize> =
                                (0..random(3)).map(|_| random(7) as usize).filter(|&child| child > class).collect();
                            form(1.0 + random(9) as f64, &children)
                        })
                        .collect()
                })
                .collect();
            let candidates = all(forms, &[0]);
            let (found, least) = (Choice::cheapest(&candidates).unwrap().cost(&candidates), optimum(&candidates));
            assert!(found >= least - 1e-9);
            sum += found;
            best += least;
        }
        assert!(sum <= 1.03 * best, "{sum} for {best}");
    }
}
