//! Puts states into the form in which they are stored: the axis along which rows are added comes first, so that the rows
//! in use are one stretch of memory and new ones follow them.
//!
//! A graph reads a state as it is stored and transposes it back. The concatenation of past and new rows becomes one along
//! the first axis, of which only the new rows are computed. Transpositions of transpositions are one, so that what
//! attention does with its keys reads the state itself.

use crate::diagnostic::Diagnostic;
use crate::diagnostic::codes;
use crate::states::StateUse;
use m4c_ir::{Graph, GraphBuilder, NodeKind, ValueId};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Attrs, Dim, Fact, Violation, primitive};
use std::collections::BTreeMap;

/// A graph whose states are as they are stored.
pub(super) struct Stored {
    pub(super) graph: Graph,
    /// One a state of the program.
    pub(super) uses: Vec<Ports>,
}

/// What of a graph a state stands for.
#[derive(Clone, Default, Debug)]
pub(super) struct Ports {
    /// The input.
    pub(super) read: Option<ValueId>,
    /// The number of the output.
    pub(super) write: Option<usize>,
    /// The state with its new rows, and these alone.
    pub(super) grown: Option<(ValueId, ValueId)>,
}

/// The graph with its states as they are stored. Names and order of inputs and outputs stay.
pub(super) fn stored(graph: &Graph, uses: &[StateUse]) -> Result<Stored, Diagnostic> {
    if uses.is_empty() {
        return Ok(Stored { graph: graph.clone(), uses: Vec::new() });
    }
    let broken = |violation: Violation| {
        let message = format!("the states of program `{}` cannot be stored: {violation}", graph.name);
        Diagnostic::bug(codes::INTERNAL, message)
    };
    let mut rewrite = Rewrite {
        builder: GraphBuilder::new(graph.empty_copy()),
        values: BTreeMap::new(),
        transposed: BTreeMap::new(),
        past: vec![None; uses.len()],
        whole: vec![None; uses.len()],
    };
    for &input in graph.inputs() {
        let name = graph.input_name(input);
        let used = uses.iter().position(|used| used.read.as_deref() == Some(name));
        let axis = used.and_then(|index| uses[index].state.append_axis());
        let stored = rewrite.input(graph, input, axis).map_err(broken)?;
        if let Some(index) = used {
            rewrite.past[index] = Some(stored);
        }
    }
    let grown: BTreeMap<ValueId, usize> = uses
        .iter()
        .enumerate()
        .filter(|(_, used)| used.appends().is_some())
        .filter_map(|(index, used)| {
            let output = graph.outputs().iter().find(|output| Some(&output.name) == used.write.as_ref())?;
            Some((output.value, index))
        })
        .collect();
    for value in graph.order() {
        match grown.get(&value) {
            Some(&index) => rewrite.grow(graph, value, index).map_err(broken)?,
            None => rewrite.copy(graph, value).map_err(broken)?,
        }
    }
    for output in graph.outputs() {
        let used = uses.iter().position(|used| used.write.as_ref() == Some(&output.name));
        let value = match used {
            Some(index) => rewrite.leave(output.value, index, uses[index].state.append_axis()).map_err(broken)?,
            None => rewrite.values[&output.value],
        };
        rewrite.builder.output(&output.name, value);
    }
    let stored = rewrite.builder.finish();
    // The finished graph has numbers of its own.
    let uses = uses.iter().map(|used| {
        let write = stored.outputs().iter().position(|output| Some(&output.name) == used.write.as_ref());
        let whole = used.appends().and(write).map(|number| stored.outputs()[number].value);
        let rows = |whole: ValueId| stored.operands(whole).get(1).copied().flatten();
        Ports {
            read: stored.inputs().iter().copied().find(|&v| Some(stored.input_name(v)) == used.read.as_deref()),
            write,
            grown: whole.and_then(|whole| Some((whole, rows(whole)?))),
        }
    });
    let uses = uses.collect();
    Ok(Stored { graph: stored, uses })
}

struct Rewrite {
    builder: GraphBuilder,
    values: BTreeMap<ValueId, Value>,
    /// Which value is which one with its axes in which order.
    transposed: BTreeMap<Value, (Value, Vec<i64>)>,
    /// States as they are stored: as they were, and with new rows.
    past: Vec<Option<Value>>,
    whole: Vec<Option<Value>>,
}

impl Rewrite {
    /// An input, which may be a state that grows along an axis. Gives it as it is stored.
    fn input(&mut self, graph: &Graph, input: ValueId, axis: Option<usize>) -> Result<Value, Violation> {
        let node = self.builder.graph_mut().copy_node(graph, input, &[]);
        let axis = axis.unwrap_or(0);
        let fact = graph.fact(input);
        let order = axis_first(axis, fact.rank());
        self.builder.graph_mut().node_mut(node).fact = permuted(fact, &order);
        let value = self.builder.import_node(node);
        let logical = self.transpose(value, &inverse(&order))?;
        self.values.insert(input, logical);
        Ok(value)
    }

    fn copy(&mut self, graph: &Graph, value: ValueId) -> Result<(), Violation> {
        let node = graph.node(value);
        self.builder.set_origins(node.origins.clone());
        let operands = graph.operands(value);
        let copied = match &node.kind {
            NodeKind::Input(_) => return Ok(()),
            NodeKind::Apply { op, attrs } if op.name == primitive::transpose::OP.name => {
                let operand = operands.first().copied().flatten().map(|operand| self.values[&operand]);
                match operand {
                    Some(operand) => self.transpose(operand, attrs.get_ints("perm"))?,
                    None => return Ok(()),
                }
            }
            NodeKind::Constant(_) | NodeKind::Apply { .. } => {
                let operands: Vec<Option<ValueId>> = operands
                    .into_iter()
                    .map(|operand| operand.map(|operand| self.builder.node(self.values[&operand])))
                    .collect();
                let node = self.builder.graph_mut().copy_node(graph, value, &operands);
                self.builder.import_node(node)
            }
        };
        self.values.insert(value, copied);
        Ok(())
    }

    /// A state and rows behind it.
    fn grow(&mut self, graph: &Graph, value: ValueId, index: usize) -> Result<(), Violation> {
        let node = graph.node(value);
        self.builder.set_origins(node.origins.clone());
        let NodeKind::Apply { attrs, .. } = &node.kind else { return self.copy(graph, value) };
        let axis = usize::try_from(attrs.get_int("axis")).unwrap_or(0);
        let new: Vec<Option<Value>> =
            graph.operands(value).into_iter().skip(1).map(|operand| operand.map(|v| self.values[&v])).collect();
        let rows = match &*new {
            [Some(only)] => *only,
            _ => self.builder.apply(&primitive::concat::OP, &new, attrs.clone())?,
        };
        let order = axis_first(axis, graph.fact(value).rank());
        let rows = self.transpose(rows, &order)?;
        let along_rows = Attrs::none().int("axis", 0);
        let whole = self.builder.apply(&primitive::concat::OP, &[self.past[index], Some(rows)], along_rows)?;
        self.whole[index] = Some(whole);
        let logical = self.transpose(whole, &inverse(&order))?;
        self.values.insert(value, logical);
        Ok(())
    }

    /// What a program leaves of a state, as it is stored.
    fn leave(&mut self, value: ValueId, index: usize, axis: Option<usize>) -> Result<Value, Violation> {
        if let Some(whole) = self.whole[index] {
            return Ok(whole);
        }
        let value = self.values[&value];
        let order = axis_first(axis.unwrap_or(0), self.builder.fact(value).rank());
        self.transpose(value, &order)
    }

    /// The axes in another order, by one transposition of what is not one, or by none where only axes of size 1 move.
    fn transpose(&mut self, value: Value, order: &[i64]) -> Result<Value, Violation> {
        let (base, order) = match self.transposed.get(&value) {
            Some((base, first)) => (*base, order.iter().map(|&axis| first[axis as usize]).collect()),
            None => (value, order.to_vec()),
        };
        let fact = self.builder.fact(base).clone();
        let moved: Vec<i64> = order.iter().copied().filter(|&axis| !fact.shape[axis as usize].is(1)).collect();
        let in_order = moved.is_sorted();
        let build: &mut dyn Build = &mut self.builder;
        let result = if in_order {
            let shape: Vec<Dim> = permuted(&fact, &order).shape;
            build.reshape(base, &shape)?
        } else {
            build.transpose(base, order.clone())?
        };
        if result != base {
            self.transposed.insert(result, (base, order));
        }
        Ok(result)
    }
}

/// The order in which an axis comes first and the others follow as they were.
fn axis_first(axis: usize, rank: usize) -> Vec<i64> {
    let others = (0..rank).filter(|&other| other != axis);
    [axis].into_iter().filter(|&axis| axis < rank).chain(others).map(|axis| axis as i64).collect()
}

fn inverse(order: &[i64]) -> Vec<i64> {
    let mut inverse = vec![0; order.len()];
    order.iter().enumerate().for_each(|(to, &from)| inverse[from as usize] = to as i64);
    inverse
}

fn permuted(fact: &Fact, order: &[i64]) -> Fact {
    Fact { dtype: fact.dtype, shape: order.iter().map(|&axis| fact.shape[axis as usize].clone()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_have_inverses() {
        assert_eq!(axis_first(2, 4), [2, 0, 1, 3]);
        assert_eq!(axis_first(0, 3), [0, 1, 2]);
        assert_eq!(axis_first(0, 0), Vec::<i64>::new());
        assert_eq!(inverse(&[2, 0, 1, 3]), [1, 2, 0, 3]);
    }
}
