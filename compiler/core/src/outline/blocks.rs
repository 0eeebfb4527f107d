//! Blocks: what all occurrences have in common as a graph, and what each has of its own.

use super::constant_of;
use super::looks::{Operand, Sequence};
use super::repeats::Repeat;
use m4c_ir::{Constant, DataFile, Graph, Identity, NodeKind, ValueId};
use m4c_ops::numerics::Numerics;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What all occurrences read is shown with what it is made of, so far back: rules may look at it.
pub(super) const MOST_CONTEXT: usize = 6;

/// What repeats.
pub(super) struct Block {
    /// The first occurrence as a graph.
    pub(super) piece: Graph,
    /// Nodes of an occurrence.
    pub(super) nodes: usize,
    /// Position of the first node of each occurrence.
    pub(super) starts: Vec<usize>,
    /// For each input the value of each occurrence.
    pub(super) inputs: Vec<Vec<ValueId>>,
    /// For each output which node of an occurrence it is.
    pub(super) outputs: Vec<usize>,
    /// For constants that differ those of all occurrences, by what tells them apart in the piece.
    weights: BTreeMap<Identity, Vec<ValueId>>,
}

/// The blocks of a graph, each with all its stretches.
pub(super) fn blocks(graph: &Graph, sequence: &Sequence, repeats: &[Repeat]) -> Vec<Block> {
    let mut numbers: BTreeMap<Vec<Form>, usize> = BTreeMap::new();
    let mut equal: Vec<(usize, Vec<usize>)> = Vec::new();
    for repeat in repeats {
        let number = *numbers.entry(forms(sequence, repeat)).or_insert(equal.len());
        if number == equal.len() {
            equal.push((repeat.period, Vec::new()));
        }
        let starts = (0..repeat.count).map(|index| repeat.start + index * repeat.period);
        equal[number].1.extend(starts);
    }
    let outputs = graph.outputs().iter().map(|output| output.value).collect();
    let inside = |value| sequence.position(value).is_some_and(|position| repeats.iter().any(|one| one.has(position)));
    let whole = Whole { graph, sequence, outputs, inside: &inside };
    equal.into_iter().filter_map(|(nodes, starts)| Block::of(&whole, nodes, starts)).collect()
}

/// The look of a node, and where its operands come from.
type Form = (usize, Vec<Source>);

/// Where an operand comes from.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Absent,
    Constant,
    Outside,
    /// That node of the occurrence before.
    Before(usize),
    /// That node of the same occurrence.
    Inside(usize),
}

/// The nodes of an occurrence that has one before it.
fn forms(sequence: &Sequence, repeat: &Repeat) -> Vec<Form> {
    let start = repeat.start + repeat.period;
    let source = |operand: &Operand| match operand {
        Operand::Absent => Source::Absent,
        Operand::Constant(_) => Source::Constant,
        Operand::Node(position) if *position >= start => Source::Inside(position - start),
        Operand::Node(position) if *position >= repeat.start => Source::Before(position - repeat.start),
        Operand::Node(_) | Operand::Input(_) => Source::Outside,
    };
    let form = |position: usize| (sequence.looks[position], sequence.operands[position].iter().map(source).collect());
    (start..start + repeat.period).map(form).collect()
}

/// The graph that blocks are cut out of.
struct Whole<'a> {
    graph: &'a Graph,
    sequence: &'a Sequence,
    outputs: BTreeSet<ValueId>,
    /// Whether a value is one of an occurrence.
    inside: &'a dyn Fn(ValueId) -> bool,
}

impl Block {
    /// `None` where constants of the first occurrence have bytes in common, but those of others do not.
    fn of(whole: &Whole<'_>, nodes: usize, starts: Vec<usize>) -> Option<Block> {
        let Whole { graph, sequence, .. } = *whole;
        let (piece, start) = (graph.empty_copy(), *starts.first()?);
        let mut block =
            Block { piece, nodes, starts, inputs: Vec::new(), outputs: Vec::new(), weights: BTreeMap::new() };
        let mut outside: BTreeMap<Vec<ValueId>, ValueId> = BTreeMap::new();
        let mut made: Vec<ValueId> = Vec::with_capacity(nodes);
        for place in 0..nodes {
            let mut operands = Vec::with_capacity(sequence.operands[start + place].len());
            for (slot, &operand) in sequence.operands[start + place].iter().enumerate() {
                operands.push(match operand {
                    Operand::Absent => None,
                    Operand::Node(position) if position >= start => Some(*made.get(position - start)?),
                    _ => {
                        let value = |start: &usize| sequence.value(*sequence.operands[start + place].get(slot)?);
                        let values: Vec<ValueId> = block.starts.iter().map(value).collect::<Option<_>>()?;
                        Some(block.outside(whole, &mut outside, values, MOST_CONTEXT)?)
                    }
                });
            }
            made.push(block.piece.copy_node(graph, sequence.nodes[start + place], &operands));
        }
        let used = |place: &usize| block.starts.iter().any(|&start| block.leaves(whole, start, *place));
        block.outputs = (0..nodes).filter(used).collect();
        for &place in &block.outputs {
            block.piece.add_output(place.to_string(), made[place]);
        }
        let (weights, shared) = (block.weights.keys(), outside.iter());
        let apart = weights.clone().zip(weights.skip(1)).all(|(one, next)| !overlap(one, next));
        let mut shared = shared.filter(|(values, _)| values.iter().all(|value| *value == values[0]));
        let fixed = |&new: &ValueId| constant_of(&block.piece, new).is_none_or(|c| block.weights(c) == Some(None));
        (apart && shared.all(|(_, new)| fixed(new))).then_some(block)
    }

    /// What the occurrences read from outside, added where it is not there yet: a value that all share and whose elements are
    /// computed one by one with what it is computed of.
    fn outside(
        &mut self,
        whole: &Whole<'_>,
        known: &mut BTreeMap<Vec<ValueId>, ValueId>,
        values: Vec<ValueId>,
        context: usize,
    ) -> Option<ValueId> {
        if let Some(&new) = known.get(&values) {
            return Some(new);
        }
        let (graph, first) = (whole.graph, *values.first()?);
        let shown = |kind: &NodeKind| match kind {
            NodeKind::Apply { op, .. } => op.numerics != Numerics::Accumulated && kind.bound_symbol().is_none(),
            _ => false,
        };
        let shared = values.iter().all(|&value| value == first) && !(whole.inside)(first);
        let new = if context > 0 && shared && shown(&graph.node(first).kind) && graph.size_sources(first).is_empty() {
            let mut operands = Vec::new();
            for operand in graph.operands(first) {
                operands.push(match operand {
                    Some(value) => Some(self.outside(whole, known, vec![value; values.len()], context - 1)?),
                    None => None,
                });
            }
            self.piece.copy_node(graph, first, &operands)
        } else {
            self.add(graph, &values)?
        };
        known.insert(values, new);
        Some(new)
    }

    /// Adds what the occurrences have of their own, or all share: a constant or an input.
    fn add(&mut self, graph: &Graph, values: &[ValueId]) -> Option<ValueId> {
        let first = *values.first()?;
        let Some(shown) = constant_of(graph, first) else {
            self.inputs.push(values.to_vec());
            return Some(self.piece.add_input((self.inputs.len() - 1).to_string(), graph.fact(first).clone()));
        };
        if values.iter().all(|&value| value == first) {
            return Some(self.piece.copy_node(graph, first, &[]));
        }
        // As if it were in a file, so that nothing is computed of what only the first occurrence has.
        let shown = match shown {
            Constant::Inline(tensor) => {
                let bytes = tensor.to_bytes()?;
                let length = bytes.len() as u64;
                Constant::Stored { file: Arc::new(DataFile::new("", bytes)), offset: 0, length }
            }
            stored => stored.clone(),
        };
        let identities = |values: &[ValueId]| -> Option<Vec<Identity>> {
            values.iter().map(|&value| constant_of(graph, value)?.identity()).collect()
        };
        let before = self.weights.insert(shown.identity()?, values.to_vec());
        if before.is_some_and(|before| identities(&before) != identities(values)) {
            return None;
        }
        let value = self.piece.add_constant(shown, graph.fact(first).clone());
        self.piece.node_mut(value).origins.clone_from(&graph.node(first).origins);
        Some(value)
    }

    /// Whether something outside of an occurrence needs a node of it.
    fn leaves(&self, whole: &Whole<'_>, start: usize, place: usize) -> bool {
        let value = whole.sequence.nodes[start + place];
        let inside = |user: &ValueId| {
            whole.sequence.position(*user).is_some_and(|position| (start..start + self.nodes).contains(&position))
        };
        whole.outputs.contains(&value) || !whole.graph.users(value).iter().all(inside)
    }

    /// What a constant of the rewritten piece stands for: the constants of all occurrences, or itself in all.
    ///
    /// `None` where it is a part of a constant that differs.
    pub(super) fn weights(&self, shown: &Constant) -> Option<Option<&[ValueId]>> {
        let identity = shown.identity()?;
        if let Some(values) = self.weights.get(&identity) {
            return Some(Some(values));
        }
        let Identity::Place { file, offset, length } = identity else { return Some(None) };
        // They have no bytes in common, so only the last that begins before the end can have some of these.
        let end = Identity::Place { file, offset: offset.saturating_add(length), length: 0 };
        match self.weights.range(..end).next_back() {
            Some((before, _)) if overlap(before, &identity) => None,
            _ => Some(None),
        }
    }
}

/// Whether two places in files have bytes in common.
fn overlap(one: &Identity, other: &Identity) -> bool {
    match (one, other) {
        (Identity::Place { file, offset, length }, Identity::Place { file: same, offset: start, length: all }) => {
            file == same && offset < &start.saturating_add(*all) && *start < offset.saturating_add(*length)
        }
        _ => false,
    }
}
