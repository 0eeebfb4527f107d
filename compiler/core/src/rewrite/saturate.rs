//! Applies rules until nothing new comes of them, or a limit is reached. Limits are counts, never time, so that every run
//! does the same.

use super::language::Forms;
use super::load::expand;
use super::rule::{Kind, Place, ReadRule, Refused};
use egg::Id;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// The most rounds.
const MOST_ROUNDS: usize = 24;
/// The e-graph grows to no more than so many times its first number of nodes, and this many.
const MOST_GROWTH: usize = 12;
const FREE_GROWTH: usize = 2000;

/// Spellings first, so that what is recognized is found in the one that its rule has.
const ORDER: [&[Kind]; 2] = [&[Kind::Normalize], &[Kind::Normalize, Kind::Explore, Kind::Recognize]];

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
    let mut applied = Applied::default();
    for kinds in ORDER {
        report.stop = Stop::Rounds;
        while report.rounds < MOST_ROUNDS {
            report.rounds += 1;
            let before = (forms.total_number_of_nodes(), forms.number_of_classes());
            let found = search(forms, rules, kinds, &applied.done);
            if !applied.apply(forms, rules, found, most, &mut report) {
                report.stop = Stop::Nodes;
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
    // Once, since what is merged could be merged again with its own parts.
    let found = search(forms, rules, &[Kind::Merge], &applied.done);
    if report.stop != Stop::Nodes && !applied.apply(forms, rules, found, most, &mut report) {
        report.stop = Stop::Nodes;
    }
    forms.rebuild();
    expand_all(forms, expansion(rules), &mut report);
    report.nodes_after = forms.total_number_of_nodes();
    report.classes = forms.number_of_classes();
    (report, applied.refusals)
}

/// A rule, the classes of what it found, and those of its names.
type Seen = (usize, Vec<Id>, Vec<Option<Id>>);
type Done = HashSet<Seen>;

fn seen(number: usize, place: &Place, canonical: impl Fn(Id) -> Id) -> Seen {
    let classes = place.found.classes.iter().map(|class| class.map(&canonical)).collect();
    (number, place.roots.iter().map(|&root| canonical(root)).collect(), classes)
}

/// What was applied, and what was refused.
#[derive(Default)]
struct Applied {
    done: Done,
    refusals: Vec<Refusal>,
}

impl Applied {
    /// Applies rules where their left sides were found; whether there is room for more.
    fn apply(
        &mut self,
        forms: &mut Forms,
        rules: &[ReadRule],
        found: Vec<(usize, Place)>,
        most: usize,
        report: &mut Saturation,
    ) -> bool {
        // To count nodes takes a look at every class; within a round they are those at first and those that were made.
        let (before, made) = (forms.total_number_of_nodes(), forms.analysis.made.len());
        for (number, mut place) in found {
            let rule = &rules[number];
            place.roots.iter_mut().for_each(|root| *root = forms.find(*root));
            if !self.done.insert(seen(number, &place, |class| forms.find(class))) {
                continue;
            }
            forms.analysis.rule = Some(number as u16);
            match rule.check(forms, &place.found).and_then(|()| rule.build(forms, &place)) {
                Ok(built) => {
                    for (&root, built) in place.roots.iter().zip(built) {
                        if forms.union(root, built) {
                            *report.firings.entry(rule.rule.name.into()).or_default() += 1;
                        }
                    }
                }
                Err(why) => {
                    *report.refusals.entry(rule.rule.name.into()).or_default() += 1;
                    let refused = place.roots.iter().map(|&root| Refusal { rule: number, root, why: why.clone() });
                    self.refusals.extend(refused);
                }
            }
            forms.analysis.rule = None;
            if before + forms.analysis.made.len() - made > most {
                return false;
            }
        }
        true
    }
}

fn search(forms: &Forms, rules: &[ReadRule], kinds: &[Kind], done: &Done) -> Vec<(usize, Place)> {
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| kinds.contains(&rule.rule.kind)) {
        let places = rule.places(forms).into_iter();
        let new = places.filter(|place| !done.contains(&seen(number, place, |class| class)));
        found.extend(new.map(|place| (number, place)));
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
