//! Single ONNX nodes that become several operators, with the results that the standard gives.

use m4c_compiler::import::import;
use m4c_compiler::onnx::message::NodeProto;
use m4c_compiler::onnx::{Dim, ElementType, ModelFile, OnnxWriter, TensorData, TensorRef};
use m4c_ir::interpret;
use m4c_ops::{DType, Tensor};
use std::sync::Arc;

fn read(text: &str) -> Tensor {
    Tensor::parse(text, &Default::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn element(tensor: &Tensor) -> ElementType {
    match tensor.dtype() {
        DType::F32 => ElementType::Float,
        DType::I64 => ElementType::Int64,
        DType::Bool => ElementType::Bool,
        other => panic!("no test needs {other}"),
    }
}

/// Imports a node and evaluates it. An operand that starts with `=` is known when compiling, an empty one is left out.
#[track_caller]
fn check(op_type: &str, with: impl FnOnce(NodeProto) -> NodeProto, operands: &[&str], expected: &str) {
    let expected = read(expected);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut writer = OnnxWriter::new("model");
    let mut given = Vec::new();
    let mut names = Vec::new();
    for (index, text) in operands.iter().enumerate() {
        let name = format!("x{index}");
        names.push(if text.is_empty() { String::new() } else { name.clone() });
        if let Some(text) = text.strip_prefix('=') {
            let tensor = read(text);
            let dims = tensor.shape().iter().map(|&size| size as u64).collect();
            let data = TensorData::Owned(tensor.to_bytes().unwrap().into());
            writer.initializer(&name, TensorRef { dtype: element(&tensor), dims, data });
        } else if !text.is_empty() {
            let tensor = read(text);
            let sizes = tensor.shape().iter().enumerate();
            // An outer size of 2 is not known when compiling.
            let dim = |(axis, &size): (usize, &usize)| match (axis, size) {
                (0, 2) => Dim::Named(format!("n{index}_{axis}")),
                _ => Dim::Known(size as u64),
            };
            writer.input(&name, element(&tensor), &sizes.map(dim).collect::<Vec<_>>());
            given.push(Arc::new(tensor));
        }
    }
    writer.node(with(NodeProto::new(op_type, names, ["y"])));
    let sizes: Vec<Dim> = expected.shape().iter().map(|_| Dim::Named("junk".into())).collect();
    writer.output("y", element(&expected), &sizes);
    writer.save(&path).unwrap();
    let graph = import(&ModelFile::open(&path).unwrap(), "main");
    let graph = graph.unwrap_or_else(|errors| panic!("{op_type}: {}", errors.to_text())).0.graph;
    let results = interpret(&graph, &given).unwrap_or_else(|error| panic!("{op_type}: {error}"));
    // As text, NaN equals itself and zeros keep their sign.
    assert_eq!(results[0].to_string(), expected.to_string(), "{op_type}");
}

fn plain(node: NodeProto) -> NodeProto {
    node
}

#[test]
fn elementwise_nodes() {
    check("Neg", plain, &["f32[3] 1 0 -2"], "f32[3] -1 -0.0 2");
    check("Ceil", plain, &["f32[3] 1.2 -0.5 -2"], "f32[3] 2 -0.0 -2");
    check("Reciprocal", plain, &["f32[3] 4 0 -2"], "f32[3] 0.25 inf -0.5");
    check("Pow", plain, &["f32[2] 3 -2", "=i64[] 2"], "f32[2] 9 4");
    check("IsNaN", plain, &["f32[2] 3 NaN"], "bool[2] false true");
    check("Xor", plain, &["bool[2] true false", "bool[2] true true"], "bool[2] false true");
    check("Sum", plain, &["f32[2] 1 2", "f32[1] 3", "f32[2] 4 5"], "f32[2] 8 10");
    check("Sign", plain, &["f32[4] -3 0 2 NaN"], "f32[4] -1 0 1 NaN");
    check("LeakyRelu", |node| node.with("alpha", 0.5f32), &["f32[3] 2 -2 -inf"], "f32[3] 2 -1 -inf");
    check("LeakyRelu", |node| node.with("alpha", 0f32), &["f32[3] 2 inf -inf"], "f32[3] 2 inf NaN");
}

#[test]
fn gathers() {
    let x = "f32[2, 3] 1 2 3 4 5 6";
    check("GatherND", plain, &[x, "i64[2, 2] 0 2 1 -3"], "f32[2] 3 4");
    check("GatherND", plain, &[x, "i64[1, 1] -1"], "f32[1, 3] 4 5 6");
    check("GatherND", |node| node.with("batch_dims", 1i64), &[x, "i64[2, 1] 2 0"], "f32[2] 3 4");
    check("GatherElements", |node| node.with("axis", 1i64), &[x, "i64[2, 1] -1 0"], "f32[2, 1] 3 4");
    check("GatherElements", |node| node.with("axis", 0i64), &[x, "i64[1, 3] 1 0 1"], "f32[1, 3] 4 2 6");
}

#[test]
fn scatters() {
    let x = "f32[2, 3] 1 2 3 4 5 6";
    check("ScatterND", plain, &[x, "i64[2, 2] 0 2 -1 0", "f32[2] 10 20"], "f32[2, 3] 1 2 10 20 5 6");
    check("ScatterND", plain, &[x, "i64[1, 1] -1", "f32[1, 3] 7 8 9"], "f32[2, 3] 1 2 3 7 8 9");
    let add = |node: NodeProto| node.with("reduction", "add");
    check("ScatterND", add, &[x, "i64[2, 1] 0 0", "f32[2, 3] 1 1 1 2 2 2"], "f32[2, 3] 4 5 6 4 5 6");
    let rows = |node: NodeProto| node.with("axis", 1i64);
    check("ScatterElements", rows, &[x, "i64[2, 1] -1 0", "f32[2, 1] 7 8"], "f32[2, 3] 1 2 7 8 5 6");
    check("ScatterElements", add, &[x, "i64[1, 2] 1 1", "f32[1, 2] 10 20"], "f32[2, 3] 1 2 3 14 25 6");
}

#[test]
fn triangles_and_running_sums() {
    let x = "f32[2, 3] 1 2 3 4 5 6";
    check("Trilu", plain, &[x], "f32[2, 3] 1 2 3 0 5 6");
    check("Trilu", |node| node.with("upper", 0i64), &[x, "i64[] 1"], "f32[2, 3] 1 2 0 4 5 6");
    check("Trilu", plain, &[x, "=i64[] 1"], "f32[2, 3] 0 2 3 0 0 6");
    let last = "=i64[] -1";
    check("CumSum", |node| node.with("exclusive", 1i64), &[x, last], "f32[2, 3] 0 1 3 0 4 9");
    check("CumSum", |node| node.with("reverse", 1i64), &[x, last], "f32[2, 3] 6 5 3 15 11 6");
    check(
        "CumSum",
        |node| node.with("reverse", 1i64).with("exclusive", 1i64),
        &[x, "=i64[] 0"],
        "f32[2, 3] 4 5 6 0 0 0",
    );
    let ties = "f32[1, 4] 3 1 3 1";
    let last_of_ties = |node: NodeProto| node.with("axis", 1i64).with("select_last_index", 1i64);
    check("ArgMax", last_of_ties, &[ties], "i64[1, 1] 2");
    check("ArgMin", |node| node.with("axis", 1i64).with("keepdims", 0i64), &[ties], "i64[1] 1");
}

#[test]
fn windows() {
    let x = "f32[1, 1, 3] 1 2 3";
    let stride = |node: NodeProto| node.with("strides", vec![2i64]);
    check("ConvTranspose", stride, &[x, "=f32[1, 1, 2] 1 10"], "f32[1, 1, 6] 1 10 2 20 3 30");
    let cut = |node: NodeProto| node.with("strides", vec![2i64]).with("pads", vec![1i64, 2]);
    check("ConvTranspose", cut, &[x, "=f32[1, 1, 2] 1 10"], "f32[1, 1, 3] 10 2 20");
    let two_groups = |node: NodeProto| node.with("group", 2i64);
    let wide = "f32[1, 2, 1] 1 2";
    check("ConvTranspose", two_groups, &[wide, "=f32[2, 1, 2] 1 10 3 30"], "f32[1, 2, 2] 1 10 6 60");
    let pool = |node: NodeProto| node.with("kernel_shape", vec![2i64]).with("pads", vec![1i64, 0]);
    check("AveragePool", pool, &[x], "f32[1, 1, 3] 1 1.5 2.5");
    check("AveragePool", |node| pool(node).with("count_include_pad", 1i64), &[x], "f32[1, 1, 3] 0.5 1.5 2.5");
    let rest =
        |node: NodeProto| node.with("kernel_shape", vec![2i64]).with("strides", vec![2i64]).with("ceil_mode", 1i64);
    check("MaxPool", rest, &[x], "f32[1, 1, 2] 2 3");
    check("AveragePool", rest, &[x], "f32[1, 1, 2] 1.5 3");
}

#[test]
fn sizes_change() {
    let nearest =
        |node: NodeProto| node.with("coordinate_transformation_mode", "asymmetric").with("nearest_mode", "floor");
    let x = "f32[1, 2, 2] 1 2 3 4";
    let wide = "f32[1, 2, 4] 1 1 2 2 3 3 4 4";
    check("Resize", nearest, &[x, "", "=f32[3] 1 1 2"], wide);
    check("Pad", plain, &[x, "=i64[6] 0 0 1 0 0 -1", "=f32[] 9"], "f32[1, 2, 2] 9 1 9 3");
    check("Pad", plain, &[x, "=i64[2] 1 0", "", "=i64[1] 1"], "f32[1, 3, 2] 0 0 1 2 3 4");
    check("InstanceNormalization", plain, &["f32[1, 1, 2] 3 3", "=f32[1] 1", "=f32[1] 7"], "f32[1, 1, 2] 7 7");
}
