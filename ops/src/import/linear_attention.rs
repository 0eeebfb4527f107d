//! `LinearAttention`: a state of keys by values that each position decays, corrects, adds to and reads.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;

/// `LinearAttention`.
pub static IMPORT: &[OnnxImport] = &[from("LinearAttention", 27, import)];

/// Positions are written out one by one; more would make a graph that nobody can read.
const MOST_POSITIONS: i64 = 256;

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let count = |name: &str| -> Result<i64, ImportError> {
        let missing = || ImportError::Attribute { name: name.into(), found: "is missing or not positive".into() };
        node.int(name)?.filter(|count| *count > 0).ok_or_else(missing)
    };
    let (own, shared) = (count("q_num_heads")?, count("kv_num_heads")?);
    let rule = node.text("update_rule")?.unwrap_or("gated_delta");
    let (gated, corrected) = match rule {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => {
            return Err(ImportError::Attribute { name: "update_rule".into(), found: format!("is `{other}`") });
        }
    };
    let dtype = b.fact(node.operand(0)?).dtype;
    let (q, k) = (by_head(b, node, 0, own)?, by_head(b, node, 1, shared)?);
    let v = by_head(b, node, 2, shared)?;
    let (queries, keys, values) = (b.fact(q).clone(), b.fact(k).clone(), b.fact(v).clone());
    let positions = keys.shape[1].as_i64().filter(|positions| *positions <= MOST_POSITIONS);
    let positions = positions.ok_or(ImportError::NotConstant { index: 1, sets: "the number of positions" })?;
    let decay = if gated { Some(by_head(b, node, 4, shared)?) } else { None };
    let beta = match corrected {
        true => {
            let beta = node.operand(5)?;
            let heads = b.fact(beta).shape.last().and_then(Dim::as_i64).unwrap_or(shared);
            Some(by_head(b, node, 5, heads)?)
        }
        false => None,
    };
    let scale = match node.float("scale")?.filter(|scale| *scale != 0.0) {
        Some(scale) => f64::from(scale),
        None => {
            let width =
                keys.shape[3].as_i64().ok_or(ImportError::NotConstant { index: 1, sets: "the width of a head" })?;
            1.0 / (width as f64).sqrt()
        }
    };
    let (mut state, state_dtype) = match node.optional(3) {
        Some(past) => (b.wide(past)?, b.fact(past).dtype),
        None => {
            let sizes = [&keys.shape[0], &Dim::from(shared), &keys.shape[3], &values.shape[3]].map(Clone::clone);
            (b.filled(b.fact(k).dtype, 0.0, &sizes)?, dtype)
        }
    };
    let mut rows = Vec::new();
    for place in 0..positions {
        let column = |b: &mut dyn Build, x: Value| at(b, x, place, true);
        if let Some(decay) = decay {
            let decay = column(b, decay)?;
            let kept = b.exp(decay)?;
            state = b.mul(state, kept)?;
        }
        let key = column(b, k)?;
        let mut value = at(b, v, place, false)?;
        if let Some(beta) = beta {
            let read = b.transpose(key, vec![0, 1, 3, 2])?;
            let read = b.matmul(read, state)?;
            let missing = b.sub(value, read)?;
            let beta = at(b, beta, place, false)?;
            value = b.mul(beta, missing)?;
        }
        let added = b.mul(key, value)?;
        state = b.add(state, added)?;
        // Query heads that share a state are rows of one product.
        let query = b.at(q, 1, Dim::from(place))?;
        let sizes =
            [&queries.shape[0], &Dim::from(shared), &Dim::from(own / shared), &queries.shape[3]].map(Clone::clone);
        let query = b.reshape(query, &sizes)?;
        let read = b.matmul(query, state)?;
        let merged = values.shape[3].clone() * Dim::from(own);
        rows.push(b.reshape(read, &[queries.shape[0].clone(), Dim::from(1), merged])?);
    }
    let result = b.joined(&rows, 1)?;
    let result = b.times(result, scale)?;
    Ok(vec![b.cast(result, dtype)?, b.cast(state, state_dtype)?])
}

/// An operand [batch, positions, heads * width] as [batch, positions, heads, width].
fn by_head(b: &mut dyn Build, node: &OnnxNode, index: usize, heads: i64) -> Result<Value, ImportError> {
    let x = b.wide(node.operand(index)?)?;
    let fact = b.fact(x).clone();
    let [batch, positions, width] = &fact.shape[..] else {
        return Err(ImportError::Operand { index, found: format!("is {fact}, not of three axes") });
    };
    Ok(b.reshape(x, &[batch.clone(), positions.clone(), Dim::from(heads), width.floor_div(heads)])?)
}

/// One position as [batch, heads, width, 1] or [batch, heads, 1, width].
fn at(b: &mut dyn Build, x: Value, place: i64, column: bool) -> Result<Value, Violation> {
    let row = b.at(x, 1, Dim::from(place))?;
    b.with_axis(row, if column { 3 } else { 2 })
}
