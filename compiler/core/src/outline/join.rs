//! Puts rewritten pieces together: the rest in its order, every occurrence of a block where it is needed.

use super::blocks::Block;
use super::constant_of;
use super::looks::Sequence;
use super::rest::Rest;
use m4c_ir::{Constant, Graph, GraphBuilder, Identity, Node, NodeKind, Origin, ValueId};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Fact, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of the pieces.
pub(super) struct Rewritten {
    pub(super) rest: Graph,
    pub(super) blocks: Vec<Graph>,
}

/// The whole graph; `None` where pieces need each other or say something that holds for one occurrence only.
pub(super) fn join(
    graph: &Graph,
    sequence: &Sequence,
    blocks: &[Block],
    rest: &Rest,
    rewritten: &Rewritten,
) -> Option<Graph> {
    let plans = blocks.iter().zip(&rewritten.blocks);
    let plans: Vec<Plan> = plans.map(|(block, made)| Plan::of(graph, sequence, block, made)).collect::<Option<_>>()?;
    let mut whole = GraphBuilder::new(rewritten.rest.empty_copy());
    for guard in rewritten.blocks.iter().flat_map(|made| &made.guards) {
        if !graph.guards.contains(guard) {
            whole.assume(guard.clone());
        }
    }
    let (mut placed, mut values, mut outside) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (own, others) = rewritten.rest.inputs().split_at_checked(graph.inputs().len())?;
    for (&input, &original) in own.iter().zip(graph.inputs()) {
        let new = whole.graph_mut().copy_node(&rewritten.rest, input, &[]);
        placed.insert(input, new);
        values.insert(original, new);
    }
    outside.extend(others.iter().copied().zip(rest.inputs.iter().copied()));
    let (done, once, constants) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    let plans = &plans;
    let mut join =
        Join { graph, sequence, rest, rewritten, plans, whole, placed, values, outside, done, once, constants };
    for value in rewritten.rest.order() {
        join.place(Part::Rest(value))?;
    }
    for (number, plan) in plans.iter().enumerate() {
        (0..plan.block.starts.len()).try_for_each(|occurrence| join.place(Part::Occurrence(number, occurrence)))?;
    }
    for output in graph.outputs() {
        let value = join.value(output.value)?;
        join.whole.graph_mut().add_output(output.name.clone(), value);
    }
    Some(join.whole.finish())
}

/// A rewritten block, ready to be put in place.
struct Plan<'a> {
    block: &'a Block,
    made: &'a Graph,
    order: Vec<ValueId>,
    /// Which of the origins each node has.
    origins: BTreeMap<ValueId, usize>,
    /// Origins of rewritten nodes, and the nodes of the block that they come from.
    sets: Vec<(BTreeSet<Arc<Origin>>, Vec<usize>)>,
    /// For each constant those of all occurrences.
    weights: BTreeMap<ValueId, &'a [ValueId]>,
    /// What is computed only of what all occurrences share: once for all.
    shared: BTreeSet<ValueId>,
}

impl<'a> Plan<'a> {
    fn of(graph: &Graph, sequence: &Sequence, block: &'a Block, made: &'a Graph) -> Option<Plan<'a>> {
        let start = *block.starts.first()?;
        let mut places: BTreeMap<&Arc<Origin>, Vec<usize>> = BTreeMap::new();
        let of = |place: usize| &graph.node(sequence.nodes[start + place]).origins;
        for place in 0..block.nodes {
            of(place).iter().for_each(|origin| places.entry(origin).or_default().push(place));
        }
        let order = made.order();
        let same = |(_, values): &(_, &Vec<ValueId>)| values.iter().all(|value| *value == values[0]);
        let mut shared: BTreeSet<ValueId> =
            made.inputs().iter().zip(&block.inputs).filter(same).map(|(&input, _)| input).collect();
        let (mut origins, mut sets, mut weights) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut numbers: BTreeMap<&BTreeSet<Arc<Origin>>, usize> = BTreeMap::new();
        for &value in &order {
            let node = made.node(value);
            match &node.kind {
                // Nothing that is rewritten this way makes loops, whose constants are elsewhere.
                NodeKind::Scan(_) => return None,
                NodeKind::Constant(constant) => match block.weights(constant)? {
                    Some(values) => {
                        if values.iter().all(|value| *value == values[0]) {
                            shared.insert(value);
                        }
                        weights.insert(value, values);
                    }
                    None => {
                        shared.insert(value);
                    }
                },
                NodeKind::Apply { .. } => {
                    let fixed = made.operands(value).iter().flatten().all(|operand| shared.contains(operand));
                    if fixed && node.kind.bound_symbol().is_none() && made.size_sources(value).is_empty() {
                        shared.insert(value);
                    }
                }
                NodeKind::Input(_) | NodeKind::Result(_) => {}
            }
            let number = *numbers.entry(&node.origins).or_insert(sets.len());
            if number == sets.len() {
                let near = node.origins.iter().filter_map(|origin| places.get(origin)).flatten().copied();
                let near: BTreeSet<usize> = near.collect();
                // What it replaces has no other origins; where all have some, it is a part of them.
                let whole: Vec<usize> = near.iter().copied().filter(|&p| of(p).is_subset(&node.origins)).collect();
                sets.push((node.origins.clone(), if whole.is_empty() { near.into_iter().collect() } else { whole }));
            }
            origins.insert(value, number);
        }
        Some(Plan { block, made, order, origins, sets, weights, shared })
    }

    /// The origins of each set in an occurrence.
    fn origins(&self, graph: &Graph, sequence: &Sequence, occurrence: usize) -> Vec<BTreeSet<Arc<Origin>>> {
        let start = self.block.starts[occurrence];
        let own = |(first, places): &(BTreeSet<Arc<Origin>>, Vec<usize>)| {
            if occurrence == 0 || places.is_empty() {
                return first.clone();
            }
            let nodes = places.iter().map(|place| graph.node(sequence.nodes[start + place]));
            nodes.flat_map(|node| node.origins.iter().cloned()).collect()
        };
        self.sets.iter().map(own).collect()
    }
}

/// What is put in place at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A node of the rest.
    Rest(ValueId),
    /// An occurrence of a block.
    Occurrence(usize, usize),
}

struct Join<'a> {
    graph: &'a Graph,
    sequence: &'a Sequence,
    rest: &'a Rest,
    rewritten: &'a Rewritten,
    plans: &'a [Plan<'a>],
    whole: GraphBuilder,
    /// What became of values of the rest.
    placed: BTreeMap<ValueId, ValueId>,
    /// What became of inputs of the graph and of outputs of occurrences.
    values: BTreeMap<ValueId, ValueId>,
    /// Inputs of the rest that are values of blocks.
    outside: BTreeMap<ValueId, ValueId>,
    /// Occurrences in place.
    done: BTreeSet<(usize, usize)>,
    /// Nodes of the rest, and those of blocks that all occurrences share, by operator, attributes and operands.
    once: BTreeMap<(&'static str, String, Vec<Option<ValueId>>), ValueId>,
    constants: BTreeMap<(String, Identity), ValueId>,
}

impl Join<'_> {
    /// Puts a part in place after all that it needs; `None` where it needs itself.
    fn place(&mut self, part: Part) -> Option<()> {
        let (mut stack, mut begun) = (vec![part], BTreeSet::new());
        while let Some(&part) = stack.last() {
            if self.is_placed(part) {
                stack.pop();
                continue;
            }
            let needed = self.needed(part)?;
            if needed.is_empty() {
                match part {
                    Part::Rest(value) => self.node(value)?,
                    Part::Occurrence(number, occurrence) => self.occurrence(number, occurrence)?,
                }
            } else {
                begun.insert(part).then_some(())?;
                stack.extend(needed.into_iter().rev());
            }
        }
        Some(())
    }

    fn is_placed(&self, part: Part) -> bool {
        match part {
            Part::Rest(value) => self.placed.contains_key(&value),
            Part::Occurrence(number, occurrence) => self.done.contains(&(number, occurrence)),
        }
    }

    /// What must be in place before a part.
    fn needed(&self, part: Part) -> Option<Vec<Part>> {
        let parts: Vec<Part> = match part {
            Part::Rest(value) => match self.outside.get(&value) {
                Some(&original) => vec![self.part(original)?],
                None => {
                    let rest = &self.rewritten.rest;
                    rest.operands(value).into_iter().flatten().chain(rest.size_sources(value)).map(Part::Rest).collect()
                }
            },
            Part::Occurrence(number, occurrence) => {
                let inputs = self.plans[number].block.inputs.iter().map(|values| values[occurrence]);
                let open = inputs.filter(|value| !self.values.contains_key(value));
                open.map(|value| self.part(value)).collect::<Option<_>>()?
            }
        };
        Some(parts.into_iter().filter(|&part| !self.is_placed(part)).collect())
    }

    /// The part that makes a value of the graph.
    fn part(&self, original: ValueId) -> Option<Part> {
        if let Some((number, occurrence)) = self.rest.owner(self.sequence, original) {
            return Some(Part::Occurrence(number, occurrence));
        }
        let output = self.rewritten.rest.outputs().get(*self.rest.outputs.get(&original)?)?;
        Some(Part::Rest(output.value))
    }

    /// What became of an input of the graph, or of a value that goes from piece to piece.
    fn value(&self, original: ValueId) -> Option<ValueId> {
        match self.values.get(&original) {
            Some(&value) => Some(value),
            None => match self.part(original)? {
                Part::Rest(value) => self.placed.get(&value).copied(),
                Part::Occurrence(..) => None,
            },
        }
    }

    /// A node of the rest.
    fn node(&mut self, value: ValueId) -> Option<()> {
        let rest = &self.rewritten.rest;
        let new = match (&rest.node(value).kind, self.outside.get(&value)) {
            (_, Some(&original)) => self.value(original)?,
            (NodeKind::Constant(constant), None) => self.given(constant, rest.node(value)),
            _ => {
                let operand = |operand: Option<ValueId>| operand.map(|operand| self.placed.get(&operand).copied());
                let operands: Vec<Option<ValueId>> =
                    rest.operands(value).into_iter().map(|of| operand(of).flatten()).collect();
                self.once(rest, value, operands, &rest.node(value).origins)
            }
        };
        self.placed.insert(value, new);
        Some(())
    }

    /// All nodes of an occurrence.
    fn occurrence(&mut self, number: usize, occurrence: usize) -> Option<()> {
        let plan = &self.plans[number];
        let mut new: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        for (&input, values) in plan.made.inputs().iter().zip(&plan.block.inputs) {
            new.insert(input, self.value(*values.get(occurrence)?)?);
        }
        let origins = plan.origins(self.graph, self.sequence, occurrence);
        for &value in &plan.order {
            let made = match &plan.made.node(value).kind {
                NodeKind::Input(_) => continue,
                NodeKind::Constant(constant) => match plan.weights.get(&value) {
                    None => self.given(constant, plan.made.node(value)),
                    Some(values) => {
                        let original = *values.get(occurrence)?;
                        let constant = sized(constant_of(self.graph, original)?, plan.made.fact(value))?;
                        let origins = &self.graph.node(original).origins;
                        self.constant(constant, plan.made.fact(value), origins)
                    }
                },
                _ => {
                    let operands = plan.made.operands(value).into_iter();
                    let operands: Vec<Option<ValueId>> =
                        operands.map(|operand| operand.and_then(|operand| new.get(&operand).copied())).collect();
                    let origins = origins.get(*plan.origins.get(&value)?)?;
                    if plan.shared.contains(&value) {
                        self.once(plan.made, value, operands, origins)
                    } else {
                        self.computed(&operands, plan.made.node(value), origins).unwrap_or_else(|| {
                            let graph = self.whole.graph_mut();
                            let made = graph.copy_node(plan.made, value, &operands);
                            graph.node_mut(made).origins.clone_from(origins);
                            made
                        })
                    }
                }
            };
            new.insert(value, made);
        }
        let start = *plan.block.starts.get(occurrence)?;
        for (output, place) in plan.made.outputs().iter().zip(&plan.block.outputs) {
            self.values.insert(*self.sequence.nodes.get(start + place)?, *new.get(&output.value)?);
        }
        self.done.insert((number, occurrence));
        Some(())
    }

    /// A node that may be there already: in another occurrence, block or the rest.
    fn once(
        &mut self,
        from: &Graph,
        value: ValueId,
        operands: Vec<Option<ValueId>>,
        origins: &BTreeSet<Arc<Origin>>,
    ) -> ValueId {
        let graph = self.whole.graph_mut();
        let kind = &from.node(value).kind;
        let key = match kind {
            NodeKind::Apply { op, attrs } if kind.bound_symbol().is_none() && from.size_sources(value).is_empty() => {
                Some((op.name, attrs.to_string(), operands.clone()))
            }
            _ => None,
        };
        let known = key.as_ref().and_then(|key| self.once.get(key)).copied();
        if let Some(known) = known.filter(|&known| graph.fact(known) == from.fact(value)) {
            graph.node_mut(known).origins.extend(origins.iter().cloned());
            return known;
        }
        let new = graph.copy_node(from, value, &operands);
        graph.node_mut(new).origins.clone_from(origins);
        if let Some(key) = key {
            self.once.insert(key, new);
        }
        new
    }

    /// The result of a node all of whose operands are constants in memory: that they are is known only now.
    fn computed(
        &mut self,
        operands: &[Option<ValueId>],
        node: &Node,
        origins: &BTreeSet<Arc<Origin>>,
    ) -> Option<ValueId> {
        let NodeKind::Apply { op, attrs } = &node.kind else { return None };
        let in_memory =
            |value: &ValueId| matches!(self.whole.graph().node(*value).kind, NodeKind::Constant(Constant::Inline(_)));
        if operands.is_empty() || !operands.iter().flatten().all(in_memory) {
            return None;
        }
        let operands: Vec<Option<Value>> =
            operands.iter().map(|operand| operand.map(|operand| self.whole.import_node(operand))).collect();
        self.whole.set_origins(origins.clone());
        let value = self.whole.apply(op, &operands, attrs.clone()).ok()?;
        Some(self.whole.node(value))
    }

    /// A constant that a piece has.
    fn given(&mut self, constant: &Constant, node: &Node) -> ValueId {
        self.constant(constant.clone(), &node.fact, &node.origins)
    }

    /// A constant, once.
    fn constant(&mut self, constant: Constant, fact: &Fact, origins: &BTreeSet<Arc<Origin>>) -> ValueId {
        let key = constant.identity().map(|identity| (fact.to_string(), identity));
        let known = key.as_ref().and_then(|key| self.constants.get(key)).copied();
        let new = known.unwrap_or_else(|| self.whole.graph_mut().add_constant(constant, fact.clone()));
        self.whole.graph_mut().node_mut(new).origins.extend(origins.iter().cloned());
        if let Some(key) = key {
            self.constants.insert(key, new);
        }
        new
    }
}

/// A constant with these sizes, which rewriting may have given it.
fn sized(constant: &Constant, fact: &Fact) -> Option<Constant> {
    Some(match constant {
        Constant::Inline(tensor) if tensor.fact() != *fact => {
            Constant::Inline(Arc::new(Tensor::from_bytes(fact.dtype, fact.sizes()?, &tensor.to_bytes()?)?))
        }
        other => other.clone(),
    })
}
