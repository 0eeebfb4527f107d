//! Binds given dimensions, unifies equal ones, folds and shares what is known.

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::import::broken;
use crate::project::DimSetting;
use m4c_ir::graph::NodeKind;
use m4c_ir::{Constant, Graph, GraphBuilder, Identity, Node, Range, Scan, ValueId};
use m4c_ops::build::{Build, Value};
use m4c_ops::dim::{Guard, GuardKind};
use m4c_ops::{Dim, Symbols, Violation};
use std::collections::BTreeMap;

/// The graph with `settings` applied and everything inferred anew, and warnings about settings.
///
/// # Errors
/// Where a setting names no dimension or contradicts the model.
pub fn facts(graph: &Graph, settings: &[DimSetting]) -> Result<(Graph, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let mut ranges = ranges(graph, settings, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let (replace, symbols) = replacements(graph, &mut ranges, &mut diagnostics);
    let mut empty = Graph::new(graph.name.clone());
    (empty.symbols, empty.ranges) = (symbols, ranges);
    let result = rebuild(graph, &replace, empty, &mut diagnostics);
    if !diagnostics.has_errors() {
        broken(&result, &mut diagnostics);
    }
    diagnostics.finish(result)
}

/// The ranges of the model's symbols, narrowed by settings and guards.
fn ranges(graph: &Graph, settings: &[DimSetting], diagnostics: &mut Diagnostics) -> BTreeMap<String, Range> {
    let mut ranges = graph.ranges.clone();
    for setting in settings {
        let Some(range) = ranges.get_mut(&setting.name) else {
            let known: Vec<&str> = graph.ranges.keys().map(String::as_str).collect();
            let message = format!("program `{}` has no dimension `{}`", graph.name, setting.name);
            let help = if known.is_empty() {
                "all sizes of its inputs are fixed".to_string()
            } else {
                format!("its dimensions are {}", known.join(", "))
            };
            diagnostics.push(Diagnostic::error(codes::DIM_UNKNOWN, message).help(help));
            continue;
        };
        *range = setting.range;
    }
    for guard in &graph.guards {
        if let (GuardKind::AtMost, Some(symbol), Some(bound)) =
            (guard.kind, guard.left.as_symbol(), guard.right.as_i64())
            && let Some(range) = ranges.get_mut(&symbol)
        {
            if range.low > bound {
                let message = format!("`{symbol}` is at least {}, but the model relies on {guard}", range.low);
                diagnostics
                    .push(Diagnostic::error(codes::DIM_OUT_OF_RANGE, message).help(format!("give at most {bound}")));
                continue;
            }
            if range.high.is_some_and(|high| high > bound) {
                let message = format!("`{symbol}` can be at most {bound}: the model relies on {guard}");
                diagnostics.push(Diagnostic::warning(codes::DIM_OUT_OF_RANGE, message));
            }
            range.high = Some(range.high.map_or(bound, |high| high.min(bound)));
        }
    }
    ranges
}

/// What each symbol becomes: a number where only one is possible, the size that a guard says it equals, or itself in a
/// set of symbols that knows the ranges.
fn replacements(
    graph: &Graph,
    ranges: &mut BTreeMap<String, Range>,
    diagnostics: &mut Diagnostics,
) -> (BTreeMap<String, Dim>, Symbols) {
    let mut equal: BTreeMap<String, Dim> = BTreeMap::new();
    for (symbol, range) in ranges.iter() {
        // What the data decides is checked while running, so its symbol stays.
        if range.high == Some(range.low) && !graph.binders().contains_key(symbol) {
            equal.insert(symbol.clone(), Dim::from(range.low));
        }
    }
    for guard in graph.guards.iter().filter(|guard| guard.kind == GuardKind::Equal) {
        let (left, right) = (resolve(&guard.left, &equal), resolve(&guard.right, &equal));
        if [&left, &right].iter().any(|dim| dim.symbols().iter().any(|name| graph.binders().contains_key(name))) {
            continue;
        }
        let Some((symbol, size)) = eliminated(&left, &right) else { continue };
        if let Some(other) = size.as_symbol() {
            let merged = intersect(ranges.get(&symbol), ranges.get(&other));
            match merged {
                Some(range) => {
                    ranges.insert(other, range);
                }
                None => {
                    let message = format!("the model relies on {guard}, but their ranges have no value in common");
                    diagnostics.push(Diagnostic::error(codes::DIMENSION_CONFLICT, message));
                }
            }
        } else if let (Some(value), Some(range)) = (size.as_i64(), ranges.get(&symbol))
            && !range.contains(value)
        {
            let message = format!("`{symbol}` may not be {value}, but the model relies on {guard}");
            diagnostics
                .push(Diagnostic::error(codes::DIM_OUT_OF_RANGE, message).help(format!("give {symbol}={value}")));
        }
        equal.insert(symbol, size);
    }
    let symbols = Symbols::default();
    let mut fresh: BTreeMap<String, Dim> = BTreeMap::new();
    for (symbol, range) in ranges.iter().filter(|(symbol, _)| !equal.contains_key(*symbol)) {
        symbols.limit(symbol, range.low, range.high);
        fresh.insert(symbol.clone(), symbols.get(symbol));
    }
    let mut replace = fresh.clone();
    for (symbol, size) in &equal {
        replace.insert(symbol.clone(), resolve(size, &equal).substitute(&fresh));
    }
    ranges.retain(|symbol, _| fresh.contains_key(symbol));
    (replace, symbols)
}

/// Follows replacements to their end; `eliminated` never makes a circle.
fn resolve(dim: &Dim, equal: &BTreeMap<String, Dim>) -> Dim {
    let mut dim = dim.clone();
    for _ in 0..=equal.len() {
        if !dim.symbols().iter().any(|symbol| equal.contains_key(symbol)) {
            break;
        }
        dim = dim.substitute(equal);
    }
    dim
}

/// Which symbol an equation replaces, and by what: the later name by the earlier one, or a symbol by a size without it.
fn eliminated(left: &Dim, right: &Dim) -> Option<(String, Dim)> {
    match (left.as_symbol(), right.as_symbol()) {
        (Some(a), Some(b)) if a == b => None,
        (Some(a), Some(b)) if a < b => Some((b, left.clone())),
        (Some(a), _) if !right.symbols().contains(&a) => Some((a, right.clone())),
        (_, Some(b)) if !left.symbols().contains(&b) => Some((b, left.clone())),
        _ => None,
    }
}

fn intersect(a: Option<&Range>, b: Option<&Range>) -> Option<Range> {
    let (a, b) = (a.copied().unwrap_or_default(), b.copied().unwrap_or_default());
    let (coarse, fine) = if a.step >= b.step { (a, b) } else { (b, a) };
    let high = [a.high, b.high].into_iter().flatten().min();
    // Only nested steps are merged; of others the coarser is kept, and the guard is still checked.
    let low = (coarse.low..).step_by(usize::try_from(coarse.step).ok()?).find(|value| *value >= fine.low)?;
    (high.is_none_or(|high| low <= high)).then_some(Range { low, high, step: coarse.step })
}

fn rebuild(graph: &Graph, replace: &BTreeMap<String, Dim>, empty: Graph, diagnostics: &mut Diagnostics) -> Graph {
    let mut builder = GraphBuilder::new(empty);
    for original in &graph.guards {
        let guard = Guard {
            kind: original.kind,
            left: original.left.substitute(replace),
            right: original.right.substitute(replace),
        };
        if guard.known() == Some(false) {
            let message = format!("the model relies on {original}, which the given dimensions break");
            diagnostics.push(
                Diagnostic::error(codes::GUARD_IMPOSSIBLE, message)
                    .help("give other dimensions, or none, to keep them open"),
            );
        }
        builder.assume(guard);
    }
    if diagnostics.has_errors() {
        return builder.finish();
    }
    let mut values: BTreeMap<ValueId, Value> = BTreeMap::new();
    for &input in graph.inputs() {
        let fact = graph.fact(input).substitute(replace);
        values.insert(input, builder.input(graph.input_name(input), fact));
    }
    let mut rebuild =
        Rebuild { builder, replace: replace.clone(), shared: BTreeMap::new(), constants: BTreeMap::new(), diagnostics };
    if !rebuild.nodes(graph, &mut values) {
        return graph.empty_copy();
    }
    let Rebuild { mut builder, replace, diagnostics, .. } = rebuild;
    for output in graph.outputs() {
        if let Some(value) = values.get(&output.value) {
            builder.output(&output.name, *value);
        }
    }
    settle(builder.graph_mut(), &replace, diagnostics);
    builder.finish()
}

/// A graph that is built anew.
struct Rebuild<'d> {
    builder: GraphBuilder,
    replace: BTreeMap<String, Dim>,
    shared: BTreeMap<String, Value>,
    constants: BTreeMap<(String, Identity), Value>,
    diagnostics: &'d mut Diagnostics,
}

impl Rebuild<'_> {
    /// Builds all nodes but inputs; false where one is refused, which is reported.
    fn nodes(&mut self, graph: &Graph, values: &mut BTreeMap<ValueId, Value>) -> bool {
        let mut results: BTreeMap<ValueId, Vec<Value>> = BTreeMap::new();
        for value in graph.order() {
            let node = graph.node(value);
            let operands: Vec<Option<Value>> = graph
                .operands(value)
                .into_iter()
                .map(|operand| operand.and_then(|v| values.get(&v).copied()))
                .collect();
            let new = match &node.kind {
                NodeKind::Input(_) => continue,
                NodeKind::Constant(constant) => {
                    let builder = &mut self.builder;
                    let mut add = || match constant {
                        Constant::Inline(tensor) => builder.constant((**tensor).clone()),
                        stored => builder.stored(stored.clone(), node.fact.clone()),
                    };
                    match constant.identity() {
                        Some(identity) => *self.constants.entry((node.fact.to_string(), identity)).or_insert_with(add),
                        None => add(),
                    }
                }
                NodeKind::Scan(scan) => {
                    self.builder.set_origins(node.origins.clone());
                    match self.scan(scan, &operands) {
                        Some(Ok(made)) => {
                            results.insert(value, made);
                            continue;
                        }
                        Some(Err(violation)) => {
                            self.refused(&violation, node);
                            return false;
                        }
                        None => return false,
                    }
                }
                NodeKind::Result(index) => {
                    let of = graph.operands(value).first().copied().flatten();
                    match of.and_then(|scan| results.get(&scan)).and_then(|results| results.get(*index)) {
                        Some(result) => *result,
                        None => continue,
                    }
                }
                NodeKind::Apply { op, attrs } => {
                    if let (Some(symbol), Some(&Some(of))) = (node.kind.bound_symbol(), operands.first())
                        && let Some(size) = self.builder.known(of).and_then(m4c_ops::Tensor::as_dim)
                    {
                        // With the given dimensions it is known when compiling.
                        self.replace.insert(symbol, size);
                        values.insert(value, of);
                        continue;
                    }
                    let attrs = attrs.substitute(&self.replace);
                    let key = format!("{} {operands:?} {attrs}", op.name);
                    if let Some(same) = self.shared.get(&key) {
                        self.builder.add_origins(*same, &node.origins);
                        values.insert(value, *same);
                        continue;
                    }
                    self.builder.set_origins(node.origins.clone());
                    match self.builder.apply(op, &operands, attrs) {
                        Ok(new) => {
                            self.shared.insert(key, new);
                            new
                        }
                        Err(violation) => {
                            self.refused(&violation, node);
                            return false;
                        }
                    }
                }
            };
            values.insert(value, new);
        }
        true
    }

    /// The results of a loop; `None` where its body is refused, which is reported.
    fn scan(&mut self, scan: &Scan, operands: &[Option<Value>]) -> Option<Result<Vec<Value>, Violation>> {
        let operands: Vec<Value> = operands.iter().copied().collect::<Option<_>>()?;
        let captured = scan.carries + scan.rows.len();
        let (given, rest) = operands.split_at_checked(captured)?;
        let (carries, read) = given.split_at_checked(scan.carries)?;
        let read: Vec<(Value, bool)> = read.iter().copied().zip(scan.rows.iter().copied()).collect();
        let trip = scan.trip.substitute(&self.replace);
        let (carried, rows) = match self.builder.begin_scan(trip, carries, &read) {
            Ok(begun) => begun,
            Err(violation) => return Some(Err(violation)),
        };
        let inside = carried.iter().chain(&rows).chain(rest).copied();
        let mut values: BTreeMap<ValueId, Value> = scan.body.inputs().iter().copied().zip(inside).collect();
        // What is shared inside the body is no value outside.
        let outside = self.shared.clone();
        let constants = self.constants.clone();
        let built = self.nodes(&scan.body, &mut values);
        (self.shared, self.constants) = (outside, constants);
        let outputs: Option<Vec<Value>> =
            scan.body.outputs().iter().map(|output| values.get(&output.value).copied()).collect();
        let Some(outputs) = outputs.filter(|_| built) else {
            self.builder.leave_scan();
            return None;
        };
        let (next, stacked) = outputs.split_at_checked(scan.carries)?;
        let stacked: Vec<(Value, bool)> = stacked.iter().copied().zip(scan.stacks.iter().copied()).collect();
        Some(self.builder.end_scan(next, &stacked))
    }

    fn refused(&mut self, violation: &Violation, node: &Node) {
        let start = Diagnostic::error(codes::SHAPE_INFERENCE, violation.to_string())
            .help("give dimensions that the model accepts");
        let diagnostic = node.origins.iter().fold(start, |all, origin| all.note(format!("at {origin}")));
        self.diagnostics.push(diagnostic);
    }
}

/// Guards over symbols whose values turned out to be known.
fn settle(graph: &mut Graph, replace: &BTreeMap<String, Dim>, diagnostics: &mut Diagnostics) {
    for guard in std::mem::take(&mut graph.guards) {
        let (left, right) = (guard.left.substitute(replace), guard.right.substitute(replace));
        let settled = Guard { kind: guard.kind, left, right };
        if settled.known() == Some(false) {
            let message = format!("the model relies on {guard}, which the given dimensions break");
            diagnostics.push(Diagnostic::error(codes::GUARD_IMPOSSIBLE, message));
        }
        graph.assume(settled);
    }
    let known: Vec<String> = graph
        .ranges
        .keys()
        .filter(|name| replace.get(*name).is_some_and(|size| size.as_symbol().as_ref() != Some(name)))
        .cloned()
        .collect();
    known.iter().for_each(|name| {
        graph.ranges.remove(name);
    });
}
