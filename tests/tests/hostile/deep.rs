//! Depth: chains, nested graphs, functions that call functions, cycles. No stack overflows, and nothing is followed without end.

use crate::model::{list, model, named, refused, soon, value, with};
use m4c_compiler::diagnostic::codes;
use m4c_compiler::onnx::ElementType::{Float, Int64};
use m4c_compiler::onnx::message::{FunctionProto, ModelProto, NodeProto};

fn chain(length: usize, op: &str) -> ModelProto {
    let nodes = (0..length).map(|i| NodeProto::new(op, [format!("v{i}")], [format!("v{}", i + 1)]));
    model(vec![value("v0", Float, &["n", "4"])], nodes.collect(), &[&format!("v{length}")])
}

#[test]
fn a_chain_of_very_many_nodes_is_planned() {
    let steps = soon(&chain(100_000, "Exp").to_file_bytes()).expect("a plan").steps.len();
    assert!((1_000..=100_000).contains(&steps), "{steps}");
}

#[test]
fn a_chain_backwards_is_put_in_order() {
    let mut backwards = chain(50_000, "Exp");
    backwards.graph.as_mut().expect("a graph").node.reverse();
    let steps = soon(&backwards.to_file_bytes()).expect("a plan").steps.len();
    assert!((1_000..=50_000).contains(&steps), "{steps}");
}

#[test]
fn a_long_cycle_is_refused() {
    let mut circle = chain(100_000, "Exp");
    circle.graph.as_mut().expect("a graph").node[0].input[0] = "v100000".into();
    refused(&circle.to_file_bytes(), codes::CYCLE);
}

/// A field of a message whose content is `inner`, all in reverse.
fn wrapped(reversed: &mut Vec<u8>, field: u64) {
    let varint = |mut value: u64| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let head = [varint(field << 3 | 2), varint(reversed.len() as u64)].concat();
    reversed.extend(head.iter().rev());
}

#[test]
fn graphs_nested_ten_thousand_deep_are_refused() {
    // A graph in an attribute of a node of a graph, from the inside out.
    let mut reversed = Vec::new();
    for _ in 0..10_000 {
        wrapped(&mut reversed, 1);
        wrapped(&mut reversed, 6);
        wrapped(&mut reversed, 5);
    }
    wrapped(&mut reversed, 1);
    wrapped(&mut reversed, 7);
    reversed.reverse();
    refused(&[&[8, 10, 66, 2, 16, 20][..], &reversed].concat(), codes::NESTED_TOO_DEEP);
}

#[test]
fn branches_as_deep_as_a_file_can_hold_them_are_refused_or_planned() {
    for depth in [10, 16, 24] {
        let mut inner = model(vec![], vec![NodeProto::new("Exp", ["x"], ["y"])], &["y"]);
        for _ in 0..depth {
            let graph = inner.graph.take().expect("a graph");
            let branch =
                NodeProto::new("If", ["c"], ["y"]).with("then_branch", graph.clone()).with("else_branch", graph);
            if branch.attribute.len() > 2 {
                break;
            }
            inner = model(vec![], vec![branch], &["y"]);
            // Two branches at each depth would double the file each time.
            let node = &mut inner.graph.as_mut().expect("a graph").node[0];
            if let Some(graph) = node.attribute[1].g.as_mut() {
                graph.node = vec![NodeProto::new("Exp", ["x"], ["y"])];
            }
        }
        let graph = inner.graph.as_mut().expect("a graph");
        graph.input = vec![value("c", m4c_compiler::onnx::ElementType::Bool, &[]), value("x", Float, &["n"])];
        let _ = soon(&inner.to_file_bytes());
    }
}

fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some(name.into()),
        domain: Some("local".into()),
        input: vec!["x".into()],
        output: vec!["y".into()],
        opset_import: model(vec![], vec![], &[]).opset_import,
        node: nodes,
        ..Default::default()
    }
}

fn call(name: &str, from: &str, to: &str) -> NodeProto {
    NodeProto { domain: Some("local".into()), ..NodeProto::new(name, [from], [to]) }
}

fn calling(functions: Vec<FunctionProto>, first: &str) -> Vec<u8> {
    let mut model = model(vec![value("x", Float, &["n"])], vec![call(first, "x", "y")], &["y"]);
    model.functions = functions;
    model.to_file_bytes()
}

#[test]
fn functions_without_end_are_refused() {
    refused(&calling(vec![function("f", vec![call("f", "x", "y")])], "f"), codes::FUNCTION_CALLS);
    let circle = vec![function("f", vec![call("g", "x", "y")]), function("g", vec![call("f", "x", "y")])];
    refused(&calling(circle, "f"), codes::FUNCTION_CALLS);
    let last = function("f10000", vec![NodeProto::new("Exp", ["x"], ["y"])]);
    let chain = (0..10_000).map(|i| function(&format!("f{i}"), vec![call(&format!("f{}", i + 1), "x", "y")]));
    refused(&calling(chain.chain([last]).collect(), "f0"), codes::FUNCTION_CALLS);
    // Each calls the next one twice: a million nodes from twenty short functions.
    let twice = |i: usize| {
        let next = format!("f{}", i + 1);
        function(&format!("f{i}"), vec![call(&next, "x", "m"), call(&next, "m", "y")])
    };
    let last = function("f20", vec![NodeProto::new("Exp", ["x"], ["y"])]);
    refused(&calling((0..20).map(twice).chain([last]).collect(), "f0"), codes::FUNCTION_CALLS);
}

#[test]
fn large_graphs_in_functions_are_counted_with_each_call() {
    let inner = model(vec![], (0..1000).map(|i| NodeProto::new("Exp", ["x"], [format!("t{i}")])).collect(), &["t0"]);
    let graph = inner.graph.expect("a graph");
    let branch = NodeProto::new("If", ["c"], ["y"]).with("then_branch", graph.clone()).with("else_branch", graph);
    let functions = vec![function("f", vec![branch])];
    let calls = (0..10_000).map(|i| call("f", "x", &format!("y{i}")));
    let mut model = model(vec![value("x", Float, &["n"])], calls.collect(), &["y0"]);
    model.functions = functions;
    refused(&model.to_file_bytes(), codes::FUNCTION_CALLS);
}

#[test]
fn very_many_functions_and_calls_are_planned() {
    let functions = (0..10_000).map(|i| function(&format!("f{i}"), vec![NodeProto::new("Exp", ["x"], ["y"])]));
    let calls = (0..10_000).map(|i| call(&format!("f{}", 9_999 - i), &format!("v{i}"), &format!("v{}", i + 1)));
    let mut model = model(vec![value("v0", Float, &["n"])], calls.collect(), &["v10000"]);
    model.functions = functions.collect();
    let steps = soon(&model.to_file_bytes()).expect("a plan").steps.len();
    assert!((100..=10_000).contains(&steps), "{steps}");
}

#[test]
fn loops_in_loops_are_not_written_out_without_end() {
    let body = |inner: Vec<NodeProto>| {
        let mut graph = model(vec![named("i"), named("c"), value("s", Float, &["2"])], inner, &["c", "t"]).graph;
        graph.take().expect("a graph")
    };
    let mut nodes = vec![NodeProto::new("Exp", ["s"], ["t"])];
    for _ in 0..8 {
        nodes = vec![NodeProto::new("Loop", ["trip", "", "s"], ["t"]).with("body", body(nodes))];
    }
    let whole = with(model(vec![value("s", Float, &["2"])], nodes, &["t"]), vec![list("trip", &[8])]);
    let plan = soon(&whole.to_file_bytes()).expect("a plan");
    assert!(plan.steps.len() < 10_000, "{}", plan.steps.len());
}

#[test]
fn sizes_that_the_data_decides_are_traced_once() {
    // Each value is the sum of the one before with itself, sixty times: as many paths as 2 to the 60.
    let double = (0..60).map(|i| NodeProto::new("Add", [format!("v{i}"), format!("v{i}")], [format!("v{}", i + 1)]));
    let nodes = double.chain([NodeProto::new("Expand", ["x", "v60"], ["y"])]);
    let inputs = vec![value("v0", Int64, &["1"]), value("x", Float, &["1"])];
    let _ = soon(&model(inputs, nodes.collect(), &["y"]).to_file_bytes());
}

#[test]
fn shape_arithmetic_that_doubles_is_refused() {
    for op in ["Mul", "Add", "Max"] {
        // n * n, then squared, or (n + 1) / 3 of itself plus itself.
        let mut nodes = vec![NodeProto::new("Shape", ["x"], ["v0"])];
        for i in 0..60 {
            let (from, to) = (format!("v{i}"), format!("v{}", i + 1));
            nodes.push(NodeProto::new("Mul", [&from, &from], [format!("a{i}")]));
            nodes.push(NodeProto::new("Add", [format!("a{i}"), "one".into()], [format!("b{i}")]));
            nodes.push(NodeProto::new("Div", [format!("b{i}"), "three".into()], [format!("c{i}")]));
            nodes.push(NodeProto::new(op, [format!("c{i}"), from], [to]));
        }
        nodes.push(NodeProto::new("Expand", ["x", "v60"], ["y"]));
        let whole = model(vec![value("x", Float, &["n"])], nodes, &["y"]);
        refused(&with(whole, vec![list("one", &[1]), list("three", &[3])]).to_file_bytes(), codes::SHAPE_INFERENCE);
    }
}

#[test]
fn names_of_sizes_that_are_huge_expressions_are_symbols() {
    for text in
        ["n*".repeat(100_000) + "n", "(n+1)*".repeat(100_000) + "n", "max(n,".repeat(50) + "n" + &")".repeat(50)]
    {
        let nodes = vec![NodeProto::new("Exp", ["x"], ["y"])];
        let plan = soon(&model(vec![value("x", Float, &[&text])], nodes, &["y"]).to_file_bytes()).expect("a plan");
        assert_eq!(plan.steps.len(), 1);
    }
}
