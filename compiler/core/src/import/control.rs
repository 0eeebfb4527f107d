//! `If`, `Loop` and `Scan`: graphs inside of nodes, which see the names around them.

use super::{Importer, order};
use crate::diagnostic::codes;
use crate::onnx::message::GraphProto;
use crate::onnx::{self, Node};
use m4c_ir::Graph;
use m4c_ops::build::{Build, Value};
use m4c_ops::primitive::{iota, select};
use m4c_ops::{DType, Dim, Element, Tensor, Violation};
use std::collections::BTreeMap;
use std::mem::replace;
use std::rc::Rc;

/// What names stand for in a graph around the one that is imported.
pub(super) struct Scope<'m> {
    pub(super) source: Rc<onnx::Graph<'m>>,
    pub(super) values: BTreeMap<String, Option<Value>>,
    pub(super) elements: BTreeMap<String, Element>,
}

/// Bodies inside bodies are followed this far.
const MOST_SCOPES: usize = 16;

type Results = Option<Vec<(Value, Element)>>;

impl<'m> Importer<'m> {
    /// The results of a node with graphs inside; `None` where it is refused, which is reported.
    pub(super) fn control(
        &mut self,
        node: Node<'m>,
        operands: &[Option<Value>],
        elements: &[Option<Element>],
    ) -> Results {
        match node.op_type() {
            "If" => self.branches(node, operands),
            "Loop" => self.repeat(node, operands, elements),
            _ if self.opsets.get("").is_some_and(|version| *version < 9) => {
                self.refuse(node, "before operator set 9 a Scan has a batch axis and lengths of its own")
            }
            _ => self.scan(node, operands, elements),
        }
    }

    fn graph_attr(&mut self, node: Node<'m>, name: &str) -> Option<&'m GraphProto> {
        let found = node.proto().attribute.iter().find(|attr| attr.name() == name).and_then(|attr| attr.g.as_ref());
        if found.is_none() {
            let message = format!("`{}` has no graph `{name}`", node.op_type());
            self.diagnostics.push(node.error(codes::UNSUPPORTED_ATTRIBUTE, message));
        }
        found
    }

    fn refuse<T>(&mut self, node: Node<'m>, message: impl Into<String>) -> Option<T> {
        self.diagnostics.push(node.error(codes::UNSUPPORTED_ATTRIBUTE, message));
        None
    }

    /// Refuses a loop whose iterations cannot be counted.
    fn endless<T>(&mut self, node: Node<'m>, message: &str) -> Option<T> {
        let help =
            "run the loop in the application around the compiled graph, or export it with a fixed number of turns";
        self.diagnostics.push(node.error(codes::CONTROL_FLOW, message).help(help));
        None
    }

    fn held<T>(&mut self, node: Node<'m>, result: Result<T, Violation>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(violation) => self.refuse(node, violation.to_string()),
        }
    }

    /// The outputs of a graph inside a node for these inputs.
    fn body(&mut self, node: Node<'m>, graph: &'m GraphProto, inputs: &[(Value, Option<Element>)]) -> Results {
        if self.around + self.outer.len() >= MOST_SCOPES {
            return self.refuse(node, "graphs are nested too deep");
        }
        let source = Rc::new(onnx::Graph::new(self.file, graph, &mut self.diagnostics));
        let (mut values, mut elements) = (BTreeMap::new(), BTreeMap::new());
        for (info, (value, element)) in source.inputs().zip(inputs) {
            values.insert(info.name().to_string(), Some(*value));
            element.map(|element| elements.insert(info.name().to_string(), element));
        }
        let outer = Scope {
            source: replace(&mut self.source, source.clone()),
            values: replace(&mut self.values, values),
            elements: replace(&mut self.elements, elements),
        };
        self.outer.push(outer);
        for inner in order::in_order(&source, &mut self.diagnostics) {
            self.node(inner);
        }
        let mut results = Some(Vec::new());
        for info in source.outputs() {
            let value = self.value(info.name());
            let element = self.element_of(info.name());
            match (value, element) {
                (Some(Some(value)), Some(element)) => {
                    results.iter_mut().for_each(|results| results.push((value, element)));
                }
                (None, _) => {
                    let message = format!("output `{}` of a graph inside is no value", info.name());
                    self.diagnostics.push(node.error(codes::UNDEFINED_NAME, message));
                    results = None;
                }
                // Reported where it did not import.
                _ => results = None,
            }
        }
        if let Some(outer) = self.outer.pop() {
            (self.source, self.values, self.elements) = (outer.source, outer.values, outer.elements);
        }
        results
    }

    /// A branch that is known is taken; else both are computed, and the condition selects.
    fn branches(&mut self, node: Node<'m>, operands: &[Option<Value>]) -> Results {
        let condition = operands.first().copied().flatten()?;
        let known = self.builder.known(condition).and_then(Tensor::as_i64s).and_then(|known| known.first().copied());
        if let Some(known) = known {
            let graph = self.graph_attr(node, if known != 0 { "then_branch" } else { "else_branch" })?;
            return self.body(node, graph, &[]);
        }
        let (yes, no) = (self.graph_attr(node, "then_branch")?, self.graph_attr(node, "else_branch")?);
        let (yes, no) = (self.body(node, yes, &[])?, self.body(node, no, &[])?);
        let b: &mut dyn Build = &mut self.builder;
        let condition = b.reshape(condition, &[]);
        let condition = self.held(node, condition)?;
        let mut results = Vec::with_capacity(yes.len());
        for ((yes, element), (no, _)) in yes.into_iter().zip(no) {
            let (one, other) = (self.builder.fact(yes).clone(), self.builder.fact(no).clone());
            let graph = self.builder.graph();
            let mut sizes = one.shape.iter().zip(&other.shape);
            let sizes_fit = one.rank() == other.rank() && sizes.all(|(a, b)| may_be_assumed_equal(graph, a, b));
            if one.dtype != other.dtype || !sizes_fit {
                let message =
                    format!("the branches give {one} and {other}, and which is taken is only known while running");
                return self.refuse(node, message);
            }
            for (a, b) in one.shape.iter().zip(&other.shape).filter(|(a, b)| a != b) {
                self.builder.assume(m4c_ops::Guard::equal(a, b));
            }
            let b: &mut dyn Build = &mut self.builder;
            let chosen = b.plain(&select::OP, &[condition, yes, no]);
            results.push((self.held(node, chosen)?, element));
        }
        Some(results)
    }

    fn repeat(&mut self, node: Node<'m>, operands: &[Option<Value>], elements: &[Option<Element>]) -> Results {
        let graph = self.graph_attr(node, "body")?;
        let Some(most) = operands.first().copied().flatten() else {
            return self.endless(node, "a loop without a trip count may run without end: give it one, or a bound");
        };
        let trip = self.builder.bind(most, 0);
        let trip = self.held(node, trip)?;
        let yes = self.builder.constant(Tensor::scalar(DType::Bool, 1.0));
        let start = operands.get(1).copied().flatten().unwrap_or(yes);
        let is_true = |importer: &Self, value: Value| {
            importer.builder.known(value).and_then(Tensor::as_i64s).is_some_and(|known| known.iter().all(|&x| x != 0))
        };
        let b: &mut dyn Build = &mut self.builder;
        let start_scalar = b.reshape(start, &[]);
        let start_scalar = self.held(node, start_scalar)?;
        let numbers = iota::apply(&mut self.builder, trip.clone(), DType::I64);
        let numbers = self.held(node, numbers)?;
        if node.inputs().skip(2).any(|name| name.is_none()) {
            return self.refuse(node, "a value that the loop carries is absent");
        }
        let carried: Vec<Value> = operands.iter().skip(2).copied().collect::<Option<_>>()?;
        let always = is_true(self, start);
        let mut carries = vec![start_scalar];
        carries.extend(&carried);
        let begun = self.builder.begin_scan(trip, &carries, &[(numbers, false)]);
        let (states, rows) = self.held(node, begun)?;
        let running = states[0];
        let condition = if always { yes } else { running };
        let mut inputs = vec![(rows[0], Some(Element::Int64)), (condition, Some(Element::Bool))];
        let carried_elements = elements.iter().skip(2).copied().chain(std::iter::repeat(None));
        inputs.extend(states[1..].iter().copied().zip(carried_elements));
        let Some(outputs) = self.body(node, graph, &inputs) else {
            self.builder.leave_scan();
            return None;
        };
        let Some(((goes_on, _), rest)) = outputs.split_first() else {
            self.builder.leave_scan();
            return self.refuse(node, "the body of a loop gives no condition");
        };
        let (next, stacked) = rest.split_at(carried.len().min(rest.len()));
        let mut values: Vec<Value> = next.iter().map(|(value, _)| *value).collect();
        let endless = always && (is_true(self, *goes_on) || *goes_on == condition);
        let mut next_running = running;
        if !endless {
            if !stacked.is_empty() {
                self.builder.leave_scan();
                return self.endless(
                    node,
                    "how many rows a loop gives depends on a condition that is only known while running",
                );
            }
            let chosen = self.while_running(running, *goes_on, &mut values, &states[1..]);
            next_running = match chosen {
                Ok(value) => value,
                Err(violation) => {
                    self.builder.leave_scan();
                    return self.refuse(node, violation.to_string());
                }
            };
        }
        values.insert(0, next_running);
        let rows: Vec<(Value, bool)> = stacked.iter().map(|(value, _)| (*value, false)).collect();
        let ended = self.builder.end_scan(&values, &rows);
        let results = self.held(node, ended)?;
        Some(results.into_iter().skip(1).zip(rest.iter().map(|(_, element)| *element)).collect())
    }

    /// Once the condition has failed, nothing changes any more. Gives whether it still holds.
    fn while_running(
        &mut self,
        running: Value,
        goes_on: Value,
        next: &mut [Value],
        states: &[Value],
    ) -> Result<Value, Violation> {
        let b: &mut dyn Build = &mut self.builder;
        let no = b.scalar(DType::Bool, 0.0);
        for (next, &state) in next.iter_mut().zip(states) {
            *next = b.plain(&select::OP, &[running, *next, state])?;
        }
        let goes_on = b.reshape(goes_on, &[])?;
        b.plain(&select::OP, &[running, goes_on, no])
    }

    fn scan(&mut self, node: Node<'m>, operands: &[Option<Value>], elements: &[Option<Element>]) -> Results {
        let graph = self.graph_attr(node, "body")?;
        let ints = |name: &str, count: usize| -> Vec<i64> {
            let found = node.proto().attribute.iter().find(|attr| attr.name() == name);
            found.map_or_else(|| vec![0; count], |attr| attr.ints.clone())
        };
        let scanned =
            node.proto().attribute.iter().find(|attr| attr.name() == "num_scan_inputs").map_or(0, |attr| attr.i());
        if node.inputs().any(|name| name.is_none()) {
            return self.refuse(node, "an operand of the loop is absent");
        }
        let operands: Vec<Value> = operands.iter().copied().collect::<Option<_>>()?;
        let scanned = usize::try_from(scanned).ok().filter(|count| (1..=operands.len()).contains(count));
        let Some(scanned) = scanned else { return self.refuse(node, "num_scan_inputs does not fit the operands") };
        let states = operands.len() - scanned;
        let (axes, ways) = (ints("scan_input_axes", scanned), ints("scan_input_directions", scanned));
        let mut rows = Vec::with_capacity(scanned);
        for (index, &value) in operands[states..].iter().enumerate() {
            let given = axes.get(index).copied().unwrap_or(0);
            let Some(axis) = self.builder.fact(value).axis(given) else {
                return self.refuse(node, format!("scan_input_axes names axis {given}"));
            };
            let rank = self.builder.fact(value).rank();
            let order = [axis].into_iter().chain((0..rank).filter(|&other| other != axis)).map(|axis| axis as i64);
            let b: &mut dyn Build = &mut self.builder;
            let first = b.transpose(value, order.collect());
            rows.push((self.held(node, first)?, ways.get(index) == Some(&1)));
        }
        let trip = self.builder.fact(rows[0].0).shape[0].clone();
        let begun = self.builder.begin_scan(trip, &operands[..states], &rows);
        let (carried, read) = self.held(node, begun)?;
        let elements = elements.iter().copied().chain(std::iter::repeat(None));
        let inputs: Vec<(Value, Option<Element>)> = carried.into_iter().chain(read).zip(elements).collect();
        let Some(outputs) = self.body(node, graph, &inputs).filter(|outputs| outputs.len() >= states) else {
            self.builder.leave_scan();
            return None;
        };
        let count = outputs.len() - states;
        let (axes, ways) = (ints("scan_output_axes", count), ints("scan_output_directions", count));
        let next: Vec<Value> = outputs[..states].iter().map(|(value, _)| *value).collect();
        let stacked =
            outputs[states..].iter().enumerate().map(|(index, (value, _))| (*value, ways.get(index) == Some(&1)));
        let stacked: Vec<(Value, bool)> = stacked.collect();
        let ended = self.builder.end_scan(&next, &stacked);
        let mut results = self.held(node, ended)?;
        for (index, result) in results[states..].iter_mut().enumerate() {
            let given = axes.get(index).copied().unwrap_or(0);
            let fact = self.builder.fact(*result).clone();
            let Some(axis) = fact.axis(given) else {
                return self.refuse(node, format!("scan_output_axes names axis {given}"));
            };
            let mut order: Vec<i64> = (1..fact.rank() as i64).collect();
            order.insert(axis, 0);
            let b: &mut dyn Build = &mut self.builder;
            let placed = b.transpose(*result, order);
            *result = self.held(node, placed)?;
        }
        Some(results.into_iter().zip(outputs.into_iter().map(|(_, element)| element)).collect())
    }
}

/// Whether sizes of two branches are equal or may be guarded to be: what the data decides in one of them is not.
fn may_be_assumed_equal(graph: &Graph, a: &Dim, b: &Dim) -> bool {
    let is_decided = |size: &Dim| size.symbols().iter().any(|symbol| graph.binders().contains_key(symbol));
    a == b || !(a.differs(b) || is_decided(a) || is_decided(b))
}
