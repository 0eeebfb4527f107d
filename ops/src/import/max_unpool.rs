//! `MaxUnpool`: elements at the places where a pool found them, zeros elsewhere.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::{pad, scatter};

/// `MaxUnpool`.
pub static IMPORT: &[OnnxImport] = &[from("MaxUnpool", 9, import)];

/// Places count in the pool's own operand; a larger result has zeros behind it.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, places) = (node.operand(0)?, node.operand(1)?);
    let fact = b.fact(x).clone();
    let spatial = fact.rank().saturating_sub(2);
    let list = |name: &str, absent: Option<i64>, count: usize| -> Result<Vec<i64>, ImportError> {
        let found = |list: &[i64]| ImportError::Attribute { name: name.into(), found: format!("is {list:?}") };
        let list = node.ints(name)?.or(absent.map(|absent| vec![absent; count])).unwrap_or_default();
        let fits = list.len() == count && list.iter().all(|n| (0..=1 << 20).contains(n));
        if fits { Ok(list) } else { Err(found(&list)) }
    };
    let window = list("kernel_shape", None, spatial)?;
    let (strides, pads) = (list("strides", Some(1), spatial)?, list("pads", Some(0), 2 * spatial)?);
    let mut shape = fact.shape[..fact.rank() - spatial].to_vec();
    for i in 0..spatial {
        let before = (fact.shape[2 + i].clone() - Dim::from(1)) * Dim::from(strides[i]);
        shape.push(before + Dim::from(window[i] - pads[i] - pads[spatial + i]));
    }
    let zeros = b.filled(fact.dtype, 0.0, &[Dim::product(&shape)])?;
    let count = [fact.elements()];
    let (places, elements) = (b.reshape(places, &count)?, b.reshape(x, &count)?);
    let flat = b.plain(&scatter::OP, &[zeros, places, elements])?;
    let mut result = b.reshape(flat, &shape)?;
    if node.optional(2).is_some() {
        let to = node.sizes(b, 2, "the shape of the result")?;
        if to.len() != shape.len() {
            return Err(ImportError::Operand { index: 2, found: format!("has {} sizes for {fact}", to.len()) });
        }
        let more = to.into_iter().zip(shape).map(|(to, size)| to - size).collect();
        let zero = b.like(result, 0.0);
        let none = vec![Dim::from(0); fact.rank()];
        result = pad::apply(b, result, zero, none, more, vec![0; fact.rank()])?;
    }
    Ok(vec![result])
}
