//! ONNX file to graph. Shape arithmetic becomes symbolic sizes, weights stay where they are, and everything that is not
//! supported is listed at once.

mod attributes;
mod constants;
mod control;
mod dimensions;
mod elements;
mod functions;
mod order;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, UnsupportedOperators, codes};
use crate::onnx::{self, ModelFile, Node};
use constants::Constants;
use dimensions::Dimensions;
use elements::element;
use m4c_ir::verify::verify;
use m4c_ir::{Graph, GraphBuilder, Origin};
use m4c_ops::build::{Build, Value};
use m4c_ops::onnx::{ImportError, OnnxNode};
use m4c_ops::{Element, table};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

pub use elements::tensor;

/// A graph, and how many nodes the file had.
pub struct Imported {
    /// The graph, verified.
    pub graph: Graph,
    /// Nodes of the ONNX file.
    pub onnx_nodes: usize,
}

/// Imports the main graph of a model.
///
/// # Errors
/// Everything that is wrong with the model or not supported.
pub fn import(file: &ModelFile, name: &str) -> Result<(Imported, Diagnostics), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    functions::check(file, &mut diagnostics);
    let source = Rc::new(file.graph(&mut diagnostics));
    let mut importer = Importer {
        file,
        source: source.clone(),
        outer: Vec::new(),
        around: 0,
        opsets: file.opsets().map(|(domain, version)| (domain.to_string(), version)).collect(),
        calls: functions::Calls::default(),
        builder: GraphBuilder::new(Graph::new(name)),
        constants: Constants::new(file),
        values: BTreeMap::new(),
        elements: BTreeMap::new(),
        unsupported: UnsupportedOperators::new(),
        diagnostics,
    };
    importer.inputs();
    for node in order::in_order(&source, &mut importer.diagnostics) {
        importer.node(node);
    }
    importer.outputs();
    importer.finish(source.nodes().len())
}

struct Importer<'m> {
    file: &'m ModelFile,
    source: Rc<onnx::Graph<'m>>,
    /// The graphs around, outermost first.
    outer: Vec<control::Scope<'m>>,
    /// How many graphs are around the function that is written out.
    around: usize,
    /// Versions of the operator sets by domain: the model's, or a function's own.
    opsets: BTreeMap<String, i64>,
    calls: functions::Calls,
    builder: GraphBuilder,
    constants: Constants<'m>,
    /// Values by name; `None` where a node that does not import would have made it.
    values: BTreeMap<String, Option<Value>>,
    /// ONNX's element types of values by name.
    elements: BTreeMap<String, Element>,
    unsupported: UnsupportedOperators,
    diagnostics: Diagnostics,
}

impl<'m> Importer<'m> {
    fn inputs(&mut self) {
        let mut dimensions = Dimensions::new(self.builder.graph().symbols.clone());
        for info in self.source.clone().inputs() {
            let name = info.name();
            let declared = self.diagnostics.take(self.source.value_type(name));
            let fact = declared.as_ref().map(|ty| dimensions.fact(self.file, name, ty));
            let fact = fact.and_then(|fact| self.diagnostics.take(fact));
            let value = fact.map(|fact| self.builder.input(name, fact));
            self.values.insert(name.into(), value);
            self.say_element(name, declared.and_then(|ty| ty.dtype).and_then(element));
        }
        for symbol in dimensions.symbols() {
            self.builder.graph_mut().ranges.insert(symbol, m4c_ir::Range::default());
        }
    }

    fn node(&mut self, node: Node<'m>) {
        let origin = Origin {
            index: node.index(),
            op_type: node.op_type().into(),
            name: node.name().into(),
            scope: node.scope().unwrap_or_default(),
        };
        self.builder.set_origin(Some(Arc::new(origin)));
        let results = match self.operands(node) {
            Some(operands) => self.results(node, operands),
            None => None,
        };
        let mut results = results.unwrap_or_default().into_iter();
        for output in node.outputs() {
            let (value, element) = results.next().unzip();
            if let Some(name) = output {
                self.say_element(name, element);
            }
            if let Some(name) = output
                && self.values.insert(name.into(), value).is_some()
            {
                let message = format!("value `{name}` is defined twice");
                self.diagnostics.push(node.error(codes::DUPLICATE_DEFINITION, message));
            }
        }
    }

    fn say_element(&mut self, name: &str, element: Option<Element>) {
        if let Some(element) = element {
            self.elements.insert(name.into(), element);
        }
    }

    /// The operands' values; `None` where one is not there, which has been or is now reported.
    fn operands(&mut self, node: Node<'m>) -> Option<Vec<Option<Value>>> {
        let mut operands = Vec::new();
        let mut complete = true;
        for name in node.inputs() {
            let value = match name {
                None => None,
                Some(name) => match self.value(name) {
                    Some(Some(value)) => Some(value),
                    Some(None) => {
                        complete = false;
                        None
                    }
                    None => {
                        let message = format!("operand `{name}` is no input, initializer or result of a node");
                        self.diagnostics.push(node.error(codes::UNDEFINED_NAME, message));
                        complete = false;
                        None
                    }
                },
            };
            operands.push(value);
        }
        complete.then_some(operands)
    }

    /// The value of that name; initializers become values on first use. The inner `None` is one that did not import.
    fn value(&mut self, name: &str) -> Option<Option<Value>> {
        if let Some(value) = self.values.get(name) {
            return Some(*value);
        }
        let tensor = self.source.initializer(name);
        let tensor = match self.diagnostics.take(tensor) {
            Some(None) => return self.around(name),
            tensor => tensor.flatten(),
        };
        self.say_element(name, tensor.as_ref().and_then(|tensor| element(tensor.dtype)));
        let value = tensor.and_then(|tensor| {
            let value = self.constants.value(&mut self.builder, name, &tensor);
            self.diagnostics.take(value)
        });
        self.values.insert(name.into(), value);
        Some(value)
    }

    /// The value of a name of a graph around.
    fn around(&mut self, name: &str) -> Option<Option<Value>> {
        let scope = self.outer.pop()?;
        let inner = control::Scope {
            source: std::mem::replace(&mut self.source, scope.source),
            values: std::mem::replace(&mut self.values, scope.values),
            elements: std::mem::replace(&mut self.elements, scope.elements),
        };
        let value = self.value(name);
        self.outer.push(control::Scope {
            source: std::mem::replace(&mut self.source, inner.source),
            values: std::mem::replace(&mut self.values, inner.values),
            elements: std::mem::replace(&mut self.elements, inner.elements),
        });
        value
    }

    fn element_of(&self, name: &str) -> Option<Element> {
        let outer = self.outer.iter().rev().map(|scope| &scope.elements);
        std::iter::once(&self.elements).chain(outer).find_map(|elements| elements.get(name).copied())
    }

    fn results(&mut self, node: Node<'m>, operands: Vec<Option<Value>>) -> Option<Vec<(Value, Element)>> {
        let (domain, op_type) = (node.domain(), node.op_type());
        let elements: Vec<Option<Element>> =
            node.inputs().map(|name| name.and_then(|name| self.element_of(name))).collect();
        if let Some(function) = self.called(node) {
            return self.call(node, function, &operands, &elements);
        }
        match (domain, op_type) {
            ("", "Constant") => {
                let constant = self.constants.constant_node(&mut self.builder, node);
                return self.diagnostics.take(constant).map(|constant| vec![constant]);
            }
            ("", "If" | "Loop" | "Scan") => return self.control(node, &operands, &elements),
            ("", "Identity") => return Some(vec![(operands.first().copied()??, elements.first().copied()??)]),
            _ => {}
        }
        let label = if domain.is_empty() { op_type.to_string() } else { format!("{domain}::{op_type}") };
        let Some(&version) = self.opsets.get(domain) else {
            self.unsupported.push(&label, "no operator set is imported for its domain", node.reference());
            return None;
        };
        let Some((_, import)) = table::find_import(domain, op_type, version) else {
            let known = table::imports().any(|(_, i)| i.domain == domain && i.op_type == op_type);
            let reason = match (known, op_type) {
                _ if domain == "com.microsoft.nchwc" => {
                    "a layout of onnxruntime's own processors; save the optimized model at its level `extended`"
                        .to_string()
                }
                (true, _) => format!("not at operator set version {version}"),
                _ if self.defines_functions_of(domain) => {
                    "no import is known, and the model defines no such function".to_string()
                }
                _ => "no import is known".to_string(),
            };
            self.unsupported.push(&label, &reason, node.reference());
            return None;
        };
        let attrs = attributes::read(self.file, node);
        let attrs = self.diagnostics.take(attrs)?;
        let results = node.outputs().len();
        let mut onnx_node = OnnxNode { op_type: op_type.into(), version, operands, elements, results, attrs };
        match m4c_ops::element::import(&mut self.builder, import, &mut onnx_node) {
            Ok((values, elements)) => Some(values.into_iter().zip(elements).collect()),
            Err(error) => {
                let diagnostic = self.explain(node, &onnx_node, error);
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn explain(&self, node: Node<'m>, given: &OnnxNode, error: ImportError) -> Diagnostic {
        let (code, help): (Code, &str) = match &error {
            ImportError::Refused(_) => (codes::SHAPE_INFERENCE, "check the sizes of the model's inputs and weights"),
            ImportError::Attribute { .. } => (codes::UNSUPPORTED_ATTRIBUTE, "export the model with another setting"),
            ImportError::Operand { .. } => (codes::OPERAND_COUNT, "export the model again"),
            ImportError::NotConstant { .. } => (
                codes::UNSUPPORTED_ATTRIBUTE,
                "export the model so that this operand is a constant or computed from shapes",
            ),
            ImportError::Unsupported(_) => (codes::UNSUPPORTED_ATTRIBUTE, "export the model without this feature"),
        };
        let mut diagnostic = node.error(code, error.to_string()).help(help);
        for (index, operand) in given.operands.iter().enumerate() {
            if let Some(value) = operand {
                let name = node.input(index).unwrap_or_default();
                diagnostic = diagnostic.note(format!("operand {index} `{name}` is {}", self.builder.fact(*value)));
            }
        }
        diagnostic
    }

    fn outputs(&mut self) {
        self.builder.set_origin(None);
        let mut names = BTreeSet::new();
        for info in self.source.clone().outputs() {
            let name = info.name();
            if !names.insert(name) {
                let message = format!("output `{name}` is named twice");
                self.diagnostics.push(Diagnostic::error(codes::DUPLICATE_DEFINITION, message).at(self.file.path()));
            }
            match self.value(name) {
                Some(Some(value)) => self.builder.output(name, value),
                // Reported where the node that makes it did not import.
                Some(None) => {}
                None => {
                    let message = format!("output `{name}` is no input, initializer or result of a node");
                    self.diagnostics.push(Diagnostic::error(codes::UNDEFINED_NAME, message).at(self.file.path()));
                }
            }
        }
    }

    fn finish(mut self, onnx_nodes: usize) -> Result<(Imported, Diagnostics), Diagnostics> {
        if let Some(unsupported) = self.unsupported.into_diagnostic() {
            self.diagnostics.push(unsupported);
        }
        if let Some((name, _)) = self.elements.iter().find(|(_, element)| **element == Element::Double) {
            let message = format!("values of type double, such as `{name}`, are computed as f32");
            self.diagnostics.push(Diagnostic::warning(codes::DOUBLE_AS_SINGLE, message).at(self.file.path()));
        }
        let graph = self.builder.finish();
        if !self.diagnostics.has_errors() {
            impossible(&graph, self.file, &mut self.diagnostics);
            broken(&graph, &mut self.diagnostics);
        }
        self.diagnostics.finish(Imported { graph, onnx_nodes })
    }
}

fn impossible(graph: &Graph, file: &ModelFile, diagnostics: &mut Diagnostics) {
    for guard in graph.guards.iter().filter(|guard| guard.known() == Some(false)) {
        let message = format!("the model relies on {guard}, which never holds");
        diagnostics.push(Diagnostic::error(codes::GUARD_IMPOSSIBLE, message).at(file.path()));
    }
}

/// Reports what the verifier finds as bugs of this compiler.
pub(crate) fn broken(graph: &Graph, diagnostics: &mut Diagnostics) {
    for broken in verify(graph) {
        diagnostics.push(Diagnostic::bug(codes::VERIFIER, broken.to_string()));
    }
}
