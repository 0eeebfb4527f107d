//! Length: very many nodes, initializers, operands, attributes, and very long names.

use crate::model::{list, model, soon, value, with};
use m4c_compiler::onnx::ElementType::{Float, Int64};
use m4c_compiler::onnx::message::{NodeProto, TensorProto};

#[test]
fn very_many_independent_nodes_are_planned() {
    let nodes = (0..50_000).map(|i| NodeProto::new("Exp", ["x"], [format!("y{i}")]));
    let names: Vec<String> = (0..50_000).map(|i| format!("y{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let _ = soon(&model(vec![value("x", Float, &["n"])], nodes.collect(), &names).to_file_bytes());
}

#[test]
fn very_many_initializers_are_read() {
    let nodes = (0..50_000).map(|i| NodeProto::new("Add", [format!("v{i}"), format!("w{i}")], [format!("v{}", i + 1)]));
    let weights = (0..100_000).map(|i| {
        let bytes = (i as f32).to_le_bytes().repeat(128);
        TensorProto::from_bytes(&format!("w{i}"), Float, &[128], bytes)
    });
    let whole = model(vec![value("v0", Float, &["n", "128"])], nodes.collect(), &["v50000"]);
    let plan = soon(&with(whole, weights.collect()).to_file_bytes()).expect("a plan");
    assert_eq!(plan.constants.len(), 50_000, "every second one is read");
}

#[test]
fn very_many_unknown_operators_are_one_error() {
    let nodes = (0..50_000).map(|i| NodeProto::new("Nonsense", ["x"], [format!("y{i}")]));
    let whole = model(vec![value("x", Float, &["n"])], nodes.collect(), &["y0"]);
    let errors = soon(&whole.to_file_bytes()).expect_err("errors");
    assert!(errors.to_text().len() < 100_000, "{} bytes of errors", errors.to_text().len());
}

#[test]
fn very_many_operands_are_joined_or_refused() {
    for (ty, same) in [(Float, true), (Float, false), (Int64, false)] {
        let names: Vec<String> = (0..20_000).map(|i| format!("x{i}")).collect();
        let inputs = names.iter().map(|name| value(name, ty, &[if same { "n" } else { name }]));
        let inputs: Vec<_> = inputs.collect();
        let join = NodeProto::new("Concat", names.clone(), ["y"]).with("axis", 0i64);
        let _ = soon(&model(inputs.clone(), vec![join], &["y"]).to_file_bytes());
        let join = NodeProto::new("Concat", names.iter().map(|name| format!("{name}'")), ["y"]).with("axis", 0i64);
        let nodes = names.iter().map(|name| NodeProto::new("Abs", [name.clone()], [format!("{name}'")])).chain([join]);
        let _ = soon(&model(inputs, nodes.collect(), &["y"]).to_file_bytes());
    }
}

#[test]
fn very_many_results_are_split_or_refused() {
    let names: Vec<String> = (0..20_000).map(|i| format!("y{i}")).collect();
    let split = NodeProto::new("Split", ["x"], names.clone()).with("axis", 0i64).with("num_outputs", 20_000i64);
    let _ = soon(&model(vec![value("x", Float, &["20000"])], vec![split.clone()], &["y0"]).to_file_bytes());
    let _ = soon(&model(vec![value("x", Float, &["n"])], vec![split], &["y0"]).to_file_bytes());
}

#[test]
fn guards_of_very_many_sizes_are_collected_or_refused() {
    let inputs = (0..5_000).map(|i| value(&format!("x{i}"), Float, &[&format!("n{i}")]));
    let nodes = (1..5_000).map(|i| {
        let before = if i == 1 { "x0".to_string() } else { format!("s{}", i - 1) };
        NodeProto::new("Where", ["c".to_string(), before, format!("x{i}")], [format!("s{i}")])
    });
    let condition = value("c", m4c_compiler::onnx::ElementType::Bool, &["n0"]);
    let inputs = inputs.chain([condition]).collect();
    let _ = soon(&model(inputs, nodes.collect(), &["s4999"]).to_file_bytes());
}

#[test]
fn huge_lists_as_attributes_and_operands_are_refused() {
    let million: Vec<i64> = (0..1_000_000).collect();
    let shape = value("x", Float, &["2", "n"]);
    for (op, name) in [("Transpose", "perm"), ("Conv", "strides"), ("MaxPool", "kernel_shape"), ("Flatten", "axis")] {
        let node = NodeProto::new(op, ["x", "x"], ["y"]).with(name, million.clone());
        let _ = soon(&model(vec![shape.clone()], vec![node], &["y"]).to_file_bytes());
    }
    for op in ["Reshape", "Expand", "Unsqueeze", "Squeeze", "Tile", "Pad", "ReduceSum", "Slice", "Resize", "Gather"] {
        let node = NodeProto::new(op, ["x", "w", "w", "w"], ["y"]);
        let whole = model(vec![shape.clone()], vec![node], &["y"]);
        let _ = soon(&with(whole, vec![list("w", &million)]).to_file_bytes());
        let node = NodeProto::new(op, ["x", "w"], ["y"]);
        let whole = model(vec![shape.clone()], vec![node], &["y"]);
        let _ = soon(&with(whole, vec![list("w", &million[..5000])]).to_file_bytes());
    }
    let sizes = vec!["1"; 100_000];
    let node = NodeProto::new("Exp", ["x"], ["y"]);
    assert!(soon(&model(vec![value("x", Float, &sizes)], vec![node], &["y"]).to_file_bytes()).is_err());
}

#[test]
fn very_many_attributes_are_read() {
    let mut node = NodeProto::new("Exp", ["x"], ["y"]);
    for i in 0..200_000 {
        node = node.with(&format!("a{i}"), i as i64);
    }
    let _ = soon(&model(vec![value("x", Float, &["n"])], vec![node], &["y"]).to_file_bytes());
}

#[test]
fn names_of_a_megabyte_are_only_long() {
    let long = "a".repeat(1 << 20);
    let nodes = vec![NodeProto::new("Exp", [&long], [format!("{long}y")]).named(format!("/{long}/{long}/Exp"))];
    let whole = model(vec![value(&long, Float, &[&long, "n"])], nodes, &[&format!("{long}y")]);
    assert_eq!(soon(&whole.to_file_bytes()).expect("a plan").steps.len(), 1);
    let unknown = vec![NodeProto::new(&long, ["x"], ["y"])];
    assert!(soon(&model(vec![value("x", Float, &["n"])], unknown, &["y"]).to_file_bytes()).is_err());
}
