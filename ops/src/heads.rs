//! Attention heads in onnxruntime's operators: rows of merged heads, masks by number and by length, caches of earlier keys.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::attention;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxNode};
use crate::op::Violation;
use crate::primitive::{add, concat, equal, iota, less, select};
use crate::tensor::Tensor;

/// `[batch, rows, heads * width]` as `[batch, heads, rows, width]`; what has four axes stays.
///
/// # Errors
/// Where the value has other axes or the heads do not divide its width.
pub fn split(b: &mut dyn Build, x: Value, heads: i64) -> Result<Value, ImportError> {
    let shape = b.fact(x).shape.clone();
    match &shape[..] {
        [_, _, _, _] => Ok(x),
        [batch, rows, width] if heads > 0 => {
            let one = width.floor_div(heads);
            let split = b.reshape(x, &[batch.clone(), rows.clone(), Dim::from(heads), one])?;
            Ok(b.transpose(split, vec![0, 2, 1, 3])?)
        }
        _ => Err(ImportError::Unsupported(format!("{heads} heads of {} are not supported", b.fact(x)))),
    }
}

/// `[batch, heads, rows, width]` as `[batch, rows, heads * width]`.
///
/// # Errors
/// Where the value has other axes.
pub fn merge(b: &mut dyn Build, x: Value) -> Result<Value, ImportError> {
    let shape = b.fact(x).shape.clone();
    let [batch, heads, rows, width] = &shape[..] else {
        return Err(ImportError::Unsupported(format!("heads of {} are not supported", b.fact(x))));
    };
    let by_row = b.transpose(x, vec![0, 2, 1, 3])?;
    Ok(b.reshape(by_row, &[batch.clone(), rows.clone(), heads.clone() * width.clone()])?)
}

/// Some places of the last axis.
///
/// # Errors
/// Where they lie outside.
pub fn part(b: &mut dyn Build, x: Value, start: Dim, size: Dim) -> Result<Value, Violation> {
    let last = b.fact(x).rank().saturating_sub(1);
    b.cut(x, last, start, size)
}

/// One place of the outermost axis, which is dropped.
///
/// # Errors
/// Where it lies outside.
pub fn one_of(b: &mut dyn Build, x: Value, place: i64) -> Result<Value, Violation> {
    b.at(x, 0, Dim::from(place))
}

/// The scale of scores: an attribute, or 1 / √width where that is 0 or not given.
///
/// # Errors
/// Where the width is not known.
pub fn scale(b: &mut dyn Build, node: &OnnxNode, q: Value) -> Result<Value, ImportError> {
    let given = node.float("scale")?.filter(|scale| *scale != 0.0);
    let scale = match given {
        Some(scale) => scale,
        None => {
            let width = b.fact(q).shape.get(3).and_then(Dim::as_i64);
            let width = width.ok_or(ImportError::NotConstant { index: 0, sets: "the width of a head" })?;
            (1.0 / (width as f64).sqrt()) as f32
        }
    };
    Ok(b.constant(Tensor::scalar_f32(scale)))
}

/// Earlier keys or values before the given ones; the number of earlier ones.
///
/// # Errors
/// Where they do not fit.
pub fn appended(b: &mut dyn Build, past: Option<Value>, x: Value) -> Result<(Value, Dim), ImportError> {
    let Some(past) = past else { return Ok((x, Dim::from(0))) };
    let before = b.fact(past).shape.get(2).cloned();
    let before = before.ok_or_else(|| ImportError::Unsupported(format!("{} as a cache", b.fact(past))))?;
    Ok((b.op(&concat::OP, &[past, x], Attrs::none().int("axis", 2))?, before))
}

/// `filter` where a mask of integers is 0, and 0 elsewhere; `[batch, keys]` and `[batch, rows, keys]` get an axis of heads.
///
/// # Errors
/// Where the mask has other axes.
pub fn mask_by_number(b: &mut dyn Build, mask: Value, filter: f32, dtype: DType) -> Result<Value, ImportError> {
    let fact = b.fact(mask).clone();
    let one = Dim::from(1);
    let shape = match &fact.shape[..] {
        [batch, keys] => vec![batch.clone(), one.clone(), one, keys.clone()],
        [batch, rows, keys] => vec![batch.clone(), one, rows.clone(), keys.clone()],
        _ => return Err(ImportError::Unsupported(format!("{fact} as a mask is not supported"))),
    };
    let mask = b.reshape(mask, &shape)?;
    let nothing = b.scalar(fact.dtype, 0.0);
    let hidden = b.plain(&equal::OP, &[mask, nothing])?;
    Ok(hiding(b, hidden, filter, dtype)?)
}

/// `filter` where a key lies at or beyond the end of its row, or before its start, and 0 elsewhere.
///
/// # Errors
/// Where ends and starts are no lists of integers.
pub fn mask_by_length(
    b: &mut dyn Build,
    ends: Value,
    starts: Option<Value>,
    keys: &Dim,
    filter: f32,
    dtype: DType,
) -> Result<Value, ImportError> {
    let integer = b.fact(ends).dtype;
    let place = iota::apply(b, keys.clone(), integer)?;
    let rows = |b: &mut dyn Build, list: Value| {
        let one = Dim::from(1);
        let batch = b.fact(list).shape.first().cloned().unwrap_or(one.clone());
        b.reshape(list, &[batch, one.clone(), one.clone(), one])
    };
    let ends = rows(b, ends)?;
    let inside = b.plain(&less::OP, &[place, ends])?;
    let (nothing, filter) = (b.scalar(dtype, 0.0), b.scalar(dtype, f64::from(filter)));
    let mut mask = b.plain(&select::OP, &[inside, nothing, filter])?;
    if let Some(starts) = starts {
        let starts = rows(b, starts)?;
        let before = b.plain(&less::OP, &[place, starts])?;
        mask = b.plain(&select::OP, &[before, filter, mask])?;
    }
    Ok(mask)
}

/// `filter` where a condition holds and 0 elsewhere.
///
/// # Errors
/// The constraint that it breaks.
pub fn hiding(b: &mut dyn Build, hidden: Value, filter: f32, dtype: DType) -> Result<Value, Violation> {
    let (nothing, filter) = (b.scalar(dtype, 0.0), b.scalar(dtype, f64::from(filter)));
    b.plain(&select::OP, &[hidden, filter, nothing])
}

/// The sum of masks that are there.
///
/// # Errors
/// Where their sizes do not broadcast.
pub fn sum(b: &mut dyn Build, masks: [Option<Value>; 2]) -> Result<Option<Value>, Violation> {
    match masks {
        [Some(x), Some(y)] => b.plain(&add::OP, &[x, y]).map(Some),
        [x, y] => Ok(x.or(y)),
    }
}

/// What attention takes beside queries, keys and values.
pub struct Scores {
    /// Added to the scores, or false where they are hidden.
    pub mask: Option<Value>,
    /// The factor of the scores.
    pub scale: Value,
    /// The softcap of the scores.
    pub softcap: Option<Value>,
    /// How many keys lie before that of the first query, where later keys are hidden.
    pub causal: Option<Dim>,
}

/// Attention over heads.
///
/// # Errors
/// Where the operands do not fit.
pub fn attend(b: &mut dyn Build, [q, k, v]: [Value; 3], scores: Scores) -> Result<Value, Violation> {
    let operands = [Some(q), Some(k), Some(v), scores.mask, Some(scores.scale), scores.softcap];
    let causal = scores.causal.into_iter().collect();
    b.apply(&attention::OP, &operands, Attrs::none().dims("causal", causal).flag("guarded", false))
}
