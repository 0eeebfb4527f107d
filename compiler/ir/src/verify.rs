//! Holds a graph to its invariants. A violation is a bug of whoever changed the graph last.

use crate::graph::{Graph, NodeKind, ValueId};
use m4c_ops::dim::Guard;
use m4c_ops::{Dim, Fact};
use std::collections::BTreeSet;
use std::fmt;

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The value, where one is to blame.
    pub value: Option<ValueId>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(f, "%{}: {}", value.0, self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// All broken invariants; none for a sound graph.
pub fn verify(graph: &Graph) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut report = |value: Option<ValueId>, what: String| broken.push(Broken { value, what });
    let order = graph.order();
    if order.len() != graph.len() {
        report(None, format!("{} of {} nodes lie on a cycle", graph.len() - order.len(), graph.len()));
    }
    let mut names = BTreeSet::new();
    for &input in graph.inputs() {
        if !names.insert(graph.input_name(input)) {
            report(Some(input), format!("a second input named `{}`", graph.input_name(input)));
        }
    }
    let mut names = BTreeSet::new();
    for output in graph.outputs() {
        if !graph.contains(output.value) {
            report(Some(output.value), format!("output `{}` is no value of the graph", output.name));
        }
        if !names.insert(&output.name) {
            report(None, format!("a second output named `{}`", output.name));
        }
    }
    for (symbol, range) in &graph.ranges {
        if range.step < 1 || range.low < 0 || range.high.is_some_and(|high| high < range.low) {
            report(None, format!("the range of `{symbol}` is empty or negative"));
        }
    }
    let mut bound = BTreeSet::new();
    for value in order {
        if let Some(symbol) = graph.node(value).kind.bound_symbol()
            && !bound.insert(symbol.clone())
        {
            report(Some(value), format!("`{symbol}` is bound twice"));
        }
        match &graph.node(value).kind {
            NodeKind::Input(_) => {}
            NodeKind::Constant(constant) => {
                let fact = graph.fact(value);
                let bytes = fact.sizes().and_then(|sizes| fact.dtype.bytes(sizes.iter().product()));
                let sound = match constant {
                    crate::Constant::Inline(tensor) => tensor.fact() == *fact && !tensor.is_symbolic(),
                    stored => stored.stored_bytes().map(<[u8]>::len) == bytes,
                };
                if !sound {
                    report(Some(value), format!("the constant's elements are not those of {fact}"));
                }
            }
            NodeKind::Scan(scan) => {
                let operands: Option<Vec<&Fact>> =
                    graph.operands(value).into_iter().map(|v| v.map(|v| graph.fact(v))).collect();
                let wrong = operands.map_or(Some("an operand is absent".into()), |facts| {
                    scan.check(&facts, &|a, b| a == b || graph.guards.contains(&Guard::equal(a, b)))
                });
                if let Some(what) = wrong {
                    report(Some(value), what);
                }
                // Guards of the whole graph hold in the body.
                let mut body = scan.body.clone();
                body.guards.clone_from(&graph.guards);
                for inner in verify(&body) {
                    report(Some(value), format!("in the body, {inner}"));
                }
            }
            NodeKind::Result(index) => {
                let of = graph.operands(value).first().copied().flatten();
                let fact = match of.map(|scan| &graph.node(scan).kind) {
                    Some(NodeKind::Scan(scan)) => scan.results().into_iter().nth(*index),
                    _ => None,
                };
                if fact.as_ref() != Some(graph.fact(value)) {
                    report(Some(value), format!("result {index} of no scan that gives {}", graph.fact(value)));
                }
            }
            NodeKind::Apply { op, attrs } => {
                let operands = graph.operands(value);
                let facts: Vec<Option<&Fact>> = operands.iter().map(|v| v.map(|v| graph.fact(v))).collect();
                let mut assumed: Vec<Guard> = Vec::new();
                match op.infer(&facts, attrs, &graph.symbols, &mut assumed) {
                    Err(violation) => report(Some(value), violation.to_string()),
                    Ok(fact) if !same(graph, &fact, graph.fact(value)) => {
                        report(Some(value), format!("`{}` gives {fact}, not {}", op.name, graph.fact(value)));
                    }
                    Ok(_) => {
                        if let Some(guard) = assumed.iter().find(|guard| !graph.guards.contains(*guard)) {
                            report(Some(value), format!("`{}` relies on {guard}, which is no guard", op.name));
                        }
                    }
                }
            }
        }
    }
    broken
}

fn same(graph: &Graph, a: &Fact, b: &Fact) -> bool {
    let equal = |(a, b): (&Dim, &Dim)| a == b || graph.guards.contains(&Guard::equal(a, b));
    a.dtype == b.dtype && a.rank() == b.rank() && a.shape.iter().zip(&b.shape).all(equal)
}
