//! tract runs the ONNX file itself: an importer and kernels that share nothing with m4c but the algebra of sizes.

use super::failure;
use crate::aligned::Aligned;
use crate::array::Array;
use crate::ports;
use m4c_compiler::diagnostic::Diagnostic;
use m4c_ops::DType;
use m4c_runtime::Program;
use std::path::Path;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModelExt, IntoRunnable, Tensor, TractResult, tvec,
};

/// The outputs of an ONNX file, in the order of the program's outputs.
pub(crate) fn run(model: &Path, program: &Program<'_>, inputs: &[Array]) -> Result<Vec<Array>, Diagnostic> {
    let outputs = compute(model, program, inputs)
        .map_err(|error| failure("tract", model, format!("{error:#}").lines().next().unwrap_or_default()))?;
    if outputs.len() != ports::outputs(program).len() {
        return Err(failure("tract", model, format!("it gives {} outputs", outputs.len())));
    }
    Ok(outputs)
}

fn compute(path: &Path, program: &Program<'_>, inputs: &[Array]) -> TractResult<Vec<Array>> {
    // The declared shapes have symbols where the inputs have numbers, and tract does not unify the two.
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut model = onnx.model_for_path(path)?;
    let outlets = model.input_outlets()?.to_vec();
    let mut given = tvec!();
    for (position, outlet) in outlets.iter().enumerate() {
        let name = &model.node(outlet.node).name;
        let array = ports::input(program, name).and_then(|index| inputs.get(index));
        let Some(array) = array else { return Err(message(format!("input `{name}` is not in the artifact"))) };
        let Some(dtype) = datum_type(array.dtype) else {
            return Err(message(format!("input `{name}` is {}", array.dtype)));
        };
        let mut tensor = Tensor::zero_dt(dtype, &array.shape)?;
        tensor.as_bytes_mut().copy_from_slice(array.bytes.bytes());
        model.set_input_fact(position, InferenceFact::dt_shape(dtype, &*array.shape))?;
        given.push(tensor.into());
    }
    let results = model.into_optimized()?.into_runnable()?.run(given)?;
    results.iter().map(|result| array_of(result)).collect()
}

fn array_of(tensor: &Tensor) -> TractResult<Array> {
    // Sizes that tract keeps symbolic are numbers by now, in a type of its own.
    let plain = tensor.cast_to_dt(match tensor.datum_type() {
        DatumType::TDim => DatumType::I64,
        other => other,
    })?;
    let known = m4c_ops::dtype::ALL.iter().find(|dtype| datum_type(**dtype) == Some(plain.datum_type()));
    let Some(&dtype) = known else { return Err(message(format!("an output is {:?}", plain.datum_type()))) };
    Ok(Array { dtype, shape: plain.shape().to_vec(), bytes: Aligned::copy_of(plain.as_bytes()) })
}

fn datum_type(dtype: DType) -> Option<DatumType> {
    Some(match dtype {
        DType::Bool => DatumType::Bool,
        DType::I8 => DatumType::I8,
        DType::U8 => DatumType::U8,
        DType::I16 => DatumType::I16,
        DType::I32 => DatumType::I32,
        DType::I64 => DatumType::I64,
        DType::F16 => DatumType::F16,
        DType::F32 => DatumType::F32,
        DType::I4 | DType::U4 | DType::BF16 => return None,
    })
}

fn message(text: String) -> tract_onnx::prelude::TractError {
    tract_onnx::prelude::TractError::msg(text)
}
