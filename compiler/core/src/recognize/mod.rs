//! Finds composites that exporters spell out, so that a target can take them whole.
//!
//! The rules are a table; each names what is found, what it looks like, and how the composite is built of the parts. A
//! rule applies only where nothing else uses what lies inside, where the composite has the same type and sizes, and
//! where it needs no assumption about sizes that the graph does not make already. Only `f32` is looked at: a composite
//! of a narrower type rounds once where its parts round each.

mod attention;
mod norm;
mod pattern;
mod rules;

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_ir::{Graph, GraphBuilder, NodeKind, Scan, ValueId, verify};
use m4c_ops::DType;
use m4c_ops::build::{Build, Value};
use pattern::{Match, Pattern};
use rules::{RULES, Rule};
use std::collections::{BTreeMap, BTreeSet};

/// The graph with composites in place of their parts. Names, ranges and guards stay.
///
/// # Errors
/// Where a rule makes a graph that is not well formed, which is a bug.
pub fn recognize(graph: &Graph) -> Result<Graph, Diagnostics> {
    let mut graph = graph.clone();
    for rule in RULES {
        if let Some(rewritten) = rewrite(&graph, rule) {
            graph = rewritten;
        }
    }
    let broken = verify::verify(&graph);
    if broken.is_empty() {
        return Ok(graph);
    }
    let start = Diagnostic::bug(codes::VERIFIER, "recognizing composites made a graph that is not well formed");
    Err(broken.iter().fold(start, |all, one| all.note(one.to_string())).into())
}

/// The graph with one rule applied wherever it holds; `None` where it holds nowhere.
fn rewrite(graph: &Graph, rule: &Rule) -> Option<Graph> {
    let patterns: Vec<Pattern> = rule.patterns.iter().filter_map(|text| Pattern::parse(text, rule.parts)).collect();
    let found = places(graph, &patterns);
    let bodies: BTreeMap<ValueId, Graph> = graph
        .order()
        .into_iter()
        .filter_map(|value| match &graph.node(value).kind {
            NodeKind::Scan(scan) => Some((value, rewrite(&scan.body, rule)?)),
            _ => None,
        })
        .collect();
    if found.is_empty() && bodies.is_empty() {
        return None;
    }
    let mut builder = GraphBuilder::new(graph.empty_copy());
    let mut values: BTreeMap<ValueId, Value> = BTreeMap::new();
    for &input in graph.inputs() {
        let node = builder.graph_mut().copy_node(graph, input, &[]);
        values.insert(input, builder.import_node(node));
    }
    for value in graph.order() {
        if let NodeKind::Input(_) = graph.node(value).kind {
            continue;
        }
        let built = found.get(&value).and_then(|ways| {
            ways.iter().find_map(|found| {
                Site { graph, root: value, found, builder: &mut builder, values: &values }.build(rule)
            })
        });
        let new = match built {
            Some(built) => built,
            None => {
                let operands = graph.operands(value).into_iter();
                let operands: Vec<Option<ValueId>> =
                    operands.map(|operand| operand.map(|operand| builder.node(values[&operand]))).collect();
                let node = builder.graph_mut().copy_node(graph, value, &operands);
                if let (Some(body), NodeKind::Scan(scan)) = (bodies.get(&value), &graph.node(value).kind) {
                    let scan = Scan { body: body.clone(), ..(**scan).clone() };
                    builder.graph_mut().node_mut(node).kind = NodeKind::Scan(Box::new(scan));
                }
                builder.import_node(node)
            }
        };
        values.insert(value, new);
    }
    for output in graph.outputs() {
        builder.output(&output.name, values[&output.value]);
    }
    Some(builder.finish())
}

/// Where patterns are found, each place with its ways in order. From the end, so that the longest spelling is found;
/// what it spells out is no part of another.
fn places(graph: &Graph, patterns: &[Pattern]) -> BTreeMap<ValueId, Vec<Match>> {
    let outputs: BTreeSet<ValueId> = graph.outputs().iter().map(|output| output.value).collect();
    let (mut found, mut taken) = (BTreeMap::new(), BTreeSet::<ValueId>::new());
    for root in graph.order().into_iter().rev() {
        let alone = |place: &Match| {
            place.inside.iter().all(|&inner| {
                !taken.contains(&inner)
                    && graph.fact(inner).dtype == DType::F32
                    && (inner == root
                        || !outputs.contains(&inner)
                            && graph.users(inner).iter().all(|user| place.inside.contains(user)))
            })
        };
        let ways = patterns.iter().flat_map(|pattern| pattern.matches(graph, root, &Match::default()));
        let ways: Vec<Match> = ways.filter(alone).collect();
        if let Some(first) = ways.first() {
            taken.extend(&first.inside);
            found.insert(root, ways);
        }
    }
    found
}

/// A place where a composite is built.
struct Site<'a> {
    graph: &'a Graph,
    /// The value that the composite replaces.
    root: ValueId,
    found: &'a Match,
    builder: &'a mut GraphBuilder,
    values: &'a BTreeMap<ValueId, Value>,
}

impl Site<'_> {
    /// What a name of the pattern stands for, in the graph that is built.
    fn value(&self, name: &str) -> Option<Value> {
        self.values.get(&self.found.value(name)?).copied()
    }

    /// The node that a name of the pattern stands for.
    fn node(&self, name: &str) -> Option<ValueId> {
        self.found.value(name)
    }

    /// Builds the composite, unless it has another fact or needs a guard.
    fn build(mut self, rule: &Rule) -> Option<Value> {
        let origins = self.found.inside.iter().flat_map(|&inner| self.graph.node(inner).origins.iter().cloned());
        self.builder.set_origins(origins.collect());
        let guards = self.builder.graph().guards.len();
        let built = (rule.build)(&mut self, rule.op);
        let unguarded = self.builder.graph().guards.len() == guards;
        self.builder.graph_mut().guards.truncate(guards);
        built.filter(|&built| unguarded && self.builder.fact(built) == self.graph.fact(self.root))
    }
}

#[cfg(test)]
mod tests;
