//! Models made for these tests.

use m4c_compiler::diagnostic::{Code, Diagnostics, Severity};
use m4c_compiler::onnx::message::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto};
use m4c_compiler::onnx::message::{TypeProto, tensor_shape_proto, type_proto};
use m4c_compiler::onnx::{ElementType, message};
use m4c_compiler::plan::Plan;
use m4c_tests::hostile::{computed, planned};
use std::time::Duration;

/// An input or output of these sizes, which are numbers or names.
pub(crate) fn value(name: &str, ty: ElementType, sizes: &[&str]) -> ValueInfoProto {
    use tensor_shape_proto::dimension::Value;
    let dimension = |size: &&str| {
        let value = size.parse().map_or_else(|_| Value::DimParam(size.to_string()), Value::DimValue);
        tensor_shape_proto::Dimension { value: Some(value), denotation: None }
    };
    let shape = message::TensorShapeProto { dim: sizes.iter().map(dimension).collect() };
    let tensor = type_proto::Tensor { elem_type: Some(ty as i32), shape: Some(shape) };
    let ty = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None };
    ValueInfoProto { name: Some(name.into()), r#type: Some(ty), ..Default::default() }
}

/// A named value of which nothing is said.
pub(crate) fn named(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: Some(name.into()), ..Default::default() }
}

/// A list of 64-bit integers.
pub(crate) fn list(name: &str, values: &[i64]) -> TensorProto {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto::from_bytes(name, ElementType::Int64, &[values.len() as i64], bytes)
}

/// A model of one graph.
pub(crate) fn model(inputs: Vec<ValueInfoProto>, nodes: Vec<NodeProto>, outputs: &[&str]) -> ModelProto {
    let graph = GraphProto {
        input: inputs,
        node: nodes,
        output: outputs.iter().map(|name| named(name)).collect(),
        ..Default::default()
    };
    ModelProto {
        ir_version: Some(10),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(20) }],
        graph: Some(graph),
        ..Default::default()
    }
}

/// The same with initializers.
pub(crate) fn with(mut model: ModelProto, initializers: Vec<TensorProto>) -> ModelProto {
    if let Some(graph) = &mut model.graph {
        graph.initializer = initializers;
    }
    model
}

/// Plans a model within a time that quadratic work would exceed many times.
///
/// # Panics
/// Where it takes longer, or an error is a bug of the compiler.
#[track_caller]
pub(crate) fn soon(bytes: &[u8]) -> Result<Plan, Diagnostics> {
    let start = computed();
    let result = planned(bytes);
    let elapsed = computed().saturating_sub(start);
    println!("{} bytes in {elapsed:?}", bytes.len());
    assert!(elapsed < Duration::from_secs(60), "{elapsed:?}");
    if let Err(errors) = &result {
        assert!(errors.iter().all(|error| error.severity != Severity::Bug), "{}", errors.to_text());
    }
    result
}

/// Holds that a model is refused soon, with this code among others.
#[track_caller]
pub(crate) fn refused(bytes: &[u8], code: Code) {
    match soon(bytes) {
        Ok(_) => panic!("it was planned"),
        Err(errors) => {
            assert!(errors.iter().any(|error| error.code == code), "no {code} in {}", errors.to_text());
        }
    }
}
