//! What a compiler of dense numeric graphs does not take, by rules over a model's content.

use m4c_compiler::onnx::ElementType;
use m4c_compiler::onnx::message::type_proto::Value as Kind;
use m4c_compiler::onnx::message::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

/// A reason and the rule that finds it.
struct Rule {
    category: &'static str,
    holds: fn(&Content) -> bool,
}

/// The values at the border of a model, and all its nodes, those of inner graphs included.
struct Content<'m> {
    ports: Vec<&'m ValueInfoProto>,
    nodes: Vec<&'m NodeProto>,
}

const SEQUENCES: &[&str] = &[
    "ConcatFromSequence",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "SplitToSequence",
];
const OPTIONALS: &[&str] = &["Optional", "OptionalGetElement", "OptionalHasElement"];
const RANDOM: &[&str] =
    &["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];

/// The first rule that holds gives the category.
const RULES: &[Rule] = &[
    Rule { category: "classical machine learning", holds: |c| c.nodes.iter().any(|n| n.domain() == "ai.onnx.ml") },
    Rule { category: "training", holds: |c| c.nodes.iter().any(|n| n.domain().ends_with(".training")) },
    Rule {
        category: "optional values",
        holds: |c| c.has_kind(|k| matches!(k, Kind::OptionalType(_))) || c.has_op(OPTIONALS),
    },
    Rule {
        category: "sequences",
        holds: |c| c.has_kind(|k| matches!(k, Kind::SequenceType(_))) || c.has_op(SEQUENCES),
    },
    Rule { category: "strings", holds: |c| c.has_kind(is_string) },
    Rule { category: "random numbers", holds: |c| c.has_op(RANDOM) || c.nodes.iter().any(|n| may_drop(n)) },
    Rule { category: "image decoding", holds: |c| c.has_op(&["ImageDecoder"]) },
];

/// The categories in the order of their rules.
pub fn categories() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.category)
}

/// The category of a model that is out of scope.
pub fn out_of_scope(model: &ModelProto) -> Option<&'static str> {
    let graph = model.graph.as_ref()?;
    let mut content = Content { ports: graph.input.iter().chain(&graph.output).collect(), nodes: Vec::new() };
    nodes(graph, &mut content.nodes);
    RULES.iter().find(|rule| (rule.holds)(&content)).map(|rule| rule.category)
}

/// All nodes of a graph and of the graphs in it.
pub fn nodes<'m>(graph: &'m GraphProto, all: &mut Vec<&'m NodeProto>) {
    for node in &graph.node {
        all.push(node);
        for inner in node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
            nodes(inner, all);
        }
    }
}

impl Content<'_> {
    fn has_kind(&self, is: fn(&Kind) -> bool) -> bool {
        self.ports.iter().any(|port| port.r#type.as_ref().and_then(|t| t.value.as_ref()).is_some_and(is))
    }

    fn has_op(&self, names: &[&str]) -> bool {
        self.nodes.iter().any(|node| names.contains(&node.op_type()))
    }
}

fn is_string(kind: &Kind) -> bool {
    matches!(kind, Kind::TensorType(tensor) if tensor.elem_type == Some(ElementType::String as i32))
}

/// Dropout that is told while running whether it trains.
fn may_drop(node: &NodeProto) -> bool {
    node.op_type() == "Dropout" && node.input.get(2).is_some_and(|name| !name.is_empty())
}
