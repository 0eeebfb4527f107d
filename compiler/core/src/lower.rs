//! Makes a graph of nodes that a target takes: composites that it does not take are decomposed, what then is left over is
//! reported all at once.

mod loops;

use crate::diagnostic::{Diagnostic, Diagnostics, Location, codes};
use crate::plan::constants;
use m4c_ir::{Graph, GraphBuilder, NodeKind, Origin, ValueId, verify};
use m4c_ops::build::{Build, Value};
use m4c_ops::op::Meaning;
use m4c_ops::{Attrs, DType, Fact, Guard, Op, Symbols, Tensor, Violation, primitive, structural};
use m4c_target::{NodeView, OperandView, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most origins that one note lists.
const LISTED: usize = 8;

/// The graph in operators that the target takes. Names, ranges and guards stay; every node keeps its origins.
///
/// # Errors
/// All nodes that the target does not take in any form.
pub fn lower(graph: &Graph, target: &dyn Target) -> Result<Graph, Diagnostics> {
    let mut lowering = Lowering::new(graph, target);
    for &input in graph.inputs() {
        lowering.copy(graph, input);
    }
    lowering.nodes(graph)?;
    if let Some(diagnostic) = unsupported(&lowering.unsupported, target) {
        return Err(diagnostic.into());
    }
    for output in graph.outputs() {
        if let Some(&value) = lowering.values.get(&output.value) {
            lowering.builder.output(&output.name, value);
        }
    }
    let lowered = lowering.builder.finish();
    let broken = verify::verify(&lowered);
    if broken.is_empty() {
        return Ok(lowered);
    }
    let start = Diagnostic::bug(codes::VERIFIER, "lowering made a graph that is not well formed");
    Err(broken.iter().fold(start, |all, one| all.note(one.to_string())).into())
}

/// A builder that asks the target before it adds a node.
struct Lowering<'t> {
    builder: GraphBuilder,
    target: &'t dyn Target,
    /// What became of the values of the graph that is lowered.
    values: BTreeMap<ValueId, Value>,
    /// Values that are known when compiling.
    constants: BTreeSet<Value>,
    origins: BTreeSet<Arc<Origin>>,
    unsupported: Vec<Unsupported>,
}

struct Unsupported {
    op: &'static Op,
    node: String,
    reason: String,
    origins: BTreeSet<Arc<Origin>>,
}

impl<'t> Lowering<'t> {
    fn new(graph: &Graph, target: &'t dyn Target) -> Lowering<'t> {
        Lowering {
            builder: GraphBuilder::new(graph.empty_copy()),
            target,
            values: BTreeMap::new(),
            constants: BTreeSet::new(),
            origins: BTreeSet::new(),
            unsupported: Vec::new(),
        }
    }

    /// Takes over an input or a constant.
    fn copy(&mut self, graph: &Graph, value: ValueId) {
        let node = self.builder.graph_mut().copy_node(graph, value, &[]);
        let new = self.builder.import_node(node);
        if let NodeKind::Constant(_) = graph.node(value).kind {
            self.constants.insert(new);
        }
        self.values.insert(value, new);
    }

    /// Takes over all nodes but inputs.
    fn nodes(&mut self, graph: &Graph) -> Result<(), Diagnostics> {
        let mut results: BTreeMap<ValueId, Vec<Value>> = BTreeMap::new();
        for value in graph.order() {
            let operands = graph.operands(value).into_iter();
            let operands: Vec<Option<Value>> =
                operands.map(|operand| operand.and_then(|v| self.values.get(&v).copied())).collect();
            self.origins.clone_from(&graph.node(value).origins);
            self.builder.set_origins(self.origins.clone());
            let new = match &graph.node(value).kind {
                NodeKind::Input(_) => continue,
                NodeKind::Constant(_) => {
                    self.copy(graph, value);
                    continue;
                }
                NodeKind::Scan(scan) => {
                    match self.scan(scan, &operands) {
                        Ok(made) => results.insert(value, made),
                        Err(loops::Failure::Body(diagnostics)) => return Err(diagnostics),
                        Err(loops::Failure::Loop(violation)) => return Err(broken(value, "scan", &violation).into()),
                    };
                    continue;
                }
                NodeKind::Result(index) => {
                    let of = graph.operands(value).first().copied().flatten();
                    match of.and_then(|scan| results.get(&scan)).and_then(|results| results.get(*index)) {
                        Some(result) => *result,
                        None => continue,
                    }
                }
                NodeKind::Apply { op, attrs } => match self.apply(op, &operands, attrs.clone()) {
                    Ok(new) => new,
                    Err(violation) => return Err(broken(value, op.name, &violation).into()),
                },
            };
            self.values.insert(value, new);
        }
        Ok(())
    }

    /// The result by way of 8-bit integers, where an operand has 4 bits and the target takes that. It is the same: all
    /// integers wrap, and what fits 4 bits fits 8.
    fn in_whole_bytes(
        &mut self,
        op: &'static Op,
        operands: &[Option<Value>],
        attrs: &Attrs,
    ) -> Result<Option<Value>, Violation> {
        let eight = |dtype: DType| match dtype {
            DType::I4 => DType::I8,
            DType::U4 => DType::U8,
            other => other,
        };
        let facts: Vec<Option<Fact>> =
            operands.iter().map(|value| value.map(|value| self.builder.fact(value).clone())).collect();
        let wide: Vec<Option<Fact>> = facts
            .iter()
            .map(|fact| fact.as_ref().map(|fact| Fact { dtype: eight(fact.dtype), shape: fact.shape.clone() }))
            .collect();
        if wide == facts || op.name == primitive::cast::OP.name {
            return Ok(None);
        }
        fn known(facts: &[Option<Fact>]) -> Vec<Option<&Fact>> {
            facts.iter().map(Option::as_ref).collect()
        }
        let (symbols, unused) = (self.builder.symbols(), &mut Vec::new());
        let narrow = op.infer(&known(&facts), attrs, symbols, unused)?;
        let Ok(result) = op.infer(&known(&wide), attrs, symbols, unused) else { return Ok(None) };
        let view = |fact| OperandView { fact, constant: false };
        let node = NodeView {
            op,
            attrs,
            operands: wide.iter().map(|fact| fact.as_ref().map(view)).collect(),
            result: &result,
        };
        if !self.target.supports(&node).is_yes() {
            return Ok(None);
        }
        let mut widened = Vec::with_capacity(operands.len());
        for (operand, fact) in operands.iter().zip(&wide) {
            let both = operand.zip(fact.as_ref());
            widened.push(both.map(|(operand, fact)| (self as &mut dyn Build).cast(operand, fact.dtype)).transpose()?);
        }
        let value = self.apply(op, &widened, attrs.clone())?;
        (self as &mut dyn Build).cast(value, narrow.dtype).map(Some)
    }

    fn is_constant(&self, value: Value) -> bool {
        let known = || self.builder.known(value).is_some_and(|tensor| !tensor.is_symbolic());
        self.constants.contains(&value) || known()
    }
}

impl Build for Lowering<'_> {
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation> {
        let facts: Vec<Option<&Fact>> =
            operands.iter().map(|value| value.map(|value| self.builder.fact(value))).collect();
        let result = op.infer(&facts, &attrs, self.builder.symbols(), &mut Vec::new())?;
        if *op == structural::bind::OP {
            return self.builder.apply(op, operands, attrs);
        }
        let all_known = operands.iter().flatten().all(|&value| self.is_constant(value));
        let constant = all_known && constants::is_fixed(&attrs, &result);
        // What is known when compiling never needs a kernel.
        if !constant {
            let view =
                |value: &Value| OperandView { fact: self.builder.fact(*value), constant: self.is_constant(*value) };
            let node = NodeView {
                op,
                attrs: &attrs,
                operands: operands.iter().map(|value| value.as_ref().map(view)).collect(),
                result: &result,
            };
            let refused = self.target.supports(&node).reason().map(|reason| (node.to_string(), reason.to_owned()));
            if let Some((node, reason)) = refused {
                if let Meaning::Composite { decompose, .. } = &op.meaning {
                    return decompose(self, operands, &attrs);
                }
                if let Some(wide) = self.in_whole_bytes(op, operands, &attrs)? {
                    return Ok(wide);
                }
                let origins = self.origins.clone();
                self.unsupported.push(Unsupported { op, node, reason, origins });
            }
        }
        let value = self.builder.apply(op, operands, attrs)?;
        if constant {
            self.constants.insert(value);
        }
        Ok(value)
    }

    fn constant(&mut self, tensor: Tensor) -> Value {
        self.builder.constant(tensor)
    }

    fn fact(&self, value: Value) -> &Fact {
        self.builder.fact(value)
    }

    fn known(&self, value: Value) -> Option<&Tensor> {
        self.builder.known(value)
    }

    fn symbols(&self) -> &Symbols {
        self.builder.symbols()
    }

    fn assume(&mut self, guard: Guard) {
        self.builder.assume(guard);
    }
}

/// One error for all nodes: nodes with one operator and one reason share a note.
fn unsupported(nodes: &[Unsupported], target: &dyn Target) -> Option<Diagnostic> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Unsupported>> = BTreeMap::new();
    for node in nodes {
        groups.entry((node.op.name, &node.reason)).or_default().push(node);
    }
    let (first, count) = (nodes.first()?, nodes.len());
    let are = if count == 1 { "node is" } else { "nodes are" };
    let message = format!("{count} {are} not supported by target `{}`", target.profile().id);
    let mut diagnostic = Diagnostic::error(codes::TARGET_UNSUPPORTED, message);
    if first.origins.is_empty() {
        diagnostic = diagnostic.note(format!("the first is {}", first.node));
    }
    for ((op, reason), nodes) in groups {
        let count = nodes.len();
        let times = if count == 1 { String::new() } else { format!(", {count} nodes") };
        let mut lines = vec![format!("`{op}`{times}: {reason}")];
        for node in nodes.iter().take(LISTED) {
            let origins: Vec<String> = node.origins.iter().map(ToString::to_string).collect();
            let from = if origins.is_empty() { String::new() } else { format!(", from {}", origins.join(", ")) };
            lines.push(format!("{}{from}", node.node));
        }
        if count > LISTED {
            lines.push(format!("and {} more", count - LISTED));
        }
        diagnostic = diagnostic.note(lines.join("\n"));
    }
    Some(diagnostic)
}

fn broken(value: ValueId, op: &'static str, violation: &Violation) -> Diagnostic {
    let message = format!("lowering `{op}` failed: {violation}");
    Diagnostic::bug(codes::VERIFIER, message).at(Location::value(value.0, op))
}
