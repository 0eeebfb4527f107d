//! libtorch runs a TorchScript file: the model as its author had it, before any export to ONNX.

use super::failure;
use crate::aligned::Aligned;
use crate::array::Array;
use m4c_compiler::diagnostic::Diagnostic;
use m4c_ops::DType;
use m4c_runtime::Program;
use std::path::Path;
use tch::{CModule, Device, IValue, Kind, TchError, Tensor};

/// The outputs of a TorchScript file. Its inputs and outputs have no names, so they are those of the program in order.
pub(crate) fn run(model: &Path, program: &Program<'_>, inputs: &[Array]) -> Result<Vec<Array>, Diagnostic> {
    let fail = |error: TchError| {
        // What follows the first line is libtorch's own stack.
        let text = error.to_string();
        failure("torch", model, text.lines().next().unwrap_or_default())
    };
    let module = CModule::load_on_device(model, Device::Cpu).map_err(fail)?;
    let mut given = Vec::new();
    for array in inputs {
        let Some(kind) = kind_of(array.dtype) else {
            return Err(failure("torch", model, format!("an input is {}", array.dtype)));
        };
        let sizes: Vec<i64> = array.shape.iter().map(|&size| size as i64).collect();
        let tensor = Tensor::f_from_data_size(array.bytes.bytes(), &sizes, kind).map_err(fail)?;
        given.push(IValue::Tensor(tensor));
    }
    let mut tensors = Vec::new();
    flatten(module.forward_is(&given).map_err(fail)?, &mut tensors);
    if tensors.len() != crate::ports::outputs(program).len() {
        return Err(failure("torch", model, format!("it gives {} outputs", tensors.len())));
    }
    let mut outputs = Vec::new();
    for tensor in tensors {
        outputs.push(array_of(&tensor).map_err(fail)?);
    }
    Ok(outputs)
}

/// Exporters flatten nested results in this order, too.
fn flatten(value: IValue, tensors: &mut Vec<Tensor>) {
    match value {
        IValue::Tensor(tensor) => tensors.push(tensor),
        IValue::TensorList(list) => tensors.extend(list),
        IValue::Tuple(values) | IValue::GenericList(values) => {
            values.into_iter().for_each(|value| flatten(value, tensors));
        }
        IValue::GenericDict(entries) => entries.into_iter().for_each(|(_, value)| flatten(value, tensors)),
        _ => {}
    }
}

fn array_of(tensor: &Tensor) -> Result<Array, TchError> {
    let kind = tensor.f_kind()?;
    let known = m4c_ops::dtype::ALL.iter().find(|dtype| kind_of(**dtype) == Some(kind));
    let Some(&dtype) = known else { return Err(TchError::Torch(format!("an output is {kind:?}"))) };
    let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
    let elements = tensor.numel();
    let mut bytes = Aligned::zeroed(dtype.bytes(elements).unwrap_or(0));
    tensor.f_contiguous()?.f_copy_data_u8(bytes.bytes_mut(), elements)?;
    Ok(Array { dtype, shape, bytes })
}

fn kind_of(dtype: DType) -> Option<Kind> {
    Some(match dtype {
        DType::Bool => Kind::Bool,
        DType::I8 => Kind::Int8,
        DType::U8 => Kind::Uint8,
        DType::I16 => Kind::Int16,
        DType::I32 => Kind::Int,
        DType::I64 => Kind::Int64,
        DType::F16 => Kind::Half,
        DType::BF16 => Kind::BFloat16,
        DType::F32 => Kind::Float,
        DType::I4 | DType::U4 => return None,
    })
}
