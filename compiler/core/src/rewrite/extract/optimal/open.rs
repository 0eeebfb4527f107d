//! What is left to decide: forms that an optimum may have, and which classes must be decided together.

use super::super::Candidates;
use super::super::price::NOT_TAKEN;
use petgraph::Graph;
use petgraph::algo::kosaraju_scc;
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeMap, BTreeSet};

/// What is left to decide.
pub(super) struct Open<'a> {
    all: &'a Candidates,
    /// The forms that each class may have, by their places; none where nothing needs the class.
    forms: Vec<Vec<usize>>,
    /// Whether every choice needs a class.
    needed: Vec<bool>,
    /// The strongly connected component of each class: only classes of one can need each other.
    component: Vec<usize>,
}

impl<'a> Open<'a> {
    /// The forms that a choice may have that costs no more than `most`.
    pub(super) fn of(all: &'a Candidates, most: f64) -> Open<'a> {
        let limit = if most < NOT_TAKEN { most * (1.0 + 1e-9) } else { f64::INFINITY };
        let count = all.classes.len();
        let own = |class: usize| {
            let forms = all.forms[class].iter().enumerate();
            forms.filter(move |(_, form)| form.cost <= limit && !form.children.contains(&class)).map(|(place, _)| place)
        };
        let forms = (0..count).map(|class| own(class).collect()).collect();
        let mut open = Open { all, forms, needed: vec![false; count], component: vec![0; count] };
        // What can do without forms that the target does not take does so in every optimum: one costs more than all others.
        let taken = open.computable(|cost| cost < NOT_TAKEN);
        for class in (0..count).filter(|&class| taken[class]) {
            open.forms[class].retain(|&place| all.forms[class][place].cost < NOT_TAKEN);
        }
        let computable = open.computable(|_| true);
        for class in 0..count {
            open.forms[class].retain(|&place| all.forms[class][place].children.iter().all(|&child| computable[child]));
        }
        open.leave_what_is_reached();
        open.find_needed();
        open.find_components();
        open
    }

    /// The places of the forms that a class may have.
    pub(super) fn forms(&self, class: usize) -> &[usize] {
        &self.forms[class]
    }

    pub(super) fn cost(&self, class: usize, place: usize) -> f64 {
        self.all.forms[class][place].cost
    }

    /// What a form is computed of.
    pub(super) fn children(&self, class: usize, place: usize) -> &'a [usize] {
        &self.all.forms[class][place].children
    }

    /// Whether every choice needs a class.
    pub(super) fn is_needed(&self, class: usize) -> bool {
        self.needed[class]
    }

    /// The form of a class that every choice has.
    pub(super) fn fixed(&self, class: usize) -> Option<usize> {
        if let ([only], true) = (&*self.forms[class], self.needed[class]) { Some(*only) } else { None }
    }

    /// Whether each of two classes may need the other.
    pub(super) fn may_circle(&self, one: usize, other: usize) -> bool {
        self.component[one] == self.component[other]
    }

    fn is_open(&self, class: usize) -> bool {
        !self.forms[class].is_empty() && self.fixed(class).is_none()
    }

    /// Which classes have a form without circles, of forms of some costs.
    fn computable(&self, may: impl Fn(f64) -> bool) -> Vec<bool> {
        let count = self.forms.len();
        let mut users: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count];
        let mut missing = BTreeMap::new();
        let (mut done, mut ready) = (vec![false; count], Vec::new());
        for class in 0..count {
            for &place in self.forms[class].iter().filter(|&&place| may(self.cost(class, place))) {
                let children: BTreeSet<usize> = self.children(class, place).iter().copied().collect();
                children.iter().for_each(|&child| users[child].push((class, place)));
                if children.is_empty() {
                    ready.push(class);
                }
                missing.insert((class, place), children.len());
            }
        }
        while let Some(class) = ready.pop() {
            if std::mem::replace(&mut done[class], true) {
                continue;
            }
            for user in &users[class] {
                if let Some(missing) = missing.get_mut(user) {
                    *missing -= 1;
                    if *missing == 0 {
                        ready.push(user.0);
                    }
                }
            }
        }
        done
    }

    fn leave_what_is_reached(&mut self) {
        let mut reached = vec![false; self.forms.len()];
        let mut stack = self.all.roots.clone();
        while let Some(class) = stack.pop() {
            if !std::mem::replace(&mut reached[class], true) {
                self.forms[class].iter().for_each(|&place| stack.extend(self.children(class, place)));
            }
        }
        for (forms, _) in self.forms.iter_mut().zip(reached).filter(|(_, reached)| !reached) {
            forms.clear();
        }
    }

    /// Roots, and what all forms of a needed class need.
    fn find_needed(&mut self) {
        let mut stack = self.all.roots.clone();
        while let Some(class) = stack.pop() {
            if std::mem::replace(&mut self.needed[class], true) {
                continue;
            }
            let mut forms = self.forms[class].iter().map(|&place| self.children(class, place));
            let first = forms.next().unwrap_or_default();
            let rest: Vec<&[usize]> = forms.collect();
            stack.extend(first.iter().filter(|child| rest.iter().all(|children| children.contains(child))));
        }
    }

    fn find_components(&mut self) {
        let count = self.forms.len();
        let mut graph: Graph<(), (), petgraph::Directed, usize> = Graph::default();
        (0..count).for_each(|_| {
            graph.add_node(());
        });
        for class in 0..count {
            for child in self.forms[class].iter().flat_map(|&place| self.children(class, place)) {
                graph.add_edge(class.into(), (*child).into(), ());
            }
        }
        for (number, component) in kosaraju_scc(&graph).into_iter().enumerate() {
            component.into_iter().for_each(|class| self.component[class.index()] = number);
        }
    }

    /// The open classes, by what must be decided together: a class with what it may need, and what may be a circle.
    pub(super) fn parts(&self) -> Vec<Vec<usize>> {
        let count = self.forms.len();
        let mut together = UnionFind::<usize>::new(count);
        let mut first_of: BTreeMap<usize, usize> = BTreeMap::new();
        for class in (0..count).filter(|&class| self.is_open(class)) {
            together.union(class, *first_of.entry(self.component[class]).or_insert(class));
            for &child in self.forms[class].iter().flat_map(|&place| self.children(class, place)) {
                if !self.needed[child] {
                    together.union(class, child);
                }
            }
        }
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for class in (0..count).filter(|&class| self.is_open(class)) {
            parts.entry(together.find(class)).or_default().push(class);
        }
        parts.into_values().collect()
    }
}
