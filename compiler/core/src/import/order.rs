//! Nodes in the order of their dependencies.

use crate::diagnostic::{Diagnostics, codes};
use crate::onnx::{Graph, Node};
use std::collections::{BTreeMap, BTreeSet};

/// All nodes, each after those whose results it uses, otherwise in the order of the file. Nodes on a cycle are reported
/// and left out.
pub(super) fn in_order<'m>(graph: &Graph<'m>, diagnostics: &mut Diagnostics) -> Vec<Node<'m>> {
    let nodes: Vec<Node<'m>> = graph.nodes().collect();
    let mut maker: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for name in node.outputs().flatten() {
            maker.entry(name).or_insert(index);
        }
    }
    let mut waits: Vec<usize> = vec![0; nodes.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let makers: BTreeSet<usize> = node.inputs().flatten().filter_map(|name| maker.get(name).copied()).collect();
        waits[index] = makers.len();
        for made_by in makers {
            users[made_by].push(index);
        }
    }
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|&index| waits[index] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = ready.pop_first() {
        order.push(nodes[index]);
        for &user in &users[index] {
            waits[user] -= 1;
            if waits[user] == 0 {
                ready.insert(user);
            }
        }
    }
    if order.len() < nodes.len() {
        let stuck = waits.iter().filter(|&&count| count > 0).count();
        if let Some(first) = waits.iter().position(|&count| count > 0) {
            let message = format!("{stuck} nodes use each other's results in a circle, or results of such nodes");
            diagnostics.push(nodes[first].error(codes::CYCLE, message).help("export the model again"));
        }
    }
    order
}
