//! Puts a graph into an e-graph.

use super::builder::{Builder, value};
use super::language::{Binders, Data, Facts, Forms, Head, Known, Node, known};
use egg::Id;
use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::build::Build;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An e-graph with what its classes are in the graph.
pub(super) struct Loaded {
    pub(super) forms: Forms,
    /// The class of each value.
    pub(super) classes: BTreeMap<ValueId, Id>,
    /// What gives symbols their values.
    pub(super) binders: Binders,
}

/// The e-graph of a graph, with one form of each value.
pub(super) fn load(graph: &Graph) -> Loaded {
    let mut forms = Forms::new(Facts::new(graph.symbols.clone(), graph.guards.clone()));
    let mut classes: BTreeMap<ValueId, Id> = BTreeMap::new();
    let mut binders = Binders::new();
    for value in graph.order() {
        let node = graph.node(value);
        let operands: Vec<Option<Id>> = graph
            .operands(value)
            .into_iter()
            .map(|operand| operand.and_then(|operand| classes.get(&operand).copied()))
            .collect();
        let origins = Arc::new(node.origins.clone());
        let class = match &node.kind {
            NodeKind::Input(_) => {
                forms.analysis.inputs.push((value, node.fact.clone()));
                let place = forms.analysis.inputs.len() as u32 - 1;
                forms.add(Node { head: Head::Input(place), children: Vec::new() })
            }
            NodeKind::Constant(constant) => Builder::new(&mut forms).leaf(constant.clone(), node.fact.clone()),
            NodeKind::Scan(scan) => {
                forms.analysis.scans.push((**scan).clone());
                let place = forms.analysis.scans.len() as u32 - 1;
                forms.add(Node { head: Head::Scan(place), children: operands.into_iter().flatten().collect() })
            }
            NodeKind::Result(index) => {
                let known = Known { origins, ..Known::of(node.fact.clone()) };
                forms.analysis.pending = Some(Data::Value(known));
                let children = operands.into_iter().flatten().collect();
                let class = forms.add(Node { head: Head::Result(*index as u32), children });
                forms.analysis.pending = None;
                class
            }
            NodeKind::Apply { op, attrs } => {
                let constant = !operands.is_empty()
                    && operands.iter().flatten().all(|&id| known(&forms, id).is_some_and(|known| known.constant))
                    && crate::plan::constants::is_fixed(attrs, &node.fact);
                let known = Known { constant, origins, ..Known::of(node.fact.clone()) };
                Builder::new(&mut forms).add(op, &operands, attrs, known)
            }
        };
        if let Some(symbol) = node.kind.bound_symbol() {
            binders.insert(symbol, class);
        }
        classes.insert(value, class);
    }
    Loaded { forms, classes, binders }
}

/// Adds the decomposition of a composite to its class; whether there is one.
pub(super) fn expand(forms: &mut Forms, class: Id, node: &Node) -> Option<Id> {
    let (op, operands, attrs) = super::language::application(forms, node)?;
    let m4c_ops::op::Meaning::Composite { decompose, .. } = &op.meaning else { return None };
    let origins = known(forms, class)?.origins.clone();
    let fact = known(forms, class)?.fact.clone();
    let mut builder = Builder::new(forms);
    builder.origins = origins;
    let operands: Vec<Option<m4c_ops::Value>> = operands.into_iter().map(|operand| operand.map(value)).collect();
    let built = decompose(&mut builder, &operands, &attrs).ok()?;
    (*builder.fact(built) == *fact).then(|| super::builder::class(built))
}
