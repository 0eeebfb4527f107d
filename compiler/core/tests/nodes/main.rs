//! Single ONNX nodes that become several operators, with the results that the standard gives.

mod accuracy;
mod data_sizes;
mod elementwise;
mod moving;
mod reducing;
mod resizing;
mod sampling;
mod transforms;
mod windows;

use m4c_compiler::import::import;
use m4c_compiler::onnx::message::NodeProto;
use m4c_compiler::onnx::{Dim, ElementType, ModelFile, OnnxWriter, TensorData, TensorRef};
use m4c_ir::{Graph, interpret};
use m4c_ops::Tensor;
use m4c_ops::onnx::dtype_to_onnx;
use std::sync::Arc;

fn read(text: &str) -> Tensor {
    Tensor::parse(text, &Default::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn element(tensor: &Tensor) -> ElementType {
    let code = dtype_to_onnx(tensor.dtype()) as i32;
    ElementType::try_from(code).unwrap_or_else(|_| panic!("ONNX has no {}", tensor.dtype()))
}

/// How an operand is given.
enum Operand {
    /// At run time.
    Given(Tensor),
    /// Known when compiling.
    Known(Tensor),
    /// Not at all.
    Absent,
}

impl Operand {
    /// One that starts with `=` is known when compiling, an empty one is left out.
    fn read(text: &str) -> Operand {
        match text.strip_prefix('=') {
            Some(text) => Operand::Known(read(text)),
            None if text.is_empty() => Operand::Absent,
            None => Operand::Given(read(text)),
        }
    }
}

/// A node's graph, or what is wrong with it, and the values that it is given.
fn graph(
    node: impl FnOnce(NodeProto) -> NodeProto,
    op_type: &str,
    operands: Vec<Operand>,
    results: usize,
) -> (Result<Graph, String>, Vec<Arc<Tensor>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut writer = OnnxWriter::new("model");
    let (mut given, mut names) = (Vec::new(), Vec::new());
    for (index, operand) in operands.into_iter().enumerate() {
        let name = format!("x{index}");
        names.push(if matches!(operand, Operand::Absent) { String::new() } else { name.clone() });
        match operand {
            Operand::Absent => {}
            Operand::Known(tensor) => {
                let dims = tensor.shape().iter().map(|&size| size as u64).collect();
                let data = TensorData::Owned(tensor.to_bytes().unwrap().into());
                writer.initializer(&name, TensorRef { dtype: element(&tensor), dims, data });
            }
            Operand::Given(tensor) => {
                // An outer size of 2, and any size of 7, is not known when compiling.
                let dim = |(axis, &size): (usize, &usize)| match (axis, size) {
                    (0, 2) | (_, 7) => Dim::Named(format!("n{index}_{axis}")),
                    _ => Dim::Known(size as u64),
                };
                writer.input(&name, element(&tensor), &tensor.shape().iter().enumerate().map(dim).collect::<Vec<_>>());
                given.push(Arc::new(tensor));
            }
        }
    }
    let outputs: Vec<String> = (0..results).map(|index| format!("y{index}")).collect();
    writer.node(node(NodeProto::new(op_type, names, outputs.iter().map(String::as_str))));
    for name in &outputs {
        writer.output(name, ElementType::Float, &[]);
    }
    writer.save(&path).unwrap();
    let imported = import(&ModelFile::open(&path).unwrap(), "main");
    (imported.map(|(imported, _)| imported.graph).map_err(|errors| errors.to_text()), given)
}

/// A node's results.
#[track_caller]
fn results(
    op_type: &str,
    with: impl FnOnce(NodeProto) -> NodeProto,
    operands: Vec<Operand>,
    count: usize,
) -> Vec<Arc<Tensor>> {
    let (graph, given) = graph(with, op_type, operands, count);
    let graph = graph.unwrap_or_else(|errors| panic!("{op_type}: {errors}"));
    interpret(&graph, &given).unwrap_or_else(|error| panic!("{op_type}: {error}"))
}

/// Imports a node and evaluates it: these are its results.
#[track_caller]
fn check_all(op_type: &str, with: impl FnOnce(NodeProto) -> NodeProto, operands: &[&str], expected: &[&str]) {
    let operands = operands.iter().map(|text| Operand::read(text)).collect();
    let results = results(op_type, with, operands, expected.len());
    for (result, expected) in results.iter().zip(expected) {
        // As text, NaN equals itself and zeros keep their sign.
        assert_eq!(result.to_string(), read(expected).to_string(), "{op_type}");
    }
}

/// Imports a node of one result and evaluates it.
#[track_caller]
fn check(op_type: &str, with: impl FnOnce(NodeProto) -> NodeProto, operands: &[&str], expected: &str) {
    check_all(op_type, with, operands, &[expected]);
}

/// A node does not import, and these words say why.
#[track_caller]
fn refused(op_type: &str, with: impl FnOnce(NodeProto) -> NodeProto, operands: &[&str], words: &str) {
    let operands = operands.iter().map(|text| Operand::read(text)).collect();
    match graph(with, op_type, operands, 1).0 {
        Ok(graph) => panic!("{op_type} imports:\n{graph}"),
        Err(errors) => assert!(errors.contains(words), "{op_type}: {errors}"),
    }
}

fn plain(node: NodeProto) -> NodeProto {
    node
}
