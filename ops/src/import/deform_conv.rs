//! `DeformConv`: a convolution whose window elements are moved by offsets and scaled by a mask.

use super::sampling::{Method, Outside, sample};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};

/// `DeformConv`.
pub static IMPORT: &[OnnxImport] = &[from("DeformConv", 19, import)];

/// The elements under each window, gathered as columns, then a product with the weights.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, w, offset) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    let (fact, weights, offsets) = (b.fact(x).clone(), b.fact(w).clone(), b.fact(offset).clone());
    let spatial = fact.rank().saturating_sub(2);
    let wrong = |name: &str| ImportError::Attribute { name: name.into(), found: format!("does not fit {fact}") };
    let list = |name: &str, absent: i64, count: usize| -> Result<Vec<i64>, ImportError> {
        let list = node.ints(name)?.unwrap_or_else(|| vec![absent; count]);
        let fits = list.len() == count && list.iter().all(|n| (0..=1 << 20).contains(n));
        if fits { Ok(list) } else { Err(wrong(name)) }
    };
    let (strides, dilations) = (list("strides", 1, spatial)?, list("dilations", 1, spatial)?);
    let pads = list("pads", 0, 2 * spatial)?;
    let (groups, offset_groups) = (node.int("group")?.unwrap_or(1), node.int("offset_group")?.unwrap_or(1));
    if spatial == 0 || weights.rank() != fact.rank() || offsets.rank() != fact.rank() || groups < 1 || offset_groups < 1
    {
        return Err(wrong("group"));
    }
    let (batch, channels) = (fact.shape[0].clone(), fact.shape[1].clone());
    let (window, out) = (&weights.shape[2..], &offsets.shape[2..]);
    let elements = Dim::product(window);
    let each = channels.floor_div(offset_groups);
    // [batch, groups, window…, axis, out…]
    let head = [batch.clone(), Dim::from(offset_groups)];
    let apart = [&head, window, &[Dim::from(spatial)], out].concat();
    let moved = b.wide(offset)?;
    let moved = b.reshape(moved, &apart)?;
    let rank = 2 + 2 * spatial;
    let mut places = Vec::new();
    for axis in 0..spatial {
        let own = b.at(moved, 2 + spatial, Dim::from(axis))?;
        let dtype = b.fact(own).dtype;
        let element = b.count(rank, 2 + axis, window[axis].clone(), dtype)?;
        let element = b.times(element, dilations[axis] as f64)?;
        let start = b.count(rank, 2 + spatial + axis, out[axis].clone(), dtype)?;
        let start = b.times(start, strides[axis] as f64)?;
        let start = b.plus(start, -pads[axis] as f64)?;
        let place = b.add(element, start)?;
        places.push(b.add(own, place)?);
    }
    // A row is a batch's channels of one offset group.
    let by_group = [&[batch.clone() * Dim::from(offset_groups), each.clone()], &fact.shape[2..]].concat();
    let rows = b.reshape(x, &by_group)?;
    let row = b.count(rank, 0, batch.clone(), DType::I64)?;
    let row = b.times(row, offset_groups as f64)?;
    let group = b.count(rank, 1, Dim::from(offset_groups), DType::I64)?;
    let row = b.add(row, group)?;
    let mut columns = sample(b, rows, row, &places, Method::Linear, Outside::Zeros)?;
    if let Some(mask) = node.optional(4) {
        let mask = b.reshape(mask, &[&head, window, out, &[Dim::from(1)]].concat())?;
        columns = b.mul(columns, mask)?;
    }
    // [batch, groups, window, out, channels] to [batch, groups' channels and window, out].
    let count = Dim::product(out);
    let columns = b.reshape(columns, &[&head[..], &[elements.clone(), count.clone(), each]].concat())?;
    let columns = b.transpose(columns, vec![0, 1, 4, 2, 3])?;
    let depth = weights.shape[1].clone() * elements;
    let columns = b.reshape(columns, &[batch.clone(), Dim::from(groups), depth.clone(), count])?;
    let filters = weights.shape[0].clone();
    let w = b.reshape(w, &[Dim::from(groups), filters.floor_div(groups), depth])?;
    let product = b.matmul(w, columns)?;
    let mut result = b.reshape(product, &[&[batch, filters], out].concat())?;
    if let Some(bias) = node.optional(3) {
        let mut sizes = b.fact(bias).shape.clone();
        sizes.resize(spatial + 1, Dim::from(1));
        let bias = b.reshape(bias, &sizes)?;
        result = b.add(result, bias)?;
    }
    Ok(vec![result])
}
