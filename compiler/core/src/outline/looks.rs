//! The nodes of a graph in a row, and which of them look alike.

use crate::plan::constants;
use m4c_ir::{Constant, Graph, Identity, NodeKind, ValueId};
use m4c_ops::Fact;
use std::collections::BTreeMap;
use std::ops::Range;

/// Constants of no more elements are looked at,
const FEW_ELEMENTS: usize = 16;
/// and those of no more than this where all elements are equal.
const MOST_ELEMENTS: usize = 1 << 16;

/// An operand of a node in a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Operand {
    /// None.
    Absent,
    /// The node at this position.
    Node(usize),
    /// An input of the graph.
    Input(ValueId),
    /// The first constant with this content.
    Constant(ValueId),
}

/// The nodes of a graph without inputs and constants, each after its operands.
pub(super) struct Sequence {
    /// The nodes.
    pub(super) nodes: Vec<ValueId>,
    /// For each the first that looks like it.
    pub(super) looks: Vec<usize>,
    /// The operands of each.
    pub(super) operands: Vec<Vec<Operand>>,
    /// How many nodes before each are not computed of constants alone.
    running: Vec<usize>,
    positions: BTreeMap<ValueId, usize>,
}

/// How a node sees an operand: type and sizes, and for a constant a number that tells contents apart.
type Seen = Option<(usize, usize)>;

impl Sequence {
    /// The nodes of `graph`.
    pub(super) fn of(graph: &Graph) -> Sequence {
        let (nodes, looks, operands) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = Sequence { nodes, looks, operands, running: vec![0], positions: BTreeMap::new() };
        let known = constants::known(graph);
        let mut facts: BTreeMap<String, usize> = BTreeMap::new();
        let mut constants: BTreeMap<(usize, Key), ValueId> = BTreeMap::new();
        let mut looks: BTreeMap<(&'static str, String, usize, Vec<Seen>), usize> = BTreeMap::new();
        let mut values: BTreeMap<ValueId, (Operand, Seen)> = BTreeMap::new();
        for value in graph.order() {
            let node = graph.node(value);
            let fresh = facts.len();
            let fact = *facts.entry(node.fact.to_string()).or_insert(fresh);
            let seen = match &node.kind {
                NodeKind::Input(_) => (Operand::Input(value), Some((fact, 0))),
                NodeKind::Constant(constant) => {
                    let key = Key::of(constant, &node.fact, value);
                    let differs = matches!(key, Key::Identity(_));
                    let first = *constants.entry((fact, key)).or_insert(value);
                    (Operand::Constant(first), Some((fact, if differs { 1 } else { first.0 as usize + 2 })))
                }
                kind => {
                    let position = all.nodes.len();
                    let operands: Vec<(Operand, Seen)> = graph
                        .operands(value)
                        .into_iter()
                        .map(|operand| operand.and_then(|v| values.get(&v).copied()).unwrap_or((Operand::Absent, None)))
                        .collect();
                    let look = match kind {
                        NodeKind::Apply { op, attrs }
                            if kind.bound_symbol().is_none() && graph.size_sources(value).is_empty() =>
                        {
                            let seen = operands.iter().map(|(_, seen)| *seen).collect();
                            *looks.entry((op.name, attrs.to_string(), fact, seen)).or_insert(position)
                        }
                        _ => position,
                    };
                    all.nodes.push(value);
                    all.running.push(all.running[position] + usize::from(!known.contains(&value)));
                    all.looks.push(look);
                    all.operands.push(operands.into_iter().map(|(operand, _)| operand).collect());
                    all.positions.insert(value, position);
                    (Operand::Node(position), Some((fact, 0)))
                }
            };
            values.insert(value, seen);
        }
        all
    }

    /// How many nodes of a range are not computed of constants alone.
    pub(super) fn running(&self, range: Range<usize>) -> usize {
        self.running[range.end] - self.running[range.start]
    }

    /// Where a node is; `None` for inputs and constants.
    pub(super) fn position(&self, value: ValueId) -> Option<usize> {
        self.positions.get(&value).copied()
    }

    /// The value that an operand is.
    pub(super) fn value(&self, operand: Operand) -> Option<ValueId> {
        match operand {
            Operand::Absent => None,
            Operand::Node(position) => self.nodes.get(position).copied(),
            Operand::Input(value) | Operand::Constant(value) => Some(value),
        }
    }
}

/// What tells constants of one fact apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// What rewriting may look at.
    Content(Vec<u8>),
    /// A weight.
    Identity(Identity),
    /// Nothing is known of it.
    Unknown(ValueId),
}

impl Key {
    fn of(constant: &Constant, fact: &Fact, value: ValueId) -> Key {
        match (content(constant, fact), constant.identity()) {
            (Some(content), _) => Key::Content(content),
            (None, Some(identity)) => Key::Identity(identity),
            (None, None) => Key::Unknown(value),
        }
    }
}

/// What rewriting may look at: the elements of a small constant, and the one that all elements of a larger one are.
fn content(constant: &Constant, fact: &Fact) -> Option<Vec<u8>> {
    let count = fact.sizes()?.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    if count > MOST_ELEMENTS {
        return None;
    }
    let bytes = constant.bytes(fact)?;
    if count <= FEW_ELEMENTS {
        return Some(bytes.into_owned());
    }
    let Some(width) = fact.dtype.bytes(1).filter(|_| fact.dtype.bits() >= 8) else {
        let elements = constant.load(fact)?.as_i64s()?;
        let first = elements.first()?;
        return elements.iter().all(|element| element == first).then(|| first.to_le_bytes().to_vec());
    };
    let mut elements = bytes.chunks_exact(width);
    let first = elements.next()?;
    elements.all(|element| element == first).then(|| first.to_vec())
}
