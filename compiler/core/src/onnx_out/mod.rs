//! A graph as plain ONNX, so that every step of a compilation can be run in another engine.

mod sizes;

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::onnx::message::NodeProto;
use crate::onnx::{self, ElementType, OnnxWriter};
use m4c_ir::{Constant, Graph, NodeKind, ValueId};
use m4c_ops::build::{Build, Value};
use m4c_ops::dim::Guard;
use m4c_ops::onnx::{Export, ExportNode, OnnxAttr, OnnxGraph, OnnxValue, dtype_to_onnx};
use m4c_ops::op::Meaning;
use m4c_ops::{Attrs, Dim, Fact, Op, Symbols, Tensor, Violation};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the graph; weights above the writer's limit go to one file beside it.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_onnx(graph: &Graph, path: &Path) -> Result<(), Diagnostics> {
    let mut out = Out { graph, writer: OnnxWriter::new(&graph.name), names: Vec::new(), sizes: BTreeMap::new() };
    let mut values: BTreeMap<ValueId, OnnxValue> = BTreeMap::new();
    for &input in graph.inputs() {
        let (name, fact) = (graph.input_name(input), graph.fact(input));
        let element = element(fact)?;
        out.writer.input(name, element, &dims(fact));
        values.insert(input, out.named(name.to_string()));
    }
    for value in graph.order() {
        let written = match &graph.node(value).kind {
            NodeKind::Input(_) => continue,
            NodeKind::Constant(constant) => out.stored(constant, graph.fact(value))?,
            NodeKind::Apply { op, attrs } => {
                let operands: Vec<Option<OnnxValue>> =
                    graph.operands(value).iter().map(|v| v.and_then(|v| values.get(&v).copied())).collect();
                let facts: Vec<Option<&Fact>> =
                    graph.operands(value).iter().map(|v| v.map(|v| graph.fact(v))).collect();
                out.apply(op, &operands, &facts, attrs, graph.fact(value))
                    .map_err(|violation| Diagnostic::bug(codes::INTERNAL, format!("%{}: {violation}", value.0)))?
            }
        };
        values.insert(value, written);
    }
    for output in graph.outputs() {
        let fact = graph.fact(output.value);
        let element = element(fact)?;
        let from = out.name(values[&output.value]).to_string();
        out.writer.node(NodeProto::new("Identity", [from.as_str()], [output.name.as_str()]));
        out.writer.output(&output.name, element, &dims(fact));
    }
    out.writer.save(path).map_err(Diagnostics::from)
}

fn element(fact: &Fact) -> Result<ElementType, Diagnostics> {
    let number = dtype_to_onnx(fact.dtype);
    ElementType::try_from(number as i32)
        .map_err(|_| Diagnostic::bug(codes::INTERNAL, format!("{} is no ONNX type", fact.dtype)).into())
}

fn dims(fact: &Fact) -> Vec<onnx::Dim> {
    let dim = |dim: &Dim| match dim.as_i64().and_then(|size| u64::try_from(size).ok()) {
        Some(size) => onnx::Dim::Known(size),
        None => onnx::Dim::Named(dim.to_string()),
    };
    fact.shape.iter().map(dim).collect()
}

struct Out<'g> {
    graph: &'g Graph,
    writer: OnnxWriter<'g>,
    names: Vec<String>,
    /// Lists and single sizes that are already computed, by their text.
    sizes: BTreeMap<String, OnnxValue>,
}

impl Out<'_> {
    fn named(&mut self, name: String) -> OnnxValue {
        self.names.push(name);
        OnnxValue(self.names.len() as u32 - 1)
    }

    /// A name that no input or output has: theirs are names of the user's model.
    fn fresh(&mut self) -> OnnxValue {
        let mut name = format!("v{}", self.names.len());
        let taken = |name: &str| {
            self.graph.inputs().iter().any(|&input| self.graph.input_name(input) == name)
                || self.graph.outputs().iter().any(|output| output.name == name)
        };
        while taken(&name) {
            name.push('_');
        }
        self.named(name)
    }

    fn name(&self, value: OnnxValue) -> &str {
        &self.names[value.0 as usize]
    }

    fn stored(&mut self, constant: &Constant, fact: &Fact) -> Result<OnnxValue, Diagnostics> {
        let value = self.fresh();
        let sizes: Vec<u64> = fact.sizes().unwrap_or_default().iter().map(|&size| size as u64).collect();
        let (name, constant, fact, element) =
            (self.name(value).to_string(), constant.clone(), fact.clone(), element(fact)?);
        self.writer.made_initializer(&name, element, &sizes, move |out| {
            let bytes = constant.bytes(&fact).ok_or(std::io::ErrorKind::UnexpectedEof)?;
            out.write_all(&bytes)
        });
        Ok(value)
    }

    fn apply(
        &mut self,
        op: &'static Op,
        operands: &[Option<OnnxValue>],
        facts: &[Option<&Fact>],
        attrs: &Attrs,
        result: &Fact,
    ) -> Result<OnnxValue, Violation> {
        match (&op.export, &op.meaning) {
            (Export::Nodes(write), _) => Ok(write(self, &ExportNode { operands, facts, attrs, result })),
            (Export::Decompose, Meaning::Composite { decompose, .. }) => {
                let symbols = self.graph.symbols.clone();
                let mut builder = Decomposed { out: self, values: Vec::new(), symbols };
                let operands: Vec<Option<Value>> = operands
                    .iter()
                    .zip(facts)
                    .map(|(operand, fact)| Some(builder.push((*fact)?.clone(), (*operand)?)))
                    .collect();
                let value = decompose(&mut builder, &operands, attrs)?;
                Ok(builder.values[value.0 as usize].1)
            }
            (Export::Decompose, Meaning::Primitive { .. }) => {
                Err(op.refuse("export", "a primitive has no decomposition"))
            }
        }
    }
}

impl Out<'_> {
    fn write(
        &mut self,
        op_type: &str,
        operands: &[Option<OnnxValue>],
        attrs: &[(&str, OnnxAttr)],
        results: &[OnnxValue],
    ) {
        let inputs: Vec<&str> = operands.iter().map(|v| v.map_or("", |v| self.name(v))).collect();
        let mut node = NodeProto::new(op_type, inputs, results.iter().map(|result| self.name(*result)));
        for (name, value) in attrs {
            node = match value {
                OnnxAttr::Int(x) => node.with(name, *x),
                OnnxAttr::Ints(x) => node.with(name, x.clone()),
                OnnxAttr::Float(x) => node.with(name, *x),
                OnnxAttr::Floats(x) => node.with(name, x.clone()),
                OnnxAttr::Text(x) => node.with(name, x.as_str()),
                OnnxAttr::Texts(_) | OnnxAttr::Tensor(_) | OnnxAttr::Other => node,
            };
        }
        self.writer.node(node);
    }
}

impl OnnxGraph for Out<'_> {
    fn node(&mut self, op_type: &str, operands: &[Option<OnnxValue>], attrs: &[(&str, OnnxAttr)]) -> OnnxValue {
        let result = self.fresh();
        self.write(op_type, operands, attrs, &[result]);
        result
    }

    fn second(&mut self, op_type: &str, operands: &[Option<OnnxValue>], attrs: &[(&str, OnnxAttr)]) -> OnnxValue {
        let (first, second) = (self.fresh(), self.fresh());
        self.write(op_type, operands, attrs, &[first, second]);
        second
    }

    fn constant(&mut self, tensor: &Tensor) -> OnnxValue {
        let value = self.fresh();
        let name = self.name(value).to_string();
        let sizes: Vec<u64> = tensor.shape().iter().map(|&size| size as u64).collect();
        let bytes = tensor.to_bytes().unwrap_or_default();
        if let Ok(element) = ElementType::try_from(dtype_to_onnx(tensor.dtype()) as i32) {
            self.writer.made_initializer(&name, element, &sizes, move |out| out.write_all(&bytes));
        }
        value
    }

    fn sizes(&mut self, dims: &[Dim]) -> OnnxValue {
        sizes::list(self, dims)
    }
}

/// Writes a decomposition node by node.
struct Decomposed<'a, 'g> {
    out: &'a mut Out<'g>,
    values: Vec<(Fact, OnnxValue, Option<Tensor>)>,
    symbols: Symbols,
}

impl Decomposed<'_, '_> {
    fn push(&mut self, fact: Fact, value: OnnxValue) -> Value {
        self.values.push((fact, value, None));
        Value(self.values.len() as u32 - 1)
    }
}

impl Build for Decomposed<'_, '_> {
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation> {
        let of = |value: &Option<Value>| value.map(|value| &self.values[value.0 as usize]);
        let facts: Vec<Option<Fact>> = operands.iter().map(|v| of(v).map(|(fact, _, _)| fact.clone())).collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let written: Vec<Option<OnnxValue>> = operands.iter().map(|v| of(v).map(|(_, value, _)| *value)).collect();
        let fact = op.infer(&facts, &attrs, &self.symbols, &mut Vec::new())?;
        let value = self.out.apply(op, &written, &facts, &attrs, &fact)?;
        Ok(self.push(fact, value))
    }

    fn constant(&mut self, tensor: Tensor) -> Value {
        // A size that a decomposition computes with is no constant of the file.
        let value = match (tensor.as_dims(), tensor.is_symbolic()) {
            (Some(dims), true) => {
                let list = self.out.sizes(&dims);
                let shape = self.out.constant(&Tensor::list_i64(tensor.shape().iter().map(|&s| s as i64).collect()));
                self.out.node("Reshape", &[Some(list), Some(shape)], &[])
            }
            _ => self.out.constant(&tensor),
        };
        self.values.push((tensor.fact(), value, Some(tensor)));
        Value(self.values.len() as u32 - 1)
    }

    fn fact(&self, value: Value) -> &Fact {
        &self.values[value.0 as usize].0
    }

    fn known(&self, value: Value) -> Option<&Tensor> {
        self.values[value.0 as usize].2.as_ref()
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn assume(&mut self, _guard: Guard) {}
}
