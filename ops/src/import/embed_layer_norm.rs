//! onnxruntime's `EmbedLayerNormalization`: the sum of word, position and segment embeddings, normalized.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::layer_norm;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, microsoft};
use crate::primitive::{add, broadcast, gather, reduce_sum};

/// `EmbedLayerNormalization`.
pub static IMPORT: &[OnnxImport] = &[microsoft("EmbedLayerNormalization", import)];

/// Words, segments, the tables of words, positions and segments, scale and bias, a mask, positions.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let words = node.operand(0)?;
    let by_row = || Attrs::none().int("axis", 0).int("batch_dims", 0);
    let mut sum = b.op(&gather::OP, &[node.operand(2)?, words], by_row())?;
    let [batch, rows] = &b.fact(words).shape.clone()[..] else {
        return Err(ImportError::Unsupported(format!("words of {} are not supported", b.fact(words))));
    };
    let table = node.operand(3)?;
    let position = match node.optional(8) {
        Some(positions) => b.op(&gather::OP, &[table, positions], by_row())?,
        None => b.cut(table, 0, Dim::from(0), rows.clone())?,
    };
    sum = b.plain(&add::OP, &[sum, position])?;
    if let (Some(segments), Some(table)) = (node.optional(1), node.optional(4)) {
        let segment = b.op(&gather::OP, &[table, segments], by_row())?;
        sum = b.plain(&add::OP, &[sum, segment])?;
    }
    let epsilon = b.scalar(DType::F32, f64::from(node.float("epsilon")?.unwrap_or(1e-12)));
    let operands = [Some(sum), Some(node.operand(5)?), Some(node.operand(6)?), Some(epsilon)];
    let norm = b.apply(&layer_norm::OP, &operands, Attrs::none().int("axis", 2))?;
    let lengths = match node.optional(7) {
        Some(mask) => reduce_sum::apply(b, mask, vec![1], false)?,
        None => {
            let zero = b.scalar(DType::I32, 0.0);
            b.op(&broadcast::OP, &[zero], Attrs::none().dims("sizes", vec![batch.clone()]))?
        }
    };
    Ok(vec![norm, lengths, sum])
}
