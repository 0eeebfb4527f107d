//! Builds a graph operator by operator, computing at once what is known when compiling.

use crate::constant::Constant;
use crate::graph::{Graph, ValueId};
use crate::loops::Around;
use crate::memory::{self, Taken};
use crate::origin::Origin;
use m4c_ops::build::{Build, ScanBody, Value};
use m4c_ops::dim::Guard;
use m4c_ops::op::EvalError;
use m4c_ops::{Attrs, Data, Dim, Fact, Op, Symbols, Tensor, Violation, structural};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Results of more elements than this, and than all operands have together, are left to the program.
const FOLDED_ELEMENTS: usize = 4096;
/// Once so many elements have been computed, everything else is left to the program.
const FOLDED_IN_ALL: usize = 1 << 26;
/// Values of more axes are refused.
const MOST_AXES: usize = 32;

/// Adds to a graph. A value whose content is known becomes a node only when a node needs it.
pub struct GraphBuilder {
    pub(crate) graph: Graph,
    values: Vec<Built>,
    pub(crate) nodes: BTreeMap<ValueId, Value>,
    /// The symbols that the data decides have smaller numbers.
    pub(crate) numbered: u32,
    /// How many elements were computed so far.
    folded: usize,
    /// The memory of large known values.
    taken: Taken,
    origins: BTreeSet<Arc<Origin>>,
    /// Elements as sizes: symbols where the data decides them, and expressions of those.
    pub(crate) bound: BTreeMap<(ValueId, usize), Dim>,
    /// What became of values of graphs around, and of known ones, in the graph that is built now.
    pub(crate) local: BTreeMap<Value, ValueId>,
    /// The graphs around the one that is built, innermost last.
    pub(crate) around: Vec<Around>,
}

struct Built {
    fact: Fact,
    known: Option<Arc<Tensor>>,
    /// The node, and in how many loops it is.
    node: Option<(usize, ValueId)>,
}

impl GraphBuilder {
    /// Builds on top of `graph`.
    pub fn new(graph: Graph) -> GraphBuilder {
        GraphBuilder {
            graph,
            values: Vec::new(),
            nodes: BTreeMap::new(),
            numbered: 0,
            folded: 0,
            taken: Taken::default(),
            origins: BTreeSet::new(),
            bound: BTreeMap::new(),
            local: BTreeMap::new(),
            around: Vec::new(),
        }
    }

    /// What the nodes that follow come from.
    pub fn set_origin(&mut self, origin: Option<Arc<Origin>>) {
        self.origins = origin.into_iter().collect();
    }

    /// What the nodes that follow come from.
    pub fn set_origins(&mut self, origins: BTreeSet<Arc<Origin>>) {
        self.origins = origins;
    }

    /// Notes that a value that has a node comes from these, too.
    pub fn add_origins(&mut self, value: Value, origins: &BTreeSet<Arc<Origin>>) {
        if let Some(node) = self.placed(value) {
            self.graph.node_mut(node).origins.extend(origins.iter().cloned());
        }
    }

    /// Adds a named input.
    pub fn input(&mut self, name: &str, fact: Fact) -> Value {
        let node = self.graph.add_input(name, fact);
        self.import_node(node)
    }

    /// Adds a constant whose elements stay where they are.
    pub fn stored(&mut self, constant: Constant, fact: Fact) -> Value {
        // Where it is used does not matter, so loops around share it.
        let Some(outermost) = self.around.first_mut() else {
            let node = self.graph.add_constant(constant, fact);
            return self.import_node(node);
        };
        let node = outermost.graph.add_constant(constant, fact.clone());
        self.push(Built { fact, known: None, node: Some((0, node)) })
    }

    /// A value of the graph as a value of the builder.
    pub fn import_node(&mut self, node: ValueId) -> Value {
        if let Some(value) = self.nodes.get(&node) {
            return *value;
        }
        let fact = self.graph.fact(node).clone();
        let known = match &self.graph.node(node).kind {
            crate::NodeKind::Constant(Constant::Inline(tensor)) => Some(tensor.clone()),
            _ => None,
        };
        let value = self.push(Built { fact, known, node: Some((self.around.len(), node)) });
        self.nodes.insert(node, value);
        value
    }

    /// The node that computes a value, made now if need be.
    pub fn node(&mut self, value: Value) -> ValueId {
        if let Some(node) = self.placed(value) {
            return node;
        }
        let built = &self.values[value.0 as usize];
        if built.known.is_none() {
            return self.capture(value);
        }
        let (fact, tensor) = (built.fact.clone(), built.known.clone());
        // Only values with known content are without a node.
        let tensor = tensor.unwrap_or_else(|| Arc::new(Tensor::list_i64(Vec::new())));
        let node = match tensor.data() {
            Data::Dim(dims) => {
                let scalar = fact.rank() == 0;
                let attrs = Attrs::none().dims("sizes", dims.clone()).flag("scalar", scalar);
                let list = if scalar { fact.clone() } else { Fact::new(fact.dtype, [dims.len()]) };
                let node = self.graph.add_apply(&structural::dim::OP, &[], attrs, list);
                self.mark(node);
                if fact.rank() > 1 { self.reshaped(node, &fact) } else { node }
            }
            _ => {
                let node = self.graph.add_constant(Constant::Inline(tensor), fact);
                self.mark(node);
                node
            }
        };
        self.local.insert(value, node);
        self.nodes.insert(node, value);
        node
    }

    /// The graph that is built, or the one around so many loops.
    fn graph_at(&self, depth: usize) -> Option<&Graph> {
        match self.around.len() {
            inside if inside == depth => Some(&self.graph),
            _ => self.around.get(depth).map(|around| &around.graph),
        }
    }

    /// The node of a value in the graph that is built now.
    fn placed(&self, value: Value) -> Option<ValueId> {
        match self.values[value.0 as usize].node {
            Some((depth, node)) if depth == self.around.len() => Some(node),
            _ => self.local.get(&value).copied(),
        }
    }

    fn reshaped(&mut self, list: ValueId, to: &Fact) -> ValueId {
        let value = self.import_node(list);
        let b: &mut dyn Build = self;
        match b.reshape(value, &to.shape) {
            Ok(value) => self.node(value),
            Err(_) => list,
        }
    }

    /// Names a value as an output.
    pub fn output(&mut self, name: &str, value: Value) {
        let node = self.node(value);
        self.graph.add_output(name, node);
    }

    /// The graph so far.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The graph so far, to set ranges and the name.
    pub fn graph_mut(&mut self) -> &mut Graph {
        &mut self.graph
    }

    /// The finished graph, without what no output needs.
    pub fn finish(self) -> Graph {
        self.graph.compacted()
    }

    pub(crate) fn mark(&mut self, node: ValueId) {
        self.graph.node_mut(node).origins.extend(self.origins.iter().cloned());
    }

    fn push(&mut self, built: Built) -> Value {
        self.values.push(built);
        Value(self.values.len() as u32 - 1)
    }

    fn fold(&self, op: &'static Op, operands: &[Option<Value>], attrs: &Attrs, fact: &Fact) -> Option<FoldResult> {
        let known: Option<Vec<Option<&Tensor>>> = operands
            .iter()
            .map(|value| match value {
                Some(value) => self.values[value.0 as usize].known.as_deref().map(Some),
                None => Some(None),
            })
            .collect();
        let known = known.filter(|_| op != &structural::bind::OP)?;
        let sizes = fact.sizes()?;
        // Rows without elements take time, too.
        let mut others = sizes.iter().filter(|&&size| size != 0);
        let spread = others.try_fold(1usize, |product, &size| product.checked_mul(size))?;
        let elements = if sizes.contains(&0) { 0 } else { spread };
        let given: usize = known.iter().flatten().map(|tensor| tensor.len()).sum();
        if elements > FOLDED_ELEMENTS.max(given) || spread > FOLDED_IN_ALL.max(given) || self.folded > FOLDED_IN_ALL {
            return None;
        }
        match op.eval(&known, attrs) {
            Ok(tensor) => Some(Ok(tensor)),
            Err(EvalError::Symbolic) => None,
            Err(EvalError::Domain(what)) => Some(Err(op.refuse("domain", what))),
        }
    }
}

/// Refuses sizes that are too long to work with.
pub(crate) fn short<'d>(op: &'static Op, dims: impl Iterator<Item = &'d Dim>) -> Result<(), Violation> {
    let mut dims = dims;
    match dims.any(Dim::is_too_long) {
        true => Err(op.refuse("short-sizes", "a size is too long an expression")),
        false => Ok(()),
    }
}

type FoldResult = Result<Tensor, Violation>;

impl Build for GraphBuilder {
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation> {
        memory::check().map_err(|error| op.refuse("memory", error.to_string()))?;
        let facts: Vec<Option<&Fact>> =
            operands.iter().map(|value| value.map(|value| &self.values[value.0 as usize].fact)).collect();
        let mut assumed: Vec<Guard> = Vec::new();
        let fact = op.infer(&facts, &attrs, &self.graph.symbols, &mut assumed)?;
        if fact.rank() > MOST_AXES {
            return Err(op.refuse("axes", format!("a result of {} axes, more than {MOST_AXES}", fact.rank())));
        }
        let sides = assumed.iter().flat_map(|guard| [&guard.left, &guard.right]);
        short(op, fact.shape.iter().chain(sides))?;
        if let Some(folded) = self.fold(op, operands, &attrs, &fact) {
            let tensor = folded?;
            self.folded = self.folded.saturating_add(tensor.len());
            if let Data::Dim(dims) = tensor.data() {
                short(op, dims.iter())?;
            }
            if tensor.fact() == fact {
                return Ok(self.constant(tensor));
            }
        }
        for guard in assumed {
            self.graph.assume(guard);
        }
        let operands: Vec<Option<ValueId>> = operands.iter().map(|value| value.map(|value| self.node(value))).collect();
        let node = self.graph.add_apply(op, &operands, attrs, fact);
        self.mark(node);
        Ok(self.import_node(node))
    }

    fn constant(&mut self, tensor: Tensor) -> Value {
        if tensor.len() > FOLDED_ELEMENTS {
            let bytes = tensor.len().saturating_mul(tensor.dtype().bits().div_ceil(8));
            self.taken.join(memory::count(bytes as u64));
        }
        self.push(Built { fact: tensor.fact(), known: Some(Arc::new(tensor)), node: None })
    }

    fn reinterpreted(&mut self, value: Value, fact: Fact) -> Option<Value> {
        let built = &self.values[value.0 as usize];
        if let Some(known) = &built.known {
            let tensor = Tensor::from_bytes(fact.dtype, fact.sizes()?, &known.to_bytes()?)?;
            return Some(self.constant(tensor));
        }
        let crate::NodeKind::Constant(constant @ Constant::Stored { length, .. }) =
            &self.graph_at(built.node?.0)?.node(built.node?.1).kind
        else {
            return None;
        };
        let elements = fact.sizes()?.into_iter().try_fold(1usize, usize::checked_mul)?;
        if fact.dtype.bytes(elements)? as u64 != *length {
            return None;
        }
        let constant = constant.clone();
        Some(self.stored(constant, fact))
    }

    fn fact(&self, value: Value) -> &Fact {
        &self.values[value.0 as usize].fact
    }

    fn known(&self, value: Value) -> Option<&Tensor> {
        self.values[value.0 as usize].known.as_deref()
    }

    fn symbols(&self) -> &Symbols {
        &self.graph.symbols
    }

    fn assume(&mut self, guard: Guard) {
        self.graph.assume(guard);
    }

    fn bind(&mut self, value: Value, at: usize) -> Result<Dim, Violation> {
        self.size_of(value, at)
    }

    fn scan(
        &mut self,
        trip: Dim,
        carries: &[Value],
        rows: &[(Value, bool)],
        stacks: &[bool],
        body: &mut ScanBody<'_>,
    ) -> Result<Vec<Value>, Violation> {
        let (carried, read) = self.begin_scan(trip, carries, rows)?;
        match body(self, &carried, &read) {
            Ok((next, stacked)) => {
                let stacked: Vec<(Value, bool)> = stacked.into_iter().zip(stacks.iter().copied()).collect();
                self.end_scan(&next, &stacked)
            }
            Err(violation) => {
                self.leave_scan();
                Err(violation)
            }
        }
    }
}
