//! `Dropout`, which drops nothing but in training.

use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::tensor::Tensor;

/// `Dropout`.
pub static IMPORT: &[OnnxImport] = &[from("Dropout", 7, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let numbers = |value: Value| b.known(value).and_then(Tensor::as_f64s);
    let training = match node.optional(2) {
        Some(training) => {
            let known = numbers(training).ok_or(ImportError::NotConstant { index: 2, sets: "whether it trains" })?;
            known.iter().any(|&value| value != 0.0)
        }
        None => false,
    };
    let drops_nothing = node.optional(1).and_then(numbers).is_some_and(|ratio| ratio == [0.0]);
    if training && !drops_nothing {
        return Err(ImportError::Unsupported("Dropout for training".into()));
    }
    let mut results = vec![x];
    if node.results > 1 {
        let dtype = if node.version < 10 { fact.dtype } else { DType::Bool };
        results.push(b.filled(dtype, 1.0, &fact.shape)?);
    }
    Ok(results)
}
