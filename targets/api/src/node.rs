//! A node as a target sees it: what is known before anything runs, and nothing of the graph around it.

use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::{Attrs, Fact, Op};
use std::fmt;

/// An application of an operator to operands of which facts are known.
#[derive(Clone, Debug)]
pub struct NodeView<'a> {
    /// The operator.
    pub op: &'static Op,
    /// Its attributes.
    pub attrs: &'a Attrs,
    /// The operands in order, `None` where an optional one is absent.
    pub operands: Vec<Option<OperandView<'a>>>,
    /// Type and sizes of the result.
    pub result: &'a Fact,
}

/// An operand of a [`NodeView`].
#[derive(Clone, Copy, Debug)]
pub struct OperandView<'a> {
    /// Type and sizes.
    pub fact: &'a Fact,
    /// Whether the elements are known when compiling, so that the target may ask for them in a layout of its own.
    pub constant: bool,
}

impl<'a> NodeView<'a> {
    /// The view of a node of a graph; `None` for inputs and constants, which are no applications.
    pub fn of(graph: &'a Graph, value: ValueId, constant: &dyn Fn(ValueId) -> bool) -> Option<NodeView<'a>> {
        let NodeKind::Apply { op, attrs } = &graph.node(value).kind else {
            return None;
        };
        let view = |operand: ValueId| OperandView { fact: graph.fact(operand), constant: constant(operand) };
        let operands = graph.operands(value).into_iter();
        Some(NodeView {
            op,
            attrs,
            operands: operands.map(|operand| operand.map(view)).collect(),
            result: graph.fact(value),
        })
    }

    /// Operand `index`, where it is present.
    pub fn operand(&self, index: usize) -> Option<OperandView<'a>> {
        self.operands.get(index).copied().flatten()
    }

    /// Facts of all operands by this name that are present; `result` names the result. The name of the last operand
    /// stands for many where the operator takes many.
    pub fn facts(&self, name: &str) -> Vec<&'a Fact> {
        if name == RESULT {
            return vec![self.result];
        }
        self.named(name).map(|operand| operand.fact).collect()
    }

    /// The operands by this name that are present.
    pub fn named(&self, name: &str) -> impl Iterator<Item = OperandView<'a>> {
        let last = self.op.operands.len().saturating_sub(1);
        let position = self.op.operands.iter().position(|spec| spec.name == name);
        let operands = self.operands.iter().enumerate();
        operands.filter(move |(index, _)| Some((*index).min(last)) == position).filter_map(|(_, operand)| *operand)
    }
}

/// The name by which a profile means the result of a node.
pub const RESULT: &str = "result";

/// The application with its facts, as in `matmul(f32[s, 4], f32[4, 8]) : f32[s, 8]`.
impl fmt::Display for NodeView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.name)?;
        for (index, operand) in self.operands.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            match operand {
                Some(operand) => write!(f, "{}", operand.fact)?,
                None => f.write_str("_")?,
            }
        }
        write!(f, ") : {}", self.result)
    }
}
