//! The file layer on small models that are made here.

mod external;
mod graphs;
mod malformed;
mod tensors;
mod writing;

use super::message::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    tensor_proto::DataLocation,
};
use super::{Dim, ElementType, ModelFile, ValueType};
use crate::diagnostic::{Diagnostic, Diagnostics};
use prost::Message as _;

/// A valid model around a graph.
fn model_of(graph: GraphProto) -> ModelProto {
    let opset = OperatorSetIdProto { domain: None, version: Some(20) };
    ModelProto { ir_version: Some(10), opset_import: vec![opset], graph: Some(graph), ..Default::default() }
}

/// y = x · w, with a stored `w` of [2, 2].
fn small_graph() -> GraphProto {
    let floats = |dims: &[Dim]| ValueType { dtype: Some(ElementType::Float), dims: Some(dims.to_vec()) };
    let (batch, two) = (Dim::Named("batch".into()), Dim::Known(2));
    let node = NodeProto::new("MatMul", ["x", "w"], ["y"]).named("/m/proj/MatMul").with("note", "only for tests");
    GraphProto {
        name: Some("small".into()),
        node: vec![node],
        initializer: vec![TensorProto::from_bytes("w", ElementType::Float, &[2, 2], bytes_of(&[1.0, 2.0, 3.0, 4.0]))],
        input: vec![floats(&[batch.clone(), two.clone()]).to_proto("x")],
        output: vec![floats(&[batch, two]).to_proto("y")],
        ..Default::default()
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn read(model: &ModelProto) -> Result<ModelFile, Diagnostic> {
    ModelFile::from_bytes("test.onnx", model.encode_to_vec().into())
}

/// A model that only stores tensors.
fn storing(tensors: Vec<TensorProto>) -> ModelProto {
    model_of(GraphProto { initializer: tensors, ..Default::default() })
}

/// A tensor in another file.
fn elsewhere(name: &str, dtype: ElementType, dims: &[i64], keys: &[(&str, &str)]) -> TensorProto {
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some((*key).to_owned()),
        value: Some((*value).to_owned()),
    };
    TensorProto {
        name: Some(name.to_owned()),
        data_type: Some(dtype as i32),
        dims: dims.to_vec(),
        data_location: Some(DataLocation::External as i32),
        external_data: keys.iter().map(entry).collect(),
        ..Default::default()
    }
}

/// Touches everything that a model offers; for inputs that must not cause a panic.
fn touch_all(file: &ModelFile) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let graph = file.graph(&mut diagnostics);
    for (_, tensor) in graph.initializers(&mut diagnostics) {
        assert!(tensor.bytes().len() as u64 >= tensor.element_count() / 4);
        let _ = tensor.integers();
    }
    let values = graph.inputs().chain(graph.outputs()).chain(&graph.proto().value_info);
    for info in values {
        diagnostics.take(graph.value_type(info.name()));
    }
    for node in graph.nodes() {
        let _ = (node.reference(), node.inputs().count(), node.outputs().count(), node.domain());
        for name in node.attr_names() {
            diagnostics.take(node.attr_i64(name));
            diagnostics.take(node.attr_ints(name));
            diagnostics.take(node.attr_f32(name));
            diagnostics.take(node.attr_floats(name));
            diagnostics.take(node.attr_str(name));
            diagnostics.take(node.attr_strings(name));
            diagnostics.take(node.attr_tensor(name));
            diagnostics.take(node.attr_graph(name));
        }
    }
    let _ = diagnostics.to_text();
    diagnostics
}
