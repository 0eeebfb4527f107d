//! Models whose inputs have symbolic sizes.

use m4c_compiler::onnx::message::ModelProto;
use m4c_compiler::onnx::message::tensor_shape_proto::dimension::Value as Size;
use m4c_compiler::onnx::message::type_proto::Value as Kind;

/// The model with a name of its own for every size of an input. Sizes 0 and 1 stay: exporters say them, since an axis of
/// size 1 broadcasts. Outputs keep no sizes.
pub fn with_open_sizes(model: &ModelProto) -> ModelProto {
    let mut model = model.clone();
    let Some(graph) = model.graph.as_mut() else { return model };
    let constants: Vec<String> = graph.initializer.iter().map(|tensor| tensor.name().to_string()).collect();
    for (index, port) in graph.input.iter_mut().enumerate() {
        let constant = constants.iter().any(|name| name == port.name());
        let Some(Kind::TensorType(tensor)) = port.r#type.as_mut().and_then(|t| t.value.as_mut()) else { continue };
        for (axis, dim) in tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim).enumerate() {
            if matches!(dim.value, Some(Size::DimValue(size)) if size > 1) && !constant {
                dim.value = Some(Size::DimParam(format!("size_{index}_{axis}")));
            }
        }
    }
    for port in &mut graph.output {
        if let Some(Kind::TensorType(tensor)) = port.r#type.as_mut().and_then(|t| t.value.as_mut()) {
            tensor.shape = None;
        }
    }
    graph.value_info.clear();
    model
}
