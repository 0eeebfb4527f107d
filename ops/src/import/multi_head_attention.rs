//! onnxruntime's `MultiHeadAttention`, and `Attention` and `QAttention`, which project queries, keys and values first.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::{dequantize, integer_matmul};
use crate::dim::Dim;
use crate::heads::{Scores, appended, attend, mask_by_length, mask_by_number, merge, one_of, part, scale, split, sum};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, microsoft};
use crate::primitive::{add, concat, matmul, mul};
use crate::quantization::is_zero;

/// `MultiHeadAttention`, `Attention` and `QAttention`.
pub static IMPORT: &[OnnxImport] = &[
    microsoft("MultiHeadAttention", multi_head),
    microsoft("Attention", projected),
    microsoft("QAttention", quantized),
];

fn heads(node: &OnnxNode) -> Result<i64, ImportError> {
    let missing = || ImportError::Attribute { name: "num_heads".into(), found: "is missing".into() };
    node.int("num_heads")?.filter(|heads| *heads > 0).ok_or_else(missing)
}

fn refuse_flags(node: &OnnxNode, names: &[&str]) -> Result<(), ImportError> {
    for name in names {
        if node.int(name)?.unwrap_or(0) != 0 {
            return Err(ImportError::Unsupported(format!("`{name}` is not supported")));
        }
    }
    Ok(())
}

fn filter(node: &OnnxNode) -> Result<f32, ImportError> {
    Ok(node.float("mask_filter_value")?.unwrap_or(-10000.0))
}

/// The mask that a node's integers mean: numbers by key, ends of rows, or ends and starts of rows.
fn mask(
    b: &mut dyn Build,
    node: &OnnxNode,
    given: Value,
    batch: &Dim,
    keys: &Dim,
    like: Value,
) -> Result<Value, ImportError> {
    let (fact, filter, dtype) = (b.fact(given).clone(), filter(node)?, b.fact(like).dtype);
    match &fact.shape[..] {
        [ends] if ends == batch => mask_by_length(b, given, None, keys, filter, dtype),
        [both] if *both == batch.clone() * Dim::from(2) => {
            let ends = b.cut(given, 0, Dim::from(0), batch.clone())?;
            let starts = b.cut(given, 0, batch.clone(), batch.clone())?;
            mask_by_length(b, ends, Some(starts), keys, filter, dtype)
        }
        [_] => Err(ImportError::Unsupported(format!("{fact} as a mask beside a batch of {batch} is not supported"))),
        _ => mask_by_number(b, given, filter, dtype),
    }
}

/// Queries, keys, values, their bias, a mask by key, what is added to scores, earlier keys and values.
fn multi_head(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    if node.optional(8).is_some() || node.optional(9).is_some() || node.results > 3 {
        let what = "shared caches, beams and scores as a result are not supported";
        return Err(ImportError::Unsupported(what.into()));
    }
    let heads = heads(node)?;
    let [q, k, v] = separate(b, node)?;
    let [q, k, v] = biased(b, [q, k, v], node.optional(3))?;
    let (q, k, v) = (split(b, q, heads)?, split(b, k, heads)?, split(b, v, heads)?);
    let (k, before) = appended(b, node.optional(6), k)?;
    let (v, _) = appended(b, node.optional(7), v)?;
    let (batch, keys) = (b.fact(q).shape[0].clone(), b.fact(k).shape[2].clone());
    let by_key = node.optional(4).map(|given| mask(b, node, given, &batch, &keys, q)).transpose()?;
    let mask = sum(b, [by_key, node.optional(5)])?;
    let scale = scale(b, node, q)?;
    let causal = (node.int("unidirectional")?.unwrap_or(0) != 0).then_some(before);
    let result = attend(b, [q, k, v], Scores { mask, scale, softcap: None, causal })?;
    Ok(vec![merge(b, result)?, k, v])
}

/// Queries, keys and values; three or two of them may be packed head by head.
fn separate(b: &mut dyn Build, node: &OnnxNode) -> Result<[Value; 3], ImportError> {
    let q = node.operand(0)?;
    let unpacked = |b: &mut dyn Build, packed: Value, which: i64| -> Result<Value, ImportError> {
        let one = b.cut(packed, 3, Dim::from(which), Dim::from(1))?;
        let [batch, rows, heads, _, width] = &b.fact(one).shape.clone()[..] else {
            return Err(ImportError::Unsupported(format!("{} as packed heads is not supported", b.fact(packed))));
        };
        let by_row = b.reshape(one, &[batch.clone(), rows.clone(), heads.clone() * width.clone()])?;
        Ok(by_row)
    };
    match (node.optional(1), node.optional(2)) {
        (Some(k), Some(v)) => Ok([q, k, v]),
        (Some(packed), None) => Ok([q, unpacked(b, packed, 0)?, unpacked(b, packed, 1)?]),
        (None, _) => Ok([unpacked(b, q, 0)?, unpacked(b, q, 1)?, unpacked(b, q, 2)?]),
    }
}

/// A bias for the widths of queries, keys and values, one after the other. Keys of four axes have theirs already.
fn biased(b: &mut dyn Build, rows: [Value; 3], bias: Option<Value>) -> Result<[Value; 3], ImportError> {
    let Some(bias) = bias else { return Ok(rows) };
    let mut start = Dim::from(0);
    let mut result = rows;
    for value in &mut result {
        let fact = b.fact(*value).clone();
        let width = match &fact.shape[..] {
            [_, _, width] => width.clone(),
            [_, heads, _, width] => heads.clone() * width.clone(),
            _ => return Err(ImportError::Unsupported(format!("a bias of {fact} is not supported"))),
        };
        if fact.rank() == 3 {
            let own = part(b, bias, start.clone(), width.clone())?;
            *value = b.plain(&add::OP, &[*value, own])?;
        }
        start = start + width;
    }
    Ok(result)
}

/// Rows, the merged weights of queries, keys and values, their bias, a mask, earlier keys and values, what is added to scores.
fn projected(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    refuse_flags(node, &["do_rotary", "past_present_share_buffer"])?;
    let (x, w) = (node.operand(0)?, node.operand(1)?);
    let rows = b.plain(&matmul::OP, &[x, w])?;
    self_attention(b, node, rows, [node.optional(2), node.optional(3), node.optional(4), node.optional(5)])
}

/// The same of 8-bit integers: rows, weights, bias, scales of both, a mask, zero points of both, earlier keys and values.
fn quantized(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    refuse_flags(node, &["do_rotary", "past_present_share_buffer"])?;
    let zero = |b: &mut dyn Build, index: usize| node.optional(index).filter(|&zero| !is_zero(b, zero));
    let (x_zero, w_zero) = (zero(b, 6), zero(b, 7));
    let operands = [Some(node.operand(0)?), Some(node.operand(1)?), x_zero, w_zero];
    let sums = b.apply(&integer_matmul::OP, &operands, Attrs::none())?;
    let (x_scale, w_scale) = (node.operand(3)?, node.operand(4)?);
    let scale = b.plain(&mul::OP, &[x_scale, w_scale])?;
    let rows = dequantize::apply(b, sums, scale, None)?;
    self_attention(b, node, rows, [node.optional(2), node.optional(5), node.optional(8), None])
}

fn self_attention(
    b: &mut dyn Build,
    node: &OnnxNode,
    rows: Value,
    [bias, given_mask, past, added]: [Option<Value>; 4],
) -> Result<Vec<Value>, ImportError> {
    let heads = heads(node)?;
    let rows = match bias {
        Some(bias) => b.plain(&add::OP, &[rows, bias])?,
        None => rows,
    };
    let width = b.fact(rows).shape.last().cloned().unwrap_or(Dim::from(0));
    let widths = match node.ints("qkv_hidden_sizes")?.filter(|sizes| !sizes.is_empty()) {
        Some(sizes) if sizes.len() == 3 => sizes.into_iter().map(Dim::from).collect(),
        Some(sizes) => {
            let found = format!("is {sizes:?}, no three sizes");
            return Err(ImportError::Attribute { name: "qkv_hidden_sizes".into(), found });
        }
        None => vec![width.floor_div(3); 3],
    };
    let (mut start, mut parts) = (Dim::from(0), Vec::new());
    for width in widths {
        let own = part(b, rows, start.clone(), width.clone())?;
        parts.push(split(b, own, heads)?);
        start = start + width;
    }
    let [q, k, v] = parts[..] else {
        return Err(ImportError::Unsupported("queries, keys and values are not three".into()));
    };
    let earlier = |b: &mut dyn Build, which| past.map(|past| one_of(b, past, which)).transpose();
    let (past_k, past_v) = (earlier(b, 0)?, earlier(b, 1)?);
    let (k, before) = appended(b, past_k, k)?;
    let (v, _) = appended(b, past_v, v)?;
    let (batch, keys) = (b.fact(q).shape[0].clone(), b.fact(k).shape[2].clone());
    let by_key = given_mask.map(|given| mask(b, node, given, &batch, &keys, q)).transpose()?;
    let mask = sum(b, [by_key, added])?;
    let scale = scale(b, node, q)?;
    let causal = (node.int("unidirectional")?.unwrap_or(0) != 0).then_some(before);
    let result = attend(b, [q, k, v], Scores { mask, scale, softcap: None, causal })?;
    let mut results = vec![merge(b, result)?];
    if node.results > 1 {
        let mut both = Vec::new();
        for present in [k, v] {
            let shape = [vec![Dim::from(1)], b.fact(present).shape.clone()].concat();
            both.push(b.reshape(present, &shape)?);
        }
        results.push(b.op(&concat::OP, &both, Attrs::none().int("axis", 0))?);
    }
    Ok(results)
}
