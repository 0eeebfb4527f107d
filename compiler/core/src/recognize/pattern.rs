//! Patterns of operators as text, and how they are found in a graph.
//!
//! `?x` is any value and `$e` any number that is known when compiling; a name that stands twice means the same one
//! twice. `0.5` is that number as `f32`. `(add A B)` is an operator, in either order where it commutes, `c=(sub A B)`
//! names its result, `{A B}` is the first of several, and a word without a sign is a part that the rule defines.

use m4c_ir::{Constant, Graph, NodeKind, ValueId};
use m4c_ops::DType;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers further apart than the rounding of `f32` are different numbers.
const ROUNDING: f64 = 1.2e-7;
/// Operators that commute.
const COMMUTATIVE: &[&str] = &["add", "mul", "max", "min", "equal"];

/// What a value may look like.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Pattern {
    /// Any value.
    Any(String),
    /// A known number.
    Known(String),
    /// This number.
    Number(f64),
    /// An operator.
    Apply {
        /// The name of its result.
        name: Option<String>,
        op: String,
        operands: Vec<Pattern>,
    },
    /// The first of several.
    Either(Vec<Pattern>),
}

/// A place in a graph that looks like a pattern.
#[derive(Clone, Default, Debug)]
pub(super) struct Match {
    values: BTreeMap<String, ValueId>,
    numbers: BTreeMap<String, f64>,
    /// The operators that the pattern spells out.
    pub(super) inside: BTreeSet<ValueId>,
}

impl Match {
    /// The value that a name stands for.
    pub(super) fn value(&self, name: &str) -> Option<ValueId> {
        self.values.get(name).copied()
    }

    /// The number that a name stands for.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    fn named(mut self, name: &str, value: ValueId) -> Option<Match> {
        match self.values.insert(name.to_owned(), value) {
            Some(other) if other != value => None,
            _ => Some(self),
        }
    }
}

impl Pattern {
    /// Reads a pattern whose parts are defined.
    pub(super) fn parse(text: &str, parts: &[(&str, &str)]) -> Option<Pattern> {
        let spaced =
            ["(", ")", "{", "}"].iter().fold(text.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut words = words.as_slice();
        let pattern = parse(&mut words, parts)?;
        words.is_empty().then_some(pattern)
    }

    /// Every way in which a value looks like this, the most specific first.
    pub(super) fn matches(&self, graph: &Graph, value: ValueId, so_far: &Match) -> Vec<Match> {
        match self {
            Pattern::Any(name) => so_far.clone().named(name, value).into_iter().collect(),
            Pattern::Known(name) => {
                let Some(number) = number(graph, value) else { return Vec::new() };
                let mut found = so_far.clone();
                match found.numbers.insert(name.clone(), number) {
                    Some(other) if other.to_bits() != number.to_bits() => Vec::new(),
                    _ => vec![found],
                }
            }
            Pattern::Number(wanted) => {
                let same =
                    number(graph, value).is_some_and(|number| (number - wanted).abs() <= ROUNDING * wanted.abs());
                if same { vec![so_far.clone()] } else { Vec::new() }
            }
            Pattern::Either(all) => all.iter().flat_map(|one| one.matches(graph, value, so_far)).collect(),
            Pattern::Apply { name, op, operands } => {
                let NodeKind::Apply { op: found, .. } = &graph.node(value).kind else { return Vec::new() };
                let given: Option<Vec<ValueId>> = graph.operands(value).into_iter().collect();
                let Some(given) = given.filter(|given| found.name == op && given.len() == operands.len()) else {
                    return Vec::new();
                };
                let mut start = so_far.clone();
                start.inside.insert(value);
                let start = match name {
                    Some(name) => start.named(name, value),
                    None => Some(start),
                };
                let Some(start) = start else { return Vec::new() };
                let mut orders = vec![given.clone()];
                if COMMUTATIVE.contains(&op.as_str()) && given.first() != given.last() {
                    orders.push(given.into_iter().rev().collect());
                }
                let in_order = |order: Vec<ValueId>| {
                    let pairs = operands.iter().zip(order);
                    pairs.fold(vec![start.clone()], |found, (pattern, operand)| {
                        found.iter().flat_map(|found| pattern.matches(graph, operand, found)).collect()
                    })
                };
                orders.into_iter().flat_map(in_order).collect()
            }
        }
    }

    /// The names of its operators with their numbers of operands.
    #[cfg(test)]
    pub(super) fn operators(&self) -> Vec<(&str, usize)> {
        match self {
            Pattern::Any(_) | Pattern::Known(_) | Pattern::Number(_) => Vec::new(),
            Pattern::Either(all) => all.iter().flat_map(Pattern::operators).collect(),
            Pattern::Apply { op, operands, .. } => {
                let inner = operands.iter().flat_map(Pattern::operators);
                [(op.as_str(), operands.len())].into_iter().chain(inner).collect()
            }
        }
    }
}

fn parse(words: &mut &[&str], parts: &[(&str, &str)]) -> Option<Pattern> {
    let (&first, rest) = words.split_first()?;
    *words = rest;
    match first {
        "{" => Some(Pattern::Either(until("}", words, parts)?)),
        "(" => apply(None, words, parts),
        _ if first.starts_with('?') => Some(Pattern::Any(first[1..].to_owned())),
        _ if first.starts_with('$') => Some(Pattern::Known(first[1..].to_owned())),
        _ if first.ends_with('=') => {
            let (&open, rest) = words.split_first()?;
            *words = rest;
            (open == "(").then_some(())?;
            apply(Some(first.trim_end_matches('=').to_owned()), words, parts)
        }
        _ => match parts.iter().find(|(name, _)| *name == first) {
            Some((_, text)) => Pattern::parse(text, parts),
            None => first.parse().ok().map(Pattern::Number),
        },
    }
}

fn apply(name: Option<String>, words: &mut &[&str], parts: &[(&str, &str)]) -> Option<Pattern> {
    let (&op, rest) = words.split_first()?;
    *words = rest;
    Some(Pattern::Apply { name, op: op.to_owned(), operands: until(")", words, parts)? })
}

fn until(end: &str, words: &mut &[&str], parts: &[(&str, &str)]) -> Option<Vec<Pattern>> {
    let mut all = Vec::new();
    while *words.first()? != end {
        all.push(parse(words, parts)?);
    }
    *words = &words[1..];
    Some(all)
}

/// A constant of one real number.
fn number(graph: &Graph, value: ValueId) -> Option<f64> {
    let NodeKind::Constant(constant) = &graph.node(value).kind else { return None };
    let fact = graph.fact(value);
    if fact.dtype != DType::F32 || !fact.elements().is(1) {
        return None;
    }
    elements(graph, value, constant)?.first().copied()
}

/// The elements of a constant that is small enough to be looked at.
pub(super) fn known(graph: &Graph, value: ValueId) -> Option<Vec<f64>> {
    const MOST: i64 = 1 << 16;
    let NodeKind::Constant(constant) = &graph.node(value).kind else { return None };
    graph.fact(value).elements().as_i64().filter(|count| *count <= MOST)?;
    elements(graph, value, constant)
}

fn elements(graph: &Graph, value: ValueId, constant: &Constant) -> Option<Vec<f64>> {
    constant.load(graph.fact(value))?.as_f64s()
}
