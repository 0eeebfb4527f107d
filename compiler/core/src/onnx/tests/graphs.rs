//! What an importer asks of a graph: names, types, nodes and their attributes.

use super::*;
use crate::diagnostic::{Location, codes};
use crate::onnx::message::type_proto::{Sequence, Value};
use crate::onnx::message::{TypeProto, ValueInfoProto};
use crate::onnx::{Graph, Node};

fn check_graph<T>(graph: GraphProto, look: impl FnOnce(&Graph<'_>, &mut Diagnostics) -> T) -> T {
    let file = read(&model_of(graph)).unwrap();
    let mut diagnostics = Diagnostics::new();
    let graph = file.graph(&mut diagnostics);
    look(&graph, &mut diagnostics)
}

fn check_node(node: NodeProto, look: impl FnOnce(Node<'_>)) {
    check_graph(GraphProto { node: vec![node], ..Default::default() }, |graph, _| {
        look(graph.nodes().next().unwrap());
    });
}

#[test]
fn inputs_are_those_without_an_initializer() {
    let mut graph = small_graph();
    graph.input.push(ValueType::default().to_proto("w"));
    check_graph(graph, |graph, diagnostics| {
        assert!(diagnostics.is_empty());
        let names: Vec<_> = graph.inputs().map(ValueInfoProto::name).collect();
        assert_eq!(names, ["x"]);
        assert!(graph.is_initializer("w") && !graph.is_initializer("x"));
        assert_eq!(graph.initializer("w").unwrap().unwrap().dims, [2, 2]);
        assert!(graph.initializer("x").unwrap().is_none());
        let x = graph.value_type("x").unwrap();
        assert_eq!(x.dtype, Some(ElementType::Float));
        assert_eq!(x.dims, Some(vec![Dim::Named("batch".into()), Dim::Known(2)]));
        assert_eq!(graph.value_type("inner").unwrap(), ValueType::default());
    });
}

#[test]
fn odd_declarations_are_read_or_refused() {
    let dims = vec![Dim::Unknown, Dim::Known(0), Dim::Named("past_seq + 1".into())];
    let known = ValueType { dtype: None, dims: Some(dims) };
    let sequence = TypeProto { value: Some(Value::SequenceType(Sequence::default().into())), ..Default::default() };
    let graph = GraphProto {
        value_info: vec![
            known.to_proto("v"),
            ValueInfoProto { name: Some("s".into()), r#type: Some(sequence), ..Default::default() },
        ],
        ..Default::default()
    };
    check_graph(graph, |graph, _| {
        assert_eq!(graph.value_type("v").unwrap(), known);
        let error = graph.value_type("s").unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (codes::UNSUPPORTED_DTYPE, "value `s` is a sequence"));
    });
}

#[test]
fn names_defined_twice_are_reported() {
    let mut graph = small_graph();
    graph.initializer.push(graph.initializer[0].clone());
    graph.input.push(graph.input[0].clone());
    graph.sparse_initializer.push(Default::default());
    check_graph(graph, |_, diagnostics| {
        let found: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(found, [codes::DUPLICATE_DEFINITION, codes::DUPLICATE_DEFINITION, codes::SPARSE_TENSOR]);
    });
}

#[test]
fn operator_sets_are_found_by_both_names_of_the_domain() {
    let mut model = model_of(small_graph());
    let microsoft = OperatorSetIdProto { domain: Some("com.microsoft".into()), version: Some(1) };
    model.opset_import.push(microsoft);
    let file = read(&model).unwrap();
    assert_eq!(file.opset(""), Some(20));
    assert_eq!(file.opset("ai.onnx"), Some(20));
    assert_eq!(file.opset("com.microsoft"), Some(1));
    assert_eq!(file.opset("com.other"), None);
    assert_eq!(file.opsets().collect::<Vec<_>>(), [("", 20), ("com.microsoft", 1)]);
}

#[test]
fn inputs_that_are_left_out_are_none() {
    check_node(NodeProto::new("Clip", ["x", "", "max"], ["y", ""]), |node| {
        assert_eq!(node.inputs().collect::<Vec<_>>(), [Some("x"), None, Some("max")]);
        assert_eq!([node.input(0), node.input(1), node.input(3)], [Some("x"), None, None]);
        assert_eq!(node.outputs().collect::<Vec<_>>(), [Some("y"), None]);
    });
}

#[test]
fn attributes_are_read_by_kind() {
    let tensor = TensorProto::from_bytes("t", ElementType::Uint8, &[1], vec![5]);
    let node = NodeProto::new("Odd", ["x"], ["y"])
        .with("i", 7_i64)
        .with("f", 0.5_f32)
        .with("s", "text")
        .with("ints", vec![1_i64, 2])
        .with("floats", vec![0.5_f32])
        .with("strings", vec!["a", "b"])
        .with("t", tensor)
        .with("g", small_graph());
    check_node(node, |node| {
        assert_eq!(node.attr_i64("i").unwrap(), Some(7));
        assert_eq!(node.attr_f32("f").unwrap(), Some(0.5));
        assert_eq!(node.attr_str("s").unwrap(), Some("text"));
        assert_eq!(node.attr_ints("ints").unwrap(), Some([1_i64, 2].as_slice()));
        assert_eq!(node.attr_floats("floats").unwrap(), Some([0.5_f32].as_slice()));
        assert_eq!(node.attr_strings("strings").unwrap(), Some(vec!["a", "b"]));
        assert_eq!(node.attr_tensor("t").unwrap().unwrap().bytes(), [5]);
        assert_eq!(node.attr_graph("g").unwrap().unwrap().name(), "small");
        assert_eq!(node.attr_i64("none").unwrap(), None);
        assert!(node.has_attr("i") && !node.has_attr("none"));
        let error = node.attr_i64("f").unwrap_err();
        assert_eq!(error.message, "attribute `f` of Odd is a number, it must be an integer");
        assert!(matches!(error.at, Location::Onnx(_)));
    });
}

#[test]
fn attributes_of_sloppy_writers_are_read() {
    let mut node = NodeProto::new("Odd", ["x"], ["y"])
        .with("zero", 0_i64)
        .with("untyped", 3_i64)
        .with("empty", Vec::<i64>::new())
        .with("blank", "");
    node.attribute[0].i = None;
    node.attribute[1].r#type = None;
    node.attribute[2].r#type = None;
    node.attribute[3].s = None;
    check_node(node, |node| {
        assert_eq!(node.attr_i64("zero").unwrap(), Some(0));
        assert_eq!(node.attr_i64("untyped").unwrap(), Some(3));
        assert_eq!(node.attr_ints("empty").unwrap(), Some([].as_slice()));
        assert_eq!(node.attr_str("blank").unwrap(), Some(""));
    });
}

#[test]
fn attributes_that_cannot_be_read_are_errors() {
    let mut node = NodeProto::new("Odd", ["x"], ["y"])
        .with("twice", 1_i64)
        .with("twice", 1_i64)
        .with("bytes", "?")
        .with("outer", 1_i64)
        .with("t", TensorProto::from_bytes("t", ElementType::Uint8, &[2], vec![5]));
    node.attribute[2].s = Some(vec![0xff].into());
    node.attribute[3].ref_attr_name = Some("axis".into());
    check_node(node, |node| {
        assert!(node.attr_i64("twice").unwrap_err().message.ends_with("is given twice"));
        assert!(node.attr_str("bytes").unwrap_err().message.contains("UTF-8"));
        assert!(node.attr_i64("outer").unwrap_err().message.contains("`axis`"));
        let error = node.attr_tensor("t").unwrap_err();
        assert_eq!(error.code, codes::TENSOR_LENGTH);
        assert!(matches!(error.at, Location::Onnx(_)));
    });
}

#[test]
fn nodes_know_where_they_come_from() {
    let traced = NodeProto::new("MatMul", ["x", "w"], ["y"])
        .named("node_matmul")
        .with_metadata("pkg.torch.onnx.name_scopes", "['', 'm', 'm.q_proj', 'matmul']")
        .with_metadata("pkg.torch.onnx.stack_trace", "File \"llama.py\", line 9, in forward");
    check_node(traced, |node| {
        let reference = node.reference();
        assert_eq!(reference.scope.as_deref(), Some("m.q_proj"));
        assert_eq!(reference.source.as_deref(), Some("llama.py:9"));
        assert_eq!((reference.index, &*reference.file), (0, std::path::Path::new("test.onnx")));
    });
    check_graph(small_graph(), |graph, _| {
        let scopes: Vec<_> = graph.nodes().map(Node::scope).collect();
        assert_eq!(scopes, [Some("m.proj".to_owned())]);
    });
}
