//! `ReverseSequence`: the first elements of each row from behind, as many as its length says.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::gather;

/// `ReverseSequence`.
pub static IMPORT: &[OnnxImport] = &[from("ReverseSequence", 10, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, lengths) = (node.operand(0)?, node.operand(1)?);
    let fact = b.fact(x).clone();
    let (batch, time) = (node.int("batch_axis")?.unwrap_or(1), node.int("time_axis")?.unwrap_or(0));
    if fact.rank() < 2 || [batch, time] != [0, 1] && [batch, time] != [1, 0] {
        let found = format!("is {batch}, and `time_axis` is {time}");
        return Err(ImportError::Attribute { name: "batch_axis".into(), found });
    }
    let swap: Vec<i64> = [batch, time].into_iter().chain(2..fact.rank() as i64).collect();
    let rows = b.transpose(x, swap.clone())?;
    let lengths = b.cast(lengths, DType::I64)?;
    let lengths = b.with_axis(lengths, 1)?;
    let place = b.count(2, 1, fact.shape[time as usize].clone(), DType::I64)?;
    let last = b.plus(lengths, -1.0)?;
    let back = b.sub(last, place)?;
    let within = b.less(place, lengths)?;
    let chosen = b.select(within, back, place)?;
    let sizes = [fact.shape[batch as usize].clone(), fact.shape[time as usize].clone()];
    let chosen = b.expanded(chosen, &sizes)?;
    let turned = b.op(&gather::OP, &[rows, chosen], Attrs::none().int("axis", 1).int("batch_dims", 1))?;
    Ok(vec![b.transpose(turned, swap)?])
}
