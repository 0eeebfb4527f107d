//! Functions that the model itself defines: a call is its body's nodes, which see the call's operands and attributes.

use super::{Constants, Importer, order};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::onnx::message::{AttributeProto, FunctionProto, GraphProto, NodeProto, ValueInfoProto};
use crate::onnx::{self, ModelFile, Node};
use m4c_ir::{Graph, GraphBuilder};
use m4c_ops::Element;
use m4c_ops::build::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::{replace, take};
use std::rc::Rc;

/// Functions inside functions are followed this far.
const MOST_CALLS: usize = 24;

/// Calls write out this many nodes at most: a short file of functions that call each other twice is endless otherwise.
const MOST_NODES: usize = 1 << 17;

/// Where in the functions of a model the importer is.
#[derive(Default)]
pub(super) struct Calls {
    /// Domain, name and overload of the functions that are being written out, outermost first.
    pub(super) running: Vec<[String; 3]>,
    /// How many nodes calls have become so far.
    written: usize,
}

/// Reports functions that are defined twice.
pub(super) fn check(file: &ModelFile, diagnostics: &mut Diagnostics) {
    let mut known = BTreeSet::new();
    for function in &file.proto().functions {
        if !known.insert(id(function)) {
            let message = format!("function `{}` is defined twice", label(function));
            let diagnostic = Diagnostic::error(codes::DUPLICATE_DEFINITION, message);
            diagnostics.push(diagnostic.at(file.path()).help("export the model again"));
        }
    }
}

/// How many nodes there are, with those of the graphs inside of them; no more than `most` are counted.
fn size(nodes: &[NodeProto], most: usize) -> usize {
    nodes.iter().fold(nodes.len(), |count, node| {
        let graphs = node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
        graphs.fold(count, |count, graph| if count > most { count } else { count + size(&graph.node, most) })
    })
}

/// What tells functions apart.
fn id(function: &FunctionProto) -> [String; 3] {
    let domain = onnx::canonical_domain(function.domain());
    [domain, function.name(), function.overload()].map(str::to_string)
}

fn label(function: &FunctionProto) -> String {
    let [domain, name, overload] = id(function);
    let parts = [domain, name, overload];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("::")
}

/// The highest version of each operator set, which is what a function binds to.
fn opsets(function: &FunctionProto) -> BTreeMap<String, i64> {
    let mut versions = BTreeMap::new();
    for opset in &function.opset_import {
        let version = versions.entry(onnx::canonical_domain(opset.domain()).to_string()).or_insert(opset.version());
        *version = opset.version().max(*version);
    }
    versions
}

impl<'m> Importer<'m> {
    /// The function that a node calls. The model's own take precedence over operators of the same name.
    pub(super) fn called(&self, node: Node<'m>) -> Option<&'m FunctionProto> {
        self.file.function(node.domain(), node.op_type(), node.proto().overload())
    }

    pub(super) fn defines_functions_of(&self, domain: &str) -> bool {
        self.file.proto().functions.iter().any(|function| onnx::canonical_domain(function.domain()) == domain)
    }

    /// The results of a call; `None` where it is refused, which is reported.
    pub(super) fn call(
        &mut self,
        node: Node<'m>,
        function: &'m FunctionProto,
        operands: &[Option<Value>],
        elements: &[Option<Element>],
    ) -> Option<Vec<(Value, Element)>> {
        let name = label(function);
        for (what, given, most) in [
            ("operands", node.inputs().len(), function.input.len()),
            ("results", node.outputs().len(), function.output.len()),
        ] {
            if given > most {
                let message = format!("function `{name}` has {most} {what}, the call has {given}");
                self.diagnostics.push(node.error(codes::OPERAND_COUNT, message));
                return None;
            }
        }
        let id = id(function);
        let endless = self.calls.running.contains(&id).then(|| format!("function `{name}` calls itself"));
        let deep = (self.calls.running.len() >= MOST_CALLS)
            .then(|| format!("function `{name}` is called inside of {MOST_CALLS} others"));
        self.calls.written = self.calls.written.saturating_add(size(&function.node, MOST_NODES));
        let long = (self.calls.written > MOST_NODES)
            .then(|| format!("with function `{name}`, calls become more than {MOST_NODES} nodes"));
        if let Some(message) = endless.or(deep).or(long) {
            self.diagnostics.push(node.error(codes::FUNCTION_CALLS, message));
            return None;
        }
        let absent = |index: usize| operands.get(index).copied().flatten().is_none();
        let absent =
            function.input.iter().enumerate().filter(|(index, _)| absent(*index)).map(|(_, name)| name.as_str());
        let written = Written { call: node, function, absent: absent.collect() };
        let body = match written.body() {
            Ok(body) => body,
            Err(message) => {
                self.diagnostics.push(node.error(codes::UNSUPPORTED_ATTRIBUTE, message));
                return None;
            }
        };
        self.calls.running.push(id);
        let results = self.inline(node, function, &body, operands, elements);
        self.calls.running.pop();
        results
    }

    fn inline(
        &mut self,
        node: Node<'m>,
        function: &FunctionProto,
        body: &GraphProto,
        operands: &[Option<Value>],
        elements: &[Option<Element>],
    ) -> Option<Vec<(Value, Element)>> {
        let source = Rc::new(onnx::Graph::new(self.file, body, &mut self.diagnostics));
        let names = function.input.iter();
        let values = names.clone().zip(operands).filter(|(_, value)| value.is_some());
        let elements = names.zip(elements).filter_map(|(name, element)| Some((name.clone(), (*element)?)));
        let mut inner = Importer {
            file: self.file,
            source: source.clone(),
            outer: Vec::new(),
            around: self.around + self.outer.len(),
            opsets: opsets(function),
            calls: take(&mut self.calls),
            builder: replace(&mut self.builder, GraphBuilder::new(Graph::new(""))),
            constants: Constants::new(self.file),
            values: values.map(|(name, value)| (name.clone(), *value)).collect(),
            elements: elements.collect(),
            unsupported: take(&mut self.unsupported),
            diagnostics: take(&mut self.diagnostics),
        };
        for node in order::in_order(&source, &mut inner.diagnostics) {
            inner.node(node);
        }
        let mut results = Some(Vec::new());
        for name in function.output.iter().take(node.outputs().len()) {
            match (inner.value(name), inner.element_of(name)) {
                (Some(Some(value)), Some(element)) => {
                    results.iter_mut().for_each(|results| results.push((value, element)));
                }
                (None, _) => {
                    let message = format!("result `{name}` of function `{}` is no value", label(function));
                    inner.diagnostics.push(node.error(codes::UNDEFINED_NAME, message));
                    results = None;
                }
                // Reported where it did not import.
                _ => results = None,
            }
        }
        self.calls = inner.calls;
        self.builder = inner.builder;
        self.unsupported = inner.unsupported;
        self.diagnostics = inner.diagnostics;
        results
    }
}

/// A function for one call: attributes in place of references, and nothing in place of operands that the call leaves out.
struct Written<'a> {
    call: Node<'a>,
    function: &'a FunctionProto,
    absent: BTreeSet<&'a str>,
}

impl Written<'_> {
    fn body(&self) -> Result<GraphProto, String> {
        let named = |name: &String| ValueInfoProto { name: Some(name.clone()), ..Default::default() };
        let mut body = GraphProto {
            name: self.function.name.clone(),
            node: self.function.node.clone(),
            input: self.function.input.iter().map(named).collect(),
            output: self.function.output.iter().map(named).collect(),
            ..Default::default()
        };
        self.nodes(&mut body.node)?;
        Ok(body)
    }

    fn nodes(&self, nodes: &mut [NodeProto]) -> Result<(), String> {
        for (index, node) in nodes.iter_mut().enumerate() {
            node.name = Some(self.name_of(node, index));
            if node.metadata_props.is_empty() {
                node.metadata_props.clone_from(&self.call.proto().metadata_props);
            }
            for input in node.input.iter_mut().filter(|name| self.absent.contains(name.as_str())) {
                input.clear();
            }
            let mut attributes = Vec::with_capacity(node.attribute.len());
            for attribute in take(&mut node.attribute) {
                let Some(mut attribute) = self.resolved(attribute)? else { continue };
                for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    self.nodes(&mut graph.node)?;
                }
                attributes.push(attribute);
            }
            node.attribute = attributes;
        }
        Ok(())
    }

    /// The call's name or the function's, and what the node is called inside.
    fn name_of(&self, node: &NodeProto, index: usize) -> String {
        let call = match self.call.name() {
            "" => format!("{}_{}", self.function.name(), self.call.index()),
            name => name.to_string(),
        };
        match node.name() {
            "" => format!("{call}/{}_{index}", node.op_type()),
            name => format!("{call}/{}", name.trim_start_matches('/')),
        }
    }

    /// The attribute that is meant: the call's, else the function's default, else none.
    fn resolved(&self, attribute: AttributeProto) -> Result<Option<AttributeProto>, String> {
        let wanted = attribute.ref_attr_name();
        if wanted.is_empty() {
            return Ok(Some(attribute));
        }
        let find = |list: &[AttributeProto]| list.iter().find(|found| found.name() == wanted).cloned();
        let default = find(&self.function.attribute_proto);
        if default.is_none() && !self.function.attribute.iter().any(|name| name == wanted) {
            return Err(format!(
                "function `{}` refers to `{wanted}`, which is none of its attributes",
                label(self.function)
            ));
        }
        let found = find(&self.call.proto().attribute).or(default);
        Ok(found.map(|found| AttributeProto { name: attribute.name, ..found }))
    }
}
