//! The graph: values computed from values, in the order of their dependencies.

use crate::constant::Constant;
use crate::origin::Origin;
use crate::scan::{self, Scan};
use indexmap::IndexSet;
use m4c_ops::dim::Guard;
use m4c_ops::{Attrs, Dim, Fact, Op, Symbols, structural};
use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

/// A value of a graph: the result of the node with the same number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ValueId(pub u32);

/// A directed acyclic graph of operators over named inputs and outputs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The program's name.
    pub name: String,
    /// The symbols of all sizes.
    pub symbols: Symbols,
    /// What values each symbol may have; a symbol that is not listed may have any.
    pub ranges: BTreeMap<String, Range>,
    /// What must hold of sizes.
    pub guards: IndexSet<Guard>,
    nodes: StableDiGraph<Node, Edge>,
    /// Which node gives a symbol its value, where no input does.
    binders: BTreeMap<String, ValueId>,
    inputs: Vec<ValueId>,
    outputs: Vec<Output>,
}

/// The values that a symbol may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The smallest.
    pub low: i64,
    /// The largest, where there is one.
    pub high: Option<i64>,
    /// The distance of neighbors, counted from the smallest.
    pub step: i64,
}

impl Default for Range {
    fn default() -> Range {
        Range { low: 0, high: None, step: 1 }
    }
}

impl Range {
    /// Whether the symbol may have this value.
    pub fn contains(&self, value: i64) -> bool {
        value >= self.low && self.high.is_none_or(|high| value <= high) && (value - self.low) % self.step.max(1) == 0
    }
}

/// A node and what is known of its result.
#[derive(Clone, Debug)]
pub struct Node {
    /// What the node is.
    pub kind: NodeKind,
    /// Type and sizes of the result.
    pub fact: Fact,
    /// The nodes of the user's model that it came from.
    pub origins: BTreeSet<Arc<Origin>>,
    arity: usize,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A named input of the graph.
    Input(String),
    /// A constant.
    Constant(Constant),
    /// An operator applied to other values.
    Apply {
        /// The operator.
        op: &'static Op,
        /// Its attributes.
        attrs: Attrs,
    },
    /// A loop over a graph of its own. It has no value; its results have nodes.
    Scan(Box<Scan>),
    /// A result of the scan that is its operand.
    Result(usize),
}

impl NodeKind {
    /// The symbol that a bind gives a value to.
    pub fn bound_symbol(&self) -> Option<String> {
        match self {
            NodeKind::Apply { op, attrs } if *op == &structural::bind::OP => {
                attrs.get_dims("size").first().and_then(Dim::as_symbol)
            }
            _ => None,
        }
    }

    /// The symbols that it mentions, but for one that it gives a value to.
    fn symbols(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        match self {
            NodeKind::Apply { .. } if self.bound_symbol().is_some() => {}
            NodeKind::Apply { attrs, .. } => {
                // Collects; the attributes stay as they are.
                let _ = attrs.map_dims(&mut |dim| {
                    names.extend(dim.symbols());
                    Some(dim.clone())
                });
            }
            NodeKind::Scan(scan) => names.extend(scan.symbols()),
            NodeKind::Input(_) | NodeKind::Constant(_) | NodeKind::Result(_) => {}
        }
        names
    }
}

/// A named output of the graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// Name in the user's model.
    pub name: String,
    /// The value.
    pub value: ValueId,
}

/// What a node needs another for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Edge {
    /// As the operand of this number.
    Operand(usize),
    /// To give a value to a symbol of its sizes.
    Size,
}

impl Scan {
    /// The symbols that the loop and its body mention.
    pub fn symbols(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.trip.symbols().into_iter().collect();
        for node in self.body.nodes.node_weights() {
            names.extend(node.fact.shape.iter().flat_map(Dim::symbols));
            names.extend(node.kind.symbols());
        }
        names
    }
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Graph {
        Graph { name: name.into(), ..Graph::default() }
    }

    /// Adds a named input.
    pub fn add_input(&mut self, name: impl Into<String>, fact: Fact) -> ValueId {
        let value = self.add(NodeKind::Input(name.into()), fact, &[]);
        self.inputs.push(value);
        value
    }

    /// Adds a constant.
    pub fn add_constant(&mut self, constant: Constant, fact: Fact) -> ValueId {
        self.add(NodeKind::Constant(constant), fact, &[])
    }

    /// Adds an application whose fact has been inferred.
    pub fn add_apply(&mut self, op: &'static Op, operands: &[Option<ValueId>], attrs: Attrs, fact: Fact) -> ValueId {
        self.add(NodeKind::Apply { op, attrs }, fact, operands)
    }

    /// Adds a loop and its results, in order.
    pub fn add_scan(&mut self, scan: Scan, operands: &[Option<ValueId>]) -> Vec<ValueId> {
        let facts = scan.results();
        let node = self.add_scan_alone(scan, operands);
        let results = facts.into_iter().enumerate();
        results.map(|(index, fact)| self.add(NodeKind::Result(index), fact, &[Some(node)])).collect()
    }

    /// Adds a loop without its results.
    pub fn add_scan_alone(&mut self, scan: Scan, operands: &[Option<ValueId>]) -> ValueId {
        self.add(NodeKind::Scan(Box::new(scan)), scan::no_value(), operands)
    }

    /// Adds a result of a loop.
    pub fn add_result(&mut self, scan: ValueId, index: usize, fact: Fact) -> ValueId {
        self.add(NodeKind::Result(index), fact, &[Some(scan)])
    }

    /// Adds a named output.
    pub fn add_output(&mut self, name: impl Into<String>, value: ValueId) {
        self.outputs.push(Output { name: name.into(), value });
    }

    fn add(&mut self, kind: NodeKind, fact: Fact, operands: &[Option<ValueId>]) -> ValueId {
        let mut sources: BTreeSet<ValueId> = BTreeSet::new();
        if !self.binders.is_empty() {
            let mut names = fact.shape.iter().flat_map(Dim::symbols).collect::<BTreeSet<String>>();
            names.extend(kind.symbols());
            sources.extend(names.iter().filter_map(|name| self.binders.get(name)));
        }
        let bound = kind.bound_symbol();
        let node = Node { kind, fact, origins: BTreeSet::new(), arity: operands.len() };
        let index = self.nodes.add_node(node);
        for source in sources {
            self.nodes.add_edge(NodeIndex::new(source.0 as usize), index, Edge::Size);
        }
        if let Some(symbol) = bound {
            self.binders.entry(symbol).or_insert(ValueId(index.index() as u32));
        }
        for (slot, operand) in operands.iter().enumerate() {
            if let Some(operand) = operand {
                self.nodes.add_edge(NodeIndex::new(operand.0 as usize), index, Edge::Operand(slot));
            }
        }
        ValueId(index.index() as u32)
    }

    /// The inputs in order.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The outputs in order.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// The node that computes a value.
    ///
    /// # Panics
    /// Where the value is not of this graph.
    pub fn node(&self, value: ValueId) -> &Node {
        &self.nodes[NodeIndex::new(value.0 as usize)]
    }

    /// The node that computes a value.
    ///
    /// # Panics
    /// Where the value is not of this graph.
    pub fn node_mut(&mut self, value: ValueId) -> &mut Node {
        &mut self.nodes[NodeIndex::new(value.0 as usize)]
    }

    /// Whether the value is of this graph.
    pub fn contains(&self, value: ValueId) -> bool {
        self.nodes.contains_node(NodeIndex::new(value.0 as usize))
    }

    /// What is known of a value.
    ///
    /// # Panics
    /// Where the value is not of this graph.
    pub fn fact(&self, value: ValueId) -> &Fact {
        &self.node(value).fact
    }

    /// The name of an input.
    pub fn input_name(&self, value: ValueId) -> &str {
        if let NodeKind::Input(name) = &self.node(value).kind { name } else { "" }
    }

    /// The operands of a node, `None` where an optional one is absent.
    pub fn operands(&self, value: ValueId) -> Vec<Option<ValueId>> {
        let index = NodeIndex::new(value.0 as usize);
        let mut operands = vec![None; self.node(value).arity];
        for edge in self.nodes.edges_directed(index, Direction::Incoming) {
            if let Edge::Operand(slot) = *edge.weight() {
                operands[slot] = Some(ValueId(edge.source().index() as u32));
            }
        }
        operands
    }

    /// The nodes that give values to symbols of a node's sizes and attributes.
    pub fn size_sources(&self, value: ValueId) -> Vec<ValueId> {
        let edges = self.nodes.edges_directed(NodeIndex::new(value.0 as usize), Direction::Incoming);
        let sources = edges.filter(|edge| *edge.weight() == Edge::Size);
        sources.map(|edge| ValueId(edge.source().index() as u32)).collect()
    }

    /// The symbols that no input determines, with the nodes that do.
    pub fn binders(&self) -> &BTreeMap<String, ValueId> {
        &self.binders
    }

    /// The values that have this one as an operand, each once, in rising order.
    pub fn users(&self, value: ValueId) -> Vec<ValueId> {
        let index = NodeIndex::new(value.0 as usize);
        let users: BTreeSet<ValueId> = self
            .nodes
            .edges_directed(index, Direction::Outgoing)
            .map(|edge| ValueId(edge.target().index() as u32))
            .collect();
        users.into_iter().collect()
    }

    /// All values, each after its operands, otherwise in the order in which they were added.
    ///
    /// Values on a cycle are left out; the verifier refuses graphs that have one.
    pub fn order(&self) -> Vec<ValueId> {
        let mut missing: BTreeMap<NodeIndex, usize> = self
            .nodes
            .node_indices()
            .map(|node| (node, self.nodes.edges_directed(node, Direction::Incoming).count()))
            .collect();
        let ready = missing.iter().filter(|(_, count)| **count == 0).map(|(node, _)| Reverse(*node));
        let mut ready: BinaryHeap<Reverse<NodeIndex>> = ready.collect();
        let mut order = Vec::with_capacity(missing.len());
        while let Some(Reverse(node)) = ready.pop() {
            order.push(ValueId(node.index() as u32));
            for edge in self.nodes.edges_directed(node, Direction::Outgoing) {
                if let Some(count) = missing.get_mut(&edge.target()) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(Reverse(edge.target()));
                    }
                }
            }
        }
        order
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.node_count()
    }

    /// The number of operators: inputs and constants are not counted.
    pub fn operator_count(&self) -> usize {
        let count = |node: &Node| match &node.kind {
            NodeKind::Apply { .. } => 1,
            NodeKind::Scan(scan) => scan.body.operator_count(),
            NodeKind::Input(_) | NodeKind::Constant(_) | NodeKind::Result(_) => 0,
        };
        self.nodes.node_weights().map(count).sum()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that the graph relies on `guard`, once.
    pub fn assume(&mut self, guard: Guard) {
        if guard.known() != Some(true) {
            self.guards.insert(guard);
        }
    }

    /// The graph without the nodes that no output needs. Inputs stay. Values are numbered anew, in order.
    pub fn compacted(&self) -> Graph {
        let mut needed: BTreeSet<ValueId> = self.inputs.iter().copied().collect();
        let mut stack: Vec<ValueId> = self.outputs.iter().map(|output| output.value).collect();
        while let Some(value) = stack.pop() {
            if needed.insert(value) {
                stack.extend(self.operands(value).into_iter().flatten());
                stack.extend(self.size_sources(value));
            }
        }
        let mut result = self.empty_copy();
        let mut new: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        // Inputs keep their order whatever the order of their numbers is.
        for &input in &self.inputs {
            let value = result.copy_node(self, input, &[]);
            new.insert(input, value);
        }
        for value in self.order() {
            if needed.contains(&value) && !new.contains_key(&value) {
                let operands: Vec<Option<ValueId>> = self
                    .operands(value)
                    .into_iter()
                    .map(|operand| operand.and_then(|v| new.get(&v).copied()))
                    .collect();
                new.insert(value, result.copy_node(self, value, &operands));
            }
        }
        for output in &self.outputs {
            if let Some(value) = new.get(&output.value) {
                result.add_output(output.name.clone(), *value);
            }
        }
        // What nobody needs any more gives no value to its symbol.
        let gone = |name: &String| self.binders.contains_key(name) && !result.binders.contains_key(name);
        let all = |guard: &Guard| [guard.left.symbols(), guard.right.symbols()].concat();
        let guards = self.guards.iter().filter(|guard| !all(guard).iter().any(&gone)).cloned().collect();
        let ranges = self.ranges.iter().filter(|(name, _)| !gone(name)).map(|(name, range)| (name.clone(), *range));
        let ranges = ranges.collect();
        (result.guards, result.ranges) = (guards, ranges);
        result
    }

    /// A graph with the same name, symbols, ranges and guards, and no nodes.
    pub fn empty_copy(&self) -> Graph {
        Graph {
            name: self.name.clone(),
            symbols: self.symbols.clone(),
            ranges: self.ranges.clone(),
            guards: self.guards.clone(),
            ..Graph::default()
        }
    }

    /// Copies a node of another graph, with other operands.
    pub fn copy_node(&mut self, from: &Graph, value: ValueId, operands: &[Option<ValueId>]) -> ValueId {
        let node = from.node(value);
        let new = self.add(node.kind.clone(), node.fact.clone(), operands);
        self.node_mut(new).origins = node.origins.clone();
        if let NodeKind::Input(_) = node.kind {
            self.inputs.push(new);
        }
        new
    }

    /// The number of arithmetic operations of one run.
    pub fn flops(&self) -> Dim {
        let mut sum = Dim::from(0);
        for value in self.order() {
            if let NodeKind::Scan(scan) = &self.node(value).kind {
                sum = sum + scan.trip.clone() * scan.body.flops();
            }
            if let NodeKind::Apply { op, attrs } = &self.node(value).kind {
                let operands = self.operands(value);
                let facts: Vec<Option<&Fact>> = operands.iter().map(|v| v.map(|v| self.fact(v))).collect();
                sum = sum + op.work(&facts, attrs, self.fact(value));
            }
        }
        sum
    }
}
