//! onnxruntime's `GroupQueryAttention`: several heads share keys and values, which are appended to a cache.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::{rms_norm, rope};
use crate::dim::{Dim, Guard};
use crate::dtype::DType;
use crate::heads::{Scores, appended, attend, hiding, merge, part, scale, split, sum};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, microsoft};
use crate::op::Violation;
use crate::primitive::{add, cast, gather, iota, less, max, min, select, sub};
use crate::tensor::Tensor;

/// `GroupQueryAttention`.
pub static IMPORT: &[OnnxImport] = &[microsoft("GroupQueryAttention", import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    refuse(node)?;
    let (heads, shared) = (count(node, "num_heads")?, count(node, "kv_num_heads")?);
    let [q, k, v] = separate(b, node, heads, shared)?;
    let (mut q, mut k, v) = (split(b, q, heads)?, split(b, k, shared)?, split(b, v, shared)?);
    if let (Some(q_weight), Some(k_weight)) = (node.optional(14), node.optional(15)) {
        let epsilon = b.constant(Tensor::scalar_f32(node.float("qk_norm_epsilon")?.unwrap_or(1e-6)));
        q = b.op(&rms_norm::OP, &[q, q_weight, epsilon], Attrs::none().int("axis", 3))?;
        k = b.op(&rms_norm::OP, &[k, k_weight, epsilon], Attrs::none().int("axis", 3))?;
    }
    let rows = b.fact(q).shape[2].clone();
    let total = b.known(node.operand(6)?).and_then(Tensor::as_dim);
    let earlier = Earlier::of(b, node, &rows, total.is_some())?;
    if node.int("do_rotary")?.unwrap_or(0) != 0 {
        let (cos, sin) = (node.operand(7)?, node.operand(8)?);
        let at = match node.optional(9) {
            Some(positions) => positions,
            None => earlier.positions(b, &rows)?,
        };
        let by_row = || Attrs::none().int("axis", 0).int("batch_dims", 0);
        let (cos, sin) = (b.op(&gather::OP, &[cos, at], by_row())?, b.op(&gather::OP, &[sin, at], by_row())?);
        let turned = Attrs::none().flag("interleaved", node.int("rotary_interleaved")?.unwrap_or(0) != 0);
        q = b.op(&rope::OP, &[q, cos, sin], turned.clone())?;
        k = b.op(&rope::OP, &[k, cos, sin], turned)?;
    }
    let k = earlier.present(b, node.optional(3), k)?;
    let v = earlier.present(b, node.optional(4), v)?;
    let keys = b.fact(k).shape[2].clone();
    if let Some(total) = total {
        let guard = Guard::equal(&total, &keys);
        if guard.known() == Some(false) {
            let what = format!("a cache that is shared with its result is not supported: {guard} does not hold");
            return Err(ImportError::Unsupported(what));
        }
        b.assume(guard);
    }
    let window = node.int("local_window_size")?.filter(|window| *window >= 0);
    let dtype = b.fact(q).dtype;
    let looks_ahead = node.int("causal")?.unwrap_or(1) == 0;
    let by_place = match &earlier {
        Earlier::Same(_) if window.is_none() => None,
        Earlier::Same(_) if looks_ahead => None,
        _ => Some(earlier.mask(b, &rows, &keys, window, looks_ahead, dtype)?),
    };
    let causal = match (&earlier, by_place) {
        (Earlier::Same(before), None) if !looks_ahead => Some(before.clone()),
        _ => None,
    };
    let mask = sum(b, [by_place, node.optional(10)])?;
    let scale = scale(b, node, q)?;
    let cap = node.float("softcap")?.filter(|cap| *cap != 0.0);
    let softcap = cap.map(|cap| b.constant(Tensor::scalar_f32(cap)));
    let result = attend(b, [q, k, v], Scores { mask, scale, softcap, causal })?;
    Ok(vec![merge(b, result)?, k, v])
}

fn refuse(node: &OnnxNode) -> Result<(), ImportError> {
    for (name, usual) in [("smooth_softmax", &[0, -1][..]), ("qk_output", &[0]), ("sliding_window_cache", &[0])] {
        if let Some(found) = node.int(name)?.filter(|value| !usual.contains(value)) {
            return Err(ImportError::Attribute {
                name: name.into(),
                found: format!("is {found}, which is not supported"),
            });
        }
    }
    if node.int("local_window_size")? == Some(0) {
        let found = "is 0, which hides every key".into();
        return Err(ImportError::Attribute { name: "local_window_size".into(), found });
    }
    for name in ["k_quant_type", "v_quant_type"] {
        if node.text(name)?.is_some_and(|kind| kind != "NONE") {
            return Err(ImportError::Unsupported("quantized caches are not supported".into()));
        }
    }
    if node.optional(11).is_some() {
        return Err(ImportError::Unsupported("a sink beside the scores is not supported".into()));
    }
    Ok(())
}

fn count(node: &OnnxNode, name: &str) -> Result<i64, ImportError> {
    let missing = || ImportError::Attribute { name: name.into(), found: "is missing".into() };
    node.int(name)?.filter(|heads| *heads > 0).ok_or_else(missing)
}

/// Queries, keys and values, which may be packed one after the other.
fn separate(b: &mut dyn Build, node: &OnnxNode, heads: i64, shared: i64) -> Result<[Value; 3], ImportError> {
    let q = node.operand(0)?;
    if let (Some(k), Some(v)) = (node.optional(1), node.optional(2)) {
        return Ok([q, k, v]);
    }
    let all = b.fact(q).shape.last().cloned().unwrap_or(Dim::from(0));
    let width = all.floor_div(heads.saturating_add(shared.saturating_mul(2)));
    let (own, one) = (width.clone() * Dim::from(heads), width * Dim::from(shared));
    let keys = part(b, q, own.clone(), one.clone())?;
    let values = part(b, q, own.clone() + one.clone(), one)?;
    Ok([part(b, q, Dim::from(0), own)?, keys, values])
}

/// How many keys each row of the batch has before the given ones.
enum Earlier {
    /// All that are in the cache: there is one row, and the number of all keys is known to say so.
    Same(Dim),
    /// These, `[batch, 1]` of `i64`, the first of those in the cache.
    Each(Value),
}

impl Earlier {
    fn of(b: &mut dyn Build, node: &OnnxNode, rows: &Dim, total_known: bool) -> Result<Earlier, ImportError> {
        let past = node.optional(3).and_then(|past| b.fact(past).shape.get(2).cloned());
        let batch = b.fact(node.operand(0)?).shape[0].clone();
        if batch.is(1) && total_known {
            return Ok(Earlier::Same(past.unwrap_or(Dim::from(0))));
        }
        // The lengths of all rows, less one.
        let last = b.op(&cast::OP, &[node.operand(5)?], Attrs::none().dtype("to", DType::I64))?;
        let given = b.size(rows.clone() - Dim::from(1));
        let before = b.plain(&sub::OP, &[last, given])?;
        // Rows of a first run may be padded.
        let none = b.scalar(DType::I64, 0.0);
        let before = b.plain(&max::OP, &[before, none])?;
        Ok(Earlier::Each(b.reshape(before, &[batch, Dim::from(1)])?))
    }

    /// The positions of the given keys, `[batch, rows]`.
    fn positions(&self, b: &mut dyn Build, rows: &Dim) -> Result<Value, Violation> {
        let place = iota::apply(b, rows.clone(), DType::I64)?;
        let place = b.reshape(place, &[Dim::from(1), rows.clone()])?;
        let before = match self {
            Earlier::Same(before) => b.size(before.clone()),
            Earlier::Each(before) => *before,
        };
        b.plain(&add::OP, &[place, before])
    }

    /// The cache with `x` behind the keys of each row.
    fn present(&self, b: &mut dyn Build, past: Option<Value>, x: Value) -> Result<Value, ImportError> {
        let (all, capacity) = appended(b, past, x)?;
        let (Earlier::Each(before), Some(past)) = (self, past) else { return Ok(all) };
        let keys = b.fact(all).shape[2].clone();
        let place = iota::apply(b, keys.clone(), DType::I64)?;
        let place = b.reshape(place, &[Dim::from(1), keys.clone()])?;
        let capacity = b.size(capacity);
        let gap = b.plain(&sub::OP, &[capacity, *before])?;
        let moved = b.plain(&add::OP, &[place, gap])?;
        let last = b.size(keys - Dim::from(1));
        let moved = b.plain(&min::OP, &[moved, last])?;
        let is_earlier = b.plain(&less::OP, &[place, *before])?;
        let from = b.plain(&select::OP, &[is_earlier, place, moved])?;
        let batch = b.fact(past).shape[0].clone();
        let keys = b.fact(all).shape[2].clone();
        let from = b.reshape(from, &[batch, keys])?;
        Ok(b.op(&gather::OP, &[all, from], Attrs::none().int("axis", 2).int("batch_dims", 1))?)
    }

    /// Hides keys behind the query's own or beyond the last, and those before its window.
    fn mask(
        &self,
        b: &mut dyn Build,
        rows: &Dim,
        keys: &Dim,
        window: Option<i64>,
        looks_ahead: bool,
        dtype: DType,
    ) -> Result<Value, Violation> {
        let own = if looks_ahead {
            let Earlier::Each(before) = self else { return Ok(b.scalar(dtype, 0.0)) };
            let last = b.size(rows.clone() - Dim::from(1));
            b.plain(&add::OP, &[*before, last])?
        } else {
            self.positions(b, rows)?
        };
        let shape = b.fact(own).shape.clone();
        let one = Dim::from(1);
        let own = b.reshape(own, &[shape[0].clone(), one.clone(), shape[1].clone(), one])?;
        let key = iota::apply(b, keys.clone(), DType::I64)?;
        let later = b.plain(&less::OP, &[own, key])?;
        let mask = hiding(b, later, f32::NEG_INFINITY, dtype)?;
        let Some(window) = window else { return Ok(mask) };
        let reach = b.scalar(DType::I64, (window - 1) as f64);
        let first = b.plain(&sub::OP, &[own, reach])?;
        let too_early = b.plain(&less::OP, &[key, first])?;
        let hidden = b.scalar(dtype, f64::NEG_INFINITY);
        b.plain(&select::OP, &[too_early, hidden, mask])
    }
}
