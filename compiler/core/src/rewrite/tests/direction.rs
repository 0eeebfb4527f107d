//! Where rules lead: normalization never to something more costly and never round in a circle, recognition to something
//! cheaper.

use super::random::Random;
use super::sample::{Sample, sample};
use super::soundness::read;
use crate::rewrite::builder::Builder;
use crate::rewrite::language::{Binders, Forms, Head, known};
use crate::rewrite::load::Loaded;
use crate::rewrite::rule::{Kind, Place, ReadRule};
use crate::rewrite::rules::all;
use crate::rewrite::template::applied;
use crate::rewrite::{Saturated, Saturation, Smallest};
use egg::Id;
use m4c_ir::Graph;
use m4c_ops::Binding;
use std::collections::{BTreeMap, BTreeSet};

/// Samples of a rule at most.
const TRIALS: usize = 150_000;
/// Samples that must have shown something.
const ENOUGH: usize = 30;
/// Sums of costs are equal within this.
const EQUAL: f64 = 1e-15;
/// A left side has at most a dozen operators, and a normalization leaves as many or fewer in another order.
const MOST_TERMS: usize = 300;

/// Shows samples on which the conditions of a rule hold, until it is enough of those that count.
pub(super) fn where_applied(
    rule: &ReadRule,
    see: &mut dyn FnMut(Sample) -> Result<bool, String>,
) -> Result<(), String> {
    let mut random = Random::new(rule.rule.name.bytes().map(u64::from).sum::<u64>() + 3);
    let mut count = 0;
    for _ in 0..TRIALS {
        let Some(sample) = sample(rule, &mut random) else { continue };
        let found = !rule.left.matches(&sample.forms, sample.place.roots[0], rule.names.len()).is_empty();
        let holds = match rule.rule.kind {
            // What reads them is no part of a sample.
            Kind::Merge => rule.given.iter().all(|one| one.holds(&sample.forms, &sample.place.found)),
            _ => rule.check(&sample.forms, &sample.place.found).is_ok(),
        };
        if found && holds {
            count += usize::from(see(sample)?);
        }
        if count == ENOUGH {
            return Ok(());
        }
    }
    Err(format!("only {count} samples show anything"))
}

/// What everything costs that a class of one form is computed of, each value once.
fn cost(all: &Saturated, class: Id) -> f64 {
    let (mut seen, mut stack, mut sum) = (BTreeSet::new(), vec![class], 0.0);
    while let Some(class) = stack.pop() {
        if seen.insert(class) {
            for node in &all.loaded.forms[class].nodes {
                sum += all.price(class, node, &Smallest);
                stack.extend(&node.children);
            }
        }
    }
    sum
}

/// Whether a rule leads where its kind says.
pub(super) fn directed(rule: &ReadRule) -> Result<(), String> {
    where_applied(rule, &mut |Sample { mut forms, place }| {
        let Ok(built) = rule.build(&mut forms, &place) else { return Ok(false) };
        let (root, built) = (place.roots[0], built[0]);
        // Nothing is saved where a part is computed when compiling.
        let constant = |&class: &Id| known(&forms, class).is_some_and(|known| known.constant);
        if rule.rule.kind == Kind::Recognize && place.found.inside.iter().any(constant) {
            return Ok(false);
        }
        let loaded = Loaded { forms, classes: BTreeMap::new(), binders: Binders::new() };
        let (graph, sizes, report) = (Graph::new("sample"), Binding::new(), Saturation::none());
        let all = Saturated { graph, loaded, sizes, bodies: Vec::new(), report, refusals: Vec::new() };
        let (left, right) = (cost(&all, root), cost(&all, built));
        let fits = match rule.rule.kind {
            Kind::Normalize => right <= left + EQUAL,
            Kind::Recognize => right < left - EQUAL,
            Kind::Explore | Kind::Merge | Kind::Expand => true,
        };
        let say = |class| spelled(&all.loaded.forms, class);
        if fits { Ok(true) } else { Err(format!("{left:e} for {}\n{right:e} for {}", say(root), say(built))) }
    })
}

/// A term as text.
fn spelled(forms: &Forms, class: Id) -> String {
    let Some(known) = known(forms, class) else { return String::from("…") };
    let node = &forms[class].nodes[0];
    match forms.analysis.op(node.head) {
        Some(op) => {
            let operands: Vec<String> = node.children.iter().map(|&child| spelled(forms, child)).collect();
            format!("({} {}) : {}", op.name, operands.join(" "), known.fact)
        }
        None if known.constant => format!("constant {}", known.fact),
        None => format!("input {}", known.fact),
    }
}

/// A term with another form of one value, everywhere.
fn replaced(forms: &mut Forms, class: Id, from: Id, to: Id, done: &mut BTreeMap<Id, Id>) -> Option<Id> {
    if class == from {
        return Some(to);
    }
    if let Some(&known) = done.get(&class) {
        return Some(known);
    }
    let node = forms[class].nodes[0].clone();
    let op = forms.analysis.op(node.head);
    let mut children = Vec::with_capacity(node.children.len());
    for &child in &node.children {
        children.push(replaced(forms, child, from, to, done)?);
    }
    let made = match op {
        Some(op) if children != node.children => applied(&mut Builder::new(forms), op, &children)?,
        _ => class,
    };
    done.insert(class, made);
    Some(made)
}

/// The values that a term is computed of, itself included.
fn values(forms: &Forms, term: Id) -> BTreeSet<Id> {
    let (mut seen, mut stack) = (BTreeSet::new(), vec![term]);
    while let Some(class) = stack.pop() {
        if matches!(forms[class].nodes[0].head, Head::Apply(_)) && seen.insert(class) {
            stack.extend(&forms[class].nodes[0].children);
        }
    }
    seen
}

/// The terms that one application of a rule makes of a term, with the rule.
fn next(forms: &mut Forms, term: Id, rules: &[ReadRule]) -> Vec<(Id, &'static str)> {
    let mut all = Vec::new();
    for class in values(forms, term) {
        for rule in rules {
            for found in rule.left.matches(forms, class, rule.names.len()) {
                if rule.check(forms, &found).is_ok()
                    && let Ok(built) = rule.build(forms, &Place { roots: vec![class], found })
                    && let Some(made) = replaced(forms, term, class, built[0], &mut BTreeMap::new())
                    && made != term
                {
                    all.push((made, rule.rule.name));
                }
            }
        }
    }
    all
}

/// Whether every way of applying rules to a term comes to an end, where what is found is replaced.
///
/// An e-graph that is saturated does not show this: rules that undo each other add nothing to it.
pub(super) fn ends(forms: &mut Forms, term: Id, rules: &[ReadRule]) -> Result<(), String> {
    let mut done = BTreeSet::new();
    let mut way = vec![(term, "", next(forms, term, rules))];
    while let Some((term, _, rest)) = way.last_mut() {
        let term = *term;
        let Some((made, rule)) = rest.pop() else {
            done.insert(term);
            way.pop();
            continue;
        };
        let names = |from: usize| {
            let names: Vec<&str> = way[from..].iter().map(|(_, name, _)| *name).chain([rule]).collect();
            names.join(", ")
        };
        if let Some(place) = way.iter().position(|(other, ..)| *other == made) {
            return Err(format!("{} lead back to {}", names(place + 1), spelled(forms, made)));
        }
        if way.len() + done.len() > MOST_TERMS {
            return Err(format!("{} … go on without end", names(way.len().saturating_sub(8))));
        }
        if !done.contains(&made) {
            let next = next(forms, made, rules);
            way.push((made, rule, next));
        }
    }
    Ok(())
}

#[test]
fn rules_lead_where_their_kind_says() {
    let mut wrong = Vec::new();
    for rule in all() {
        if let Err(how) = directed(&read(rule)) {
            wrong.push(format!("`{}` is not of kind {}:\n{how}", rule.name, rule.kind.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn normalization_ends() {
    let rules: Vec<ReadRule> = all().filter(|rule| rule.kind == Kind::Normalize).map(read).collect();
    let mut wrong = Vec::new();
    for rule in all() {
        let ended = where_applied(&read(rule), &mut |mut sample| {
            let mut roots = sample.place.roots.iter();
            roots.try_for_each(|&root| ends(&mut sample.forms, root, &rules)).map(|()| true)
        });
        if let Err(how) = ended {
            wrong.push(format!("from a sample of `{}`: {how}", rule.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
