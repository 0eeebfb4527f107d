//! Shape-like operands as constants: what exported models always have as constants or computed from shapes, node tests give
//! as inputs.

use super::suite::Case;
use crate::root;
use m4c_compiler::onnx::ElementType;
use m4c_compiler::onnx::message::{GraphProto, ModelProto, NodeProto};
use std::collections::{BTreeMap, BTreeSet};

/// Positions of shape-like operands by operator.
pub struct Frozen {
    /// Operator to positions.
    pub operands: BTreeMap<String, Vec<usize>>,
}

impl Frozen {
    /// Reads the committed list.
    ///
    /// # Panics
    /// Where it is malformed.
    pub fn read() -> Frozen {
        let path = root().join("tests/conformance/frozen.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Frozen { operands: toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    /// The model with the values of shape-like inputs as initializers; `None` where it has none.
    pub fn apply(&self, case: &Case) -> Option<ModelProto> {
        let graph = case.model.graph.as_ref()?;
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for node in &graph.node {
            for &position in self.operands.get(node.op_type()).into_iter().flatten() {
                if let Some(name) = node.input.get(position) {
                    inputs_of(graph, name, true, &mut names);
                }
            }
        }
        let mut model = case.model.clone();
        let frozen = model.graph.as_mut()?;
        for (port, value) in graph.input.iter().zip(&case.inputs) {
            if names.contains(port.name()) {
                let mut value = value.clone();
                value.name = Some(port.name().to_string());
                frozen.initializer.push(value);
            }
        }
        (!frozen.initializer.is_empty() && frozen.initializer.len() > graph.initializer.len()).then_some(model)
    }
}

/// The inputs that a shape-like value is: itself, or the lists of integers that it is computed from.
fn inputs_of<'m>(graph: &'m GraphProto, name: &str, direct: bool, names: &mut BTreeSet<&'m str>) {
    if let Some(port) = graph.input.iter().find(|port| port.name() == name) {
        if direct || is_list(port) {
            names.insert(port.name());
        }
        return;
    }
    let maker: Option<&NodeProto> = graph.node.iter().find(|node| node.output.iter().any(|output| output == name));
    for operand in maker.into_iter().filter(|node| node.op_type() != "Shape").flat_map(|node| &node.input) {
        inputs_of(graph, operand, false, names);
    }
}

/// Whether an input is integers along at most one axis.
fn is_list(port: &m4c_compiler::onnx::message::ValueInfoProto) -> bool {
    use m4c_compiler::onnx::message::type_proto::Value as Kind;
    let kind = port.r#type.as_ref().and_then(|t| t.value.as_ref());
    let Some(Kind::TensorType(tensor)) = kind else { return false };
    let integer = [ElementType::Int32, ElementType::Int64].iter().any(|dtype| tensor.elem_type == Some(*dtype as i32));
    integer && tensor.shape.as_ref().is_some_and(|shape| shape.dim.len() <= 1)
}
