//! What is left to decide: forms that an optimum may have, and which classes must be decided together.

use super::super::Candidates;
use super::super::choose::Choice;
use super::super::price::NOT_TAKEN;
use super::EQUAL;
use petgraph::Graph;
use petgraph::algo::kosaraju_scc;
use petgraph::unionfind::UnionFind;
use std::collections::BTreeMap;

/// How many forms are visited to find what every choice needs: beyond that a part may be larger than it had to be.
const FORMS_OF_CHECKS: usize = 50_000_000;

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
    /// The forms that a choice may have that costs no more than a known one.
    pub(super) fn of(all: &'a Candidates, known: &Choice) -> Open<'a> {
        let most = known.cost(all);
        let limit = if most < NOT_TAKEN { most * (1.0 + EQUAL) } else { f64::INFINITY };
        let count = all.classes.len();
        let own = |class: usize| {
            let forms = all.forms[class].iter().enumerate();
            forms.filter(move |(_, form)| form.cost <= limit && !form.children.contains(&class)).map(|(place, _)| place)
        };
        let forms = (0..count).map(|class| own(class).collect()).collect();
        let mut open = Open { all, forms, needed: vec![false; count], component: vec![0; count] };
        // What can do without forms that the target does not take does so in every optimum: one costs more than all others.
        let taken = open.computable(|class, place| all.forms[class][place].cost < NOT_TAKEN);
        for class in (0..count).filter(|&class| taken[class]) {
            open.forms[class].retain(|&place| all.forms[class][place].cost < NOT_TAKEN);
        }
        let computable = open.computable(|_, _| true);
        for class in 0..count {
            open.forms[class].retain(|&place| all.forms[class][place].children.iter().all(|&child| computable[child]));
        }
        open.leave_what_is_reached();
        open.find_needed(known);
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

    /// Which classes have a form without circles, of some forms.
    fn computable(&self, may: impl Fn(usize, usize) -> bool) -> Vec<bool> {
        let count = self.forms.len();
        let mut users: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count];
        let mut missing: Vec<Vec<usize>> = Vec::with_capacity(count);
        let (mut done, mut ready) = (vec![false; count], Vec::new());
        for class in 0..count {
            let mut own = Vec::with_capacity(self.forms[class].len());
            for (number, &place) in self.forms[class].iter().enumerate() {
                let children = self.children(class, place);
                own.push(children.len());
                if may(class, place) {
                    children.iter().for_each(|&child| users[child].push((class, number)));
                    if children.is_empty() {
                        ready.push(class);
                    }
                }
            }
            missing.push(own);
        }
        while let Some(class) = ready.pop() {
            if std::mem::replace(&mut done[class], true) {
                continue;
            }
            for &(user, number) in &users[class] {
                missing[user][number] -= 1;
                if missing[user][number] == 0 {
                    ready.push(user);
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

    /// What no root can be computed without.
    fn find_needed(&mut self, known: &Choice) {
        self.need(self.all.roots.clone());
        let forms: usize = self.forms.iter().map(Vec::len).sum();
        let mut checks = FORMS_OF_CHECKS / forms.max(1);
        for class in (0..self.forms.len()).filter(|&class| known.users[class] > 0) {
            if self.needed[class] || checks == 0 {
                continue;
            }
            checks -= 1;
            let without = self.computable(|other, _| other != class);
            if self.all.roots.iter().any(|&root| !without[root]) {
                self.need(vec![class]);
            }
        }
    }

    /// Marks needed classes, and what all forms of one need.
    fn need(&mut self, mut stack: Vec<usize>) {
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
        // Without recursion, so that a graph may be deep.
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
