//! Loops laid flat: the nodes of their bodies stand in one graph, in order, with what each loop carries, reads and writes.

use m4c_ir::{Graph, NodeKind, Scan, ValueId};
use m4c_ops::Dim;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A graph without scans. Results stand for what loops carry, the rows that they read, and what they leave.
pub(super) struct Flat {
    pub(super) graph: Graph,
    /// In the order of their first values, outer ones first.
    pub(super) loops: Vec<Loop>,
    /// What became of the values of the graph outside of loops.
    pub(super) values: BTreeMap<ValueId, ValueId>,
}

/// A loop over a stretch of the values of a flat graph.
pub(super) struct Loop {
    /// The values that are computed in each iteration; loops inside have their own among them.
    pub(super) body: Range<u32>,
    pub(super) trip: Dim,
    pub(super) carries: Vec<Carry>,
    pub(super) rows: Vec<Row>,
    pub(super) stacks: Vec<Stack>,
}

/// A carried value.
pub(super) struct Carry {
    pub(super) init: ValueId,
    /// What stands for it in the body.
    pub(super) inside: ValueId,
    pub(super) next: ValueId,
    /// What stands for it after the last iteration.
    pub(super) result: ValueId,
}

/// A value that is read row by row.
pub(super) struct Row {
    pub(super) source: ValueId,
    pub(super) inside: ValueId,
    pub(super) reversed: bool,
}

/// A result that is written row by row.
pub(super) struct Stack {
    pub(super) row: ValueId,
    pub(super) result: ValueId,
    pub(super) reversed: bool,
}

/// Lays a graph flat.
pub(super) fn flatten(graph: &Graph) -> Flat {
    let mut flat = Flat { graph: graph.empty_copy(), loops: Vec::new(), values: BTreeMap::new() };
    let mut values: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    for &input in graph.inputs() {
        values.insert(input, flat.graph.copy_node(graph, input, &[]));
    }
    flat.nodes(graph, &mut values);
    for output in graph.outputs() {
        if let Some(&value) = values.get(&output.value) {
            flat.graph.add_output(output.name.clone(), value);
        }
    }
    flat.values = values;
    flat
}

impl Flat {
    fn nodes(&mut self, graph: &Graph, values: &mut BTreeMap<ValueId, ValueId>) {
        let mut results: BTreeMap<ValueId, Vec<ValueId>> = BTreeMap::new();
        for value in graph.order() {
            let operands: Vec<Option<ValueId>> = graph
                .operands(value)
                .into_iter()
                .map(|operand| operand.and_then(|v| values.get(&v).copied()))
                .collect();
            let new = match &graph.node(value).kind {
                NodeKind::Input(_) => continue,
                NodeKind::Constant(_) | NodeKind::Apply { .. } => self.graph.copy_node(graph, value, &operands),
                NodeKind::Scan(scan) => {
                    let operands: Vec<ValueId> = operands.into_iter().flatten().collect();
                    let users = graph.users(value).into_iter();
                    let read = users.filter_map(|user| match graph.node(user).kind {
                        NodeKind::Result(index) => Some(index),
                        _ => None,
                    });
                    results.insert(value, self.scan(scan, &operands, &read.collect()));
                    continue;
                }
                NodeKind::Result(index) => {
                    let of = graph.operands(value).first().copied().flatten();
                    match of.and_then(|scan| results.get(&scan)).and_then(|results| results.get(*index)) {
                        Some(&result) => {
                            let origins = graph.node(value).origins.clone();
                            self.graph.node_mut(result).origins.extend(origins);
                            result
                        }
                        None => continue,
                    }
                }
            };
            values.insert(value, new);
        }
    }

    /// A node that a kernel does not compute.
    fn stand_in(&mut self, of: ValueId, index: usize, like: m4c_ops::Fact) -> ValueId {
        self.graph.add_result(of, index, like)
    }

    /// The results of a loop; stacks that are not among the results that are `read` are not written.
    fn scan(&mut self, scan: &Scan, operands: &[ValueId], read: &BTreeSet<usize>) -> Vec<ValueId> {
        let inputs = scan.body.inputs();
        let mut values: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        let (mut inits, mut rows) = (Vec::new(), Vec::new());
        for (index, (&input, &operand)) in inputs.iter().zip(operands).enumerate() {
            let fact = scan.body.fact(input).clone();
            let inside = match index.checked_sub(scan.carries) {
                None => {
                    let inside = self.stand_in(operand, index, fact);
                    inits.push((operand, inside));
                    inside
                }
                Some(row) if row < scan.rows.len() => {
                    let inside = self.stand_in(operand, index, fact);
                    rows.push(Row { source: operand, inside, reversed: scan.rows[row] });
                    inside
                }
                Some(_) => operand,
            };
            values.insert(input, inside);
        }
        let number = self.loops.len();
        let first = self.graph.len() as u32;
        let empty = Loop { body: first..first, trip: scan.trip.clone(), carries: vec![], rows, stacks: vec![] };
        self.loops.push(empty);
        self.nodes(&scan.body, &mut values);
        let end = self.graph.len() as u32;
        let mut results = Vec::new();
        let (mut carries, mut stacks) = (Vec::new(), Vec::new());
        for (index, (output, fact)) in scan.body.outputs().iter().zip(scan.results()).enumerate() {
            let Some(&from) = values.get(&output.value) else { continue };
            let result = self.stand_in(from, index, fact);
            match index.checked_sub(scan.carries) {
                None => {
                    let (init, inside) = inits[index];
                    carries.push(Carry { init, inside, next: from, result });
                }
                Some(stack) if read.contains(&index) => {
                    stacks.push(Stack { row: from, result, reversed: scan.stacks[stack] });
                }
                Some(_) => {}
            }
            results.push(result);
        }
        let this = &mut self.loops[number];
        (this.body, this.carries, this.stacks) = (first..end, carries, stacks);
        results
    }
}
