//! Applies rules until nothing new comes of them, or a limit is reached. Limits are counts, never time, so that every run
//! does the same.

use super::language::Forms;
use super::load::expand;
use super::pattern::Match;
use super::rule::{Kind, ReadRule, Refused};
use egg::Id;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// The most rounds.
const MOST_ROUNDS: usize = 24;
/// The e-graph grows to no more than so many times its first number of nodes, and this many.
const MOST_GROWTH: usize = 12;
const FREE_GROWTH: usize = 2000;

/// Why saturation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// Nothing new came.
    Saturated,
    /// The limit of rounds.
    Rounds,
    /// The limit of nodes.
    Nodes,
}

/// What saturation did.
#[derive(Clone, Debug, Serialize)]
pub struct Saturation {
    /// Nodes at first, attributes and constants included.
    pub nodes_before: usize,
    /// Nodes at last.
    pub nodes_after: usize,
    /// Classes at last.
    pub classes: usize,
    /// Rounds.
    pub rounds: usize,
    /// Why it ended.
    pub stop: Stop,
    /// How often each rule joined classes that were not one before; expansions are named `expand-OPERATOR`.
    pub firings: BTreeMap<String, usize>,
    /// How often its left side was found and a condition or the right side refused.
    pub refusals: BTreeMap<String, usize>,
}

impl Saturation {
    /// That of nothing.
    pub(super) fn none() -> Saturation {
        Saturation {
            nodes_before: 0,
            nodes_after: 0,
            classes: 0,
            rounds: 0,
            stop: Stop::Saturated,
            firings: BTreeMap::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// Adds that of another piece: rounds are those of the longest, and one that stopped early counts for all.
    pub(super) fn add(&mut self, other: &Saturation) {
        self.nodes_before += other.nodes_before;
        self.nodes_after += other.nodes_after;
        self.classes += other.classes;
        self.rounds = self.rounds.max(other.rounds);
        if other.stop != Stop::Saturated {
            self.stop = other.stop;
        }
        for (all, one) in [(&mut self.firings, &other.firings), (&mut self.refusals, &other.refusals)] {
            for (rule, count) in one {
                *all.entry(rule.clone()).or_default() += count;
            }
        }
    }
}

/// A place where a left side was found and the rule did not apply.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) rule: usize,
    pub(super) root: Id,
    pub(super) why: Refused,
}

/// The number of nodes that an e-graph of so many may grow to.
pub(super) fn most_nodes(before: usize) -> usize {
    before * MOST_GROWTH + FREE_GROWTH
}

/// The number of the step that is an expansion, behind all rules.
pub(super) fn expansion(rules: &[ReadRule]) -> u16 {
    rules.len() as u16
}

/// Saturates; gives what it did and what was refused.
pub(super) fn saturate(forms: &mut Forms, rules: &[ReadRule]) -> (Saturation, Vec<Refusal>) {
    forms.rebuild();
    let nodes_before = forms.total_number_of_nodes();
    let most = most_nodes(nodes_before);
    let mut report = Saturation { nodes_before, ..Saturation::none() };
    let mut done: HashSet<(usize, Id, Vec<Option<Id>>)> = HashSet::new();
    let mut refusals = Vec::new();
    // Spellings first, so that what is recognized is found in the one that its rule has.
    for kinds in [&[Kind::Normalize][..], &[Kind::Normalize, Kind::Explore, Kind::Recognize]] {
        report.stop = Stop::Rounds;
        while report.rounds < MOST_ROUNDS {
            report.rounds += 1;
            let before = (forms.total_number_of_nodes(), forms.number_of_classes());
            let found = search(forms, rules, kinds, &done);
            for (number, root, one) in found {
                let root = forms.find(root);
                let rule = &rules[number];
                let classes = one.classes.iter().map(|class| class.map(|class| forms.find(class))).collect();
                if !done.insert((number, root, classes)) {
                    continue;
                }
                forms.analysis.rule = Some(number as u16);
                let outcome = rule.check(forms, root, &one).and_then(|()| rule.build(forms, root, &one));
                match outcome {
                    Ok(built) => {
                        if forms.union(root, built) {
                            *report.firings.entry(rule.rule.name.into()).or_default() += 1;
                        }
                    }
                    Err(why) => {
                        *report.refusals.entry(rule.rule.name.into()).or_default() += 1;
                        refusals.push(Refusal { rule: number, root, why });
                    }
                }
                forms.analysis.rule = None;
                if forms.total_number_of_nodes() > most {
                    report.stop = Stop::Nodes;
                    break;
                }
            }
            forms.rebuild();
            if report.stop == Stop::Nodes {
                break;
            }
            if before == (forms.total_number_of_nodes(), forms.number_of_classes()) {
                report.stop = Stop::Saturated;
                break;
            }
        }
        if report.stop == Stop::Nodes {
            break;
        }
    }
    expand_all(forms, expansion(rules), &mut report);
    report.nodes_after = forms.total_number_of_nodes();
    report.classes = forms.number_of_classes();
    (report, refusals)
}

type Found = (usize, Id, Match);

fn search(
    forms: &Forms,
    rules: &[ReadRule],
    kinds: &[Kind],
    done: &HashSet<(usize, Id, Vec<Option<Id>>)>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| kinds.contains(&rule.rule.kind)) {
        for head in rule.left.heads() {
            let Some(classes) = forms.classes_for_op(&head) else { continue };
            let mut classes: Vec<Id> = classes.collect();
            classes.sort_unstable();
            for class in classes {
                let new = rule.matches(forms, class).into_iter();
                found.extend(
                    new.filter(|one| !done.contains(&(number, class, one.classes.clone())))
                        .map(|one| (number, class, one)),
                );
            }
        }
    }
    found
}

/// Adds the decomposition of every composite, and of what these are made of.
fn expand_all(forms: &mut Forms, number: u16, report: &mut Saturation) {
    let mut done = HashSet::new();
    loop {
        let mut classes: Vec<Id> = forms.classes().map(|class| class.id).collect();
        classes.sort_unstable();
        let composites: Vec<(Id, super::language::Node)> = classes
            .into_iter()
            .flat_map(|class| forms[class].nodes.iter().map(move |node| (class, node.clone())))
            .filter(|(_, node)| forms.analysis.op(node.head).is_some_and(m4c_ops::Op::is_composite))
            .filter(|(_, node)| !done.contains(node))
            .collect();
        if composites.is_empty() {
            return;
        }
        for (class, node) in composites {
            let op = forms.analysis.op(node.head).map_or("", |op| op.name);
            forms.analysis.rule = Some(number);
            if let Some(built) = expand(forms, class, &node)
                && forms.union(class, built)
            {
                *report.firings.entry(format!("expand-{op}")).or_default() += 1;
            }
            forms.analysis.rule = None;
            done.insert(node);
        }
        forms.rebuild();
    }
}
