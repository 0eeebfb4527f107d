//! Test vectors: for each sample of each operator an archive with operands and result, and an index of all.

use crate::aligned::Aligned;
use crate::array::{Array, write_arrays};
use crate::console::to_json;
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_compiler::file;
use m4c_ops::tensor::Data;
use m4c_ops::{DType, Op, Tensor};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Serialize)]
struct Index {
    /// For people who find the folder.
    about: &'static str,
    vectors: Vec<Vector>,
}

#[derive(Serialize)]
struct Vector {
    file: String,
    op: &'static str,
    sample: &'static str,
    operands: Vec<Option<Stored>>,
    attributes: BTreeMap<&'static str, String>,
    result: Stored,
    numerics: &'static str,
    /// Largest difference relative to the largest finite magnitude of the result.
    tolerance: f64,
}

#[derive(Serialize)]
struct Stored {
    array: String,
    dtype: &'static str,
    shape: Vec<usize>,
}

const ABOUT: &str = "Operands are arrays `in:NAME`, the result is `out:result`; an absent operand is null. \
4-bit elements are stored one a byte, bfloat16 as two-byte records.";

/// Writes the vectors of some operators; says how many there are.
pub(crate) fn write(folder: &Path, ops: &[&'static Op]) -> Result<usize, Diagnostics> {
    let mut vectors = Vec::new();
    for op in ops {
        for (number, sample) in op.samples.iter().enumerate() {
            let read = sample.read(op).map_err(|error| broken_sample(op, &error))?;
            let tensors: Vec<Option<&Tensor>> = read.operands.iter().map(Option::as_ref).collect();
            // The evaluated result has all digits, the written one those that a person wants to read.
            let result = op.eval(&tensors, &read.attrs).map_err(|error| broken_sample(op, &error.to_string()))?;
            let mut arrays = Vec::new();
            let mut operands = Vec::new();
            for (position, operand) in read.operands.iter().enumerate() {
                let name = format!("in:{}", operand_name(op, position));
                operands.push(operand.as_ref().map(|tensor| store(name, tensor, &mut arrays)));
            }
            let result = store("out:result".into(), &result, &mut arrays);
            let file = format!("{}-{number}.npz", op.name);
            let named: Vec<(String, &Array)> = arrays.iter().map(|(name, array)| (name.clone(), array)).collect();
            write_arrays(&folder.join(&file), &named)?;
            vectors.push(Vector {
                file,
                op: op.name,
                sample: sample.name,
                operands,
                attributes: read.attrs.iter().map(|(name, value)| (name, value.to_string())).collect(),
                result,
                numerics: op.numerics.name(),
                tolerance: op.numerics.tolerance(read.result.dtype()),
            });
        }
    }
    let count = vectors.len();
    let index = to_json(&Index { about: ABOUT, vectors })?;
    file::write(folder.join("index.json"), index.as_bytes())?;
    Ok(count)
}

/// A sample that does not read; a test of the operator table holds that all do.
fn broken_sample(op: &Op, what: &str) -> Diagnostics {
    Diagnostic::bug(codes::INTERNAL, format!("a sample of `{}` is wrong: {what}", op.name)).into()
}

/// The last operand may stand for many values.
fn operand_name(op: &Op, position: usize) -> String {
    let many = position + 1 >= op.operands.len()
        && op.operands.last().is_some_and(|last| last.arity == m4c_ops::op::Arity::Many);
    let name = op.operands.get(position).or(op.operands.last()).map_or("operand", |operand| operand.name);
    if many { format!("{name}.{}", position + 1 - op.operands.len()) } else { name.into() }
}

fn store(name: String, tensor: &Tensor, arrays: &mut Vec<(String, Array)>) -> Stored {
    let stored = Stored { array: name.clone(), dtype: tensor.dtype().name(), shape: tensor.shape().to_vec() };
    let (dtype, bytes) = match tensor.data() {
        Data::I4(elements) => (DType::I8, elements.iter().map(|&element| element as u8).collect()),
        Data::U4(elements) => (DType::U8, elements.clone()),
        _ => (tensor.dtype(), tensor.to_bytes().unwrap_or_default()),
    };
    arrays.push((name, Array { dtype, shape: stored.shape.clone(), bytes: Aligned::copy_of(&bytes) }));
    stored
}
