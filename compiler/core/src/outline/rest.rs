//! What is left of a graph without its blocks.

use super::blocks::Block;
use super::looks::Sequence;
use m4c_ir::{Graph, NodeKind, ValueId};
use std::collections::BTreeMap;

/// The nodes that are in no block. What it reads of blocks are inputs, what blocks read of it are outputs, each behind
/// those of the graph.
pub(super) struct Rest {
    /// The nodes as a graph.
    pub(super) piece: Graph,
    /// Block and occurrence of each node in a row that is in one.
    pub(super) owners: Vec<Option<(usize, usize)>>,
    /// The value of each input that is none of the graph's.
    pub(super) inputs: Vec<ValueId>,
    /// Which output a value is.
    pub(super) outputs: BTreeMap<ValueId, usize>,
}

impl Rest {
    pub(super) fn of(graph: &Graph, sequence: &Sequence, blocks: &[Block]) -> Rest {
        let mut owners = vec![None; sequence.nodes.len()];
        for (number, block) in blocks.iter().enumerate() {
            for (occurrence, &start) in block.starts.iter().enumerate() {
                owners[start..start + block.nodes].fill(Some((number, occurrence)));
            }
        }
        let mut rest = Rest { piece: graph.empty_copy(), owners, inputs: Vec::new(), outputs: BTreeMap::new() };
        let mut new: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        for &input in graph.inputs() {
            new.insert(input, rest.piece.copy_node(graph, input, &[]));
        }
        let prefix = prefix(graph);
        for (&value, owner) in sequence.nodes.iter().zip(rest.owners.clone()) {
            if owner.is_some() {
                continue;
            }
            let operands: Vec<Option<ValueId>> = graph.operands(value);
            for &operand in operands.iter().flatten() {
                if new.contains_key(&operand) {
                    continue;
                }
                // All other nodes that it reads are there already.
                let copy = match graph.node(operand).kind {
                    NodeKind::Constant(_) => rest.piece.copy_node(graph, operand, &[]),
                    _ => {
                        rest.inputs.push(operand);
                        rest.piece.add_input(format!("{prefix}{}", rest.inputs.len()), graph.fact(operand).clone())
                    }
                };
                new.insert(operand, copy);
            }
            let operands: Vec<Option<ValueId>> =
                operands.into_iter().map(|operand| operand.and_then(|operand| new.get(&operand).copied())).collect();
            new.insert(value, rest.piece.copy_node(graph, value, &operands));
        }
        for output in graph.outputs() {
            if rest.owner(sequence, output.value).is_none() {
                let copy = || rest.piece.copy_node(graph, output.value, &[]);
                let value = *new.entry(output.value).or_insert_with(copy);
                rest.output(output.name.clone(), output.value, value);
            }
        }
        for &value in blocks.iter().flat_map(|block| &block.inputs).flatten() {
            let outside = sequence.position(value).is_some() && rest.owner(sequence, value).is_none();
            if let (true, false, Some(&copy)) = (outside, rest.outputs.contains_key(&value), new.get(&value)) {
                let name = format!("{prefix}{}", rest.piece.outputs().len());
                rest.output(name, value, copy);
            }
        }
        rest
    }

    fn output(&mut self, name: String, value: ValueId, copy: ValueId) {
        self.outputs.entry(value).or_insert(self.piece.outputs().len());
        self.piece.add_output(name, copy);
    }

    /// The block and the occurrence that a value is of.
    pub(super) fn owner(&self, sequence: &Sequence, value: ValueId) -> Option<(usize, usize)> {
        *self.owners.get(sequence.position(value)?)?
    }
}

/// What no input or output of the graph begins with.
fn prefix(graph: &Graph) -> String {
    let mut prefix = String::from("%");
    let inputs = graph.inputs().iter().map(|&input| graph.input_name(input));
    let names: Vec<&str> = inputs.chain(graph.outputs().iter().map(|output| output.name.as_str())).collect();
    while names.iter().any(|name| name.starts_with(&prefix)) {
        prefix.push('%');
    }
    prefix
}
