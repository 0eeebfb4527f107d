//! Calls of functions that a model defines itself.

use m4c_compiler::diagnostic::{Code, Diagnostics, codes};
use m4c_compiler::import::import;
use m4c_compiler::onnx::message::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
};
use m4c_compiler::onnx::{Dim, ElementType, ModelFile, OnnxWriter};
use m4c_ir::{Graph, interpret};
use m4c_ops::Tensor;
use std::sync::Arc;

const DOMAIN: &str = "own";

fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) }
}

fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    let owned = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    FunctionProto {
        name: Some(name.into()),
        domain: Some(DOMAIN.into()),
        input: owned(inputs),
        output: owned(outputs),
        node: nodes,
        opset_import: vec![opset("", 20), opset(DOMAIN, 1)],
        ..Default::default()
    }
}

fn call(name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let node = NodeProto::new(name, inputs.iter().copied(), outputs.iter().copied());
    NodeProto { domain: Some(DOMAIN.into()), ..node }
}

/// An attribute that stands for one of the function around.
fn reference(mut node: NodeProto, name: &str, to: &str) -> NodeProto {
    let attribute = AttributeProto { name: Some(name.into()), ref_attr_name: Some(to.into()), ..1.0f32.into() };
    node.attribute.push(AttributeProto { f: None, ..attribute });
    node
}

/// A model with input `x`, f32[3], output `y`, and these functions.
fn model(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> ModelFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut writer = OnnxWriter::new("model");
    writer.opset(DOMAIN, 1);
    writer.input("x", ElementType::Float, &[Dim::Known(3)]);
    writer.output("y", ElementType::Float, &[Dim::Known(3)]);
    for node in nodes {
        writer.node(node);
    }
    writer.save(&path).unwrap();
    let mut model = ModelProto::from_file_bytes(&std::fs::read(&path).unwrap()).unwrap();
    model.functions = functions;
    ModelFile::from_bytes(path, model.to_file_bytes().into()).unwrap()
}

fn imported(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> Graph {
    import(&model(nodes, functions), "main").unwrap_or_else(|errors| panic!("{}", errors.to_text())).0.graph
}

fn refused(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> Diagnostics {
    import(&model(nodes, functions), "main").map(|_| ()).unwrap_err()
}

fn codes_of(diagnostics: &Diagnostics) -> Vec<Code> {
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

fn result(graph: &Graph) -> Vec<f64> {
    let x = Tensor::parse("f32[3] -2 0 3", &Default::default()).unwrap();
    interpret(graph, &[Arc::new(x)]).unwrap()[0].as_f64s().unwrap()
}

/// `z = LeakyRelu(v)` whose slope is the function's attribute `slope`.
fn leaky() -> FunctionProto {
    let inner = NodeProto::new("LeakyRelu", ["v"], ["z"]).named("inner");
    let function = function("Leaky", &["v"], &["z"], vec![reference(inner, "alpha", "slope")]);
    FunctionProto { attribute: vec!["slope".into()], ..function }
}

#[test]
fn attributes_come_from_the_call_the_default_or_the_operator() {
    let default = AttributeProto { name: Some("slope".into()), ..0.25f32.into() };
    let defaulted = || FunctionProto { attribute: Vec::new(), attribute_proto: vec![default.clone()], ..leaky() };
    let plain = || call("Leaky", &["x"], &["y"]);
    assert_eq!(result(&imported(vec![plain().with("slope", 0.5f32)], vec![defaulted()])), [-1.0, 0.0, 3.0]);
    assert_eq!(result(&imported(vec![plain()], vec![defaulted()])), [-0.5, 0.0, 3.0]);
    let last = result(&imported(vec![plain()], vec![leaky()]));
    assert!((last[0] + 0.02).abs() < 1e-6, "{last:?}");
    let unknown = FunctionProto { attribute: Vec::new(), ..leaky() };
    let errors = refused(vec![plain()], vec![unknown]);
    assert!(errors.to_text().contains("`slope`, which is none of its attributes"), "{}", errors.to_text());
}

#[test]
fn functions_call_functions_and_pass_attributes_on() {
    let inside = reference(call("Leaky", &["a"], &["b"]), "slope", "outer");
    let nodes = vec![inside, NodeProto::new("Add", ["b", "a"], ["c"])];
    let outer = FunctionProto { attribute: vec!["outer".into()], ..function("Twice", &["a"], &["c"], nodes) };
    let node = call("Twice", &["x"], &["y"]).named("the_call").with("outer", 0.5f32);
    let graph = imported(vec![node], vec![leaky(), outer]);
    assert_eq!(result(&graph), [-3.0, 0.0, 6.0]);
    let names: Vec<String> = graph
        .order()
        .into_iter()
        .flat_map(|value| &graph.node(value).origins)
        .map(|origin| origin.name.clone())
        .collect();
    assert!(names.iter().any(|name| name == "the_call/Leaky_0/inner"), "{names:?}");
}

#[test]
fn bodies_of_branches_see_attributes_and_what_is_absent() {
    let branch = |name: &str, node: NodeProto| {
        let output = m4c_compiler::onnx::message::ValueInfoProto { name: Some("r".into()), ..Default::default() };
        GraphProto { name: Some(name.into()), node: vec![node], output: vec![output], ..Default::default() }
    };
    let yes = branch("yes", reference(NodeProto::new("LeakyRelu", ["v"], ["r"]), "alpha", "slope"));
    let no = branch("no", NodeProto::new("Clip", ["v", "low", "high"], ["r"]));
    let chosen = NodeProto::new("If", ["c"], ["z"]).with("then_branch", yes).with("else_branch", no);
    let nodes = vec![
        NodeProto::new("ReduceMax", ["v"], ["top"]).with("keepdims", 0i64),
        NodeProto::new("Less", ["top", "high"], ["c"]),
        chosen,
    ];
    let function = function("Choose", &["v", "low", "high"], &["z"], nodes);
    let function = FunctionProto { attribute: vec!["slope".into()], ..function };
    let one = NodeProto::new("Constant", [""; 0], ["one"]).with("value_float", 1.0f32);
    let node = call("Choose", &["x", "", "one"], &["y"]).with("slope", 0.5f32);
    assert_eq!(result(&imported(vec![one, node], vec![function])), [-2.0, 0.0, 1.0]);
}

#[test]
fn a_function_has_its_own_operator_sets() {
    // Up to version 12 the axes of Unsqueeze and Squeeze are attributes.
    let nodes = vec![
        NodeProto::new("Unsqueeze", ["v"], ["u"]).with("axes", vec![0i64]),
        NodeProto::new("Squeeze", ["u"], ["z"]).with("axes", vec![0i64]),
    ];
    let old = FunctionProto { opset_import: vec![opset("", 11)], ..function("Old", &["v"], &["z"], nodes) };
    let graph = imported(vec![call("Old", &["x"], &["w"]), NodeProto::new("Neg", ["w"], ["y"])], vec![old]);
    assert_eq!(result(&graph), [2.0, 0.0, -3.0]);
}

#[test]
fn an_overload_is_another_function() {
    let body = |op: &str| vec![NodeProto::new(op, ["v"], ["z"])];
    let plain = function("F", &["v"], &["z"], body("Neg"));
    let other = FunctionProto { overload: Some("b".into()), ..function("F", &["v"], &["z"], body("Abs")) };
    let node = NodeProto { overload: Some("b".into()), ..call("F", &["x"], &["y"]) };
    assert_eq!(result(&imported(vec![node], vec![plain.clone(), other])), [2.0, 0.0, 3.0]);
    assert_eq!(
        codes_of(&refused(vec![call("F", &["x"], &["y"])], vec![plain.clone(), plain])),
        [codes::DUPLICATE_DEFINITION]
    );
}

#[test]
fn endless_calls_are_refused_by_name() {
    let a = function("A", &["v"], &["z"], vec![call("B", &["v"], &["z"])]);
    let b = function("B", &["v"], &["z"], vec![call("A", &["v"], &["z"])]);
    let errors = refused(vec![call("A", &["x"], &["y"])], vec![a, b]);
    assert_eq!(codes_of(&errors), [codes::FUNCTION_CALLS]);
    assert!(errors.to_text().contains("function `own::A` calls itself"), "{}", errors.to_text());
}

/// `count` functions, each of which calls the next as often as `times` says.
fn chain(count: usize, times: usize) -> Vec<FunctionProto> {
    let body = |index: usize| -> Vec<NodeProto> {
        let name = |step: usize| if step == 0 { "v".to_string() } else { format!("v{step}") };
        let node = |step: usize| {
            let op = if index + 1 == count { "Neg".to_string() } else { format!("F{}", index + 1) };
            let domain = if index + 1 == count { "" } else { DOMAIN };
            NodeProto { domain: Some(domain.into()), ..NodeProto::new(&op, [name(step)], [name(step + 1)]) }
        };
        (0..times).map(node).collect()
    };
    let last = format!("v{times}");
    (0..count).map(|index| function(&format!("F{index}"), &["v"], &[&last], body(index))).collect()
}

#[test]
fn depth_and_length_are_bounded() {
    let start = || vec![call("F0", &["x"], &["y"])];
    assert_eq!(result(&imported(start(), chain(20, 1))), [2.0, 0.0, -3.0]);
    assert_eq!(codes_of(&refused(start(), chain(40, 1))), [codes::FUNCTION_CALLS]);
    let errors = refused(start(), chain(8, 8));
    assert!(codes_of(&errors).contains(&codes::FUNCTION_CALLS), "{}", errors.to_text());
}

#[test]
fn calls_that_do_not_fit_are_refused() {
    let node = |inputs: &[&str], outputs: &[&str]| vec![call("Leaky", inputs, outputs)];
    assert_eq!(codes_of(&refused(node(&["x", "x"], &["y"]), vec![leaky()])), [codes::OPERAND_COUNT]);
    assert_eq!(codes_of(&refused(node(&["x"], &["y", "w"]), vec![leaky()])), [codes::OPERAND_COUNT]);
    let errors = refused(vec![call("Nowhere", &["x"], &["y"])], vec![leaky()]);
    assert_eq!(codes_of(&errors), [codes::UNSUPPORTED_OPERATORS]);
    assert!(errors.to_text().contains("the model defines no such function"), "{}", errors.to_text());
    let hollow = function("Hollow", &["v"], &["nothing"], Vec::new());
    assert_eq!(codes_of(&refused(vec![call("Hollow", &["x"], &["y"])], vec![hollow])), [codes::UNDEFINED_NAME]);
}
