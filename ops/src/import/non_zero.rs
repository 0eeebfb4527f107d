//! Where elements are not 0, and what lies there: as many results as the data has.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{concat, cumsum, div, gather, iota, mul, reduce_sum, scatter, select, slice, sub};

/// `NonZero` and `Compress`.
pub static IMPORT: &[OnnxImport] = &[from("NonZero", 9, non_zero), from("Compress", 9, compress)];

/// The places of the elements of a list that are true, in order: each goes to the place that the number of true ones before
/// it names, and the others behind all of them.
pub fn places_of_true(b: &mut dyn Build, mask: Value) -> Result<Value, Violation> {
    let count = b.fact(mask).elements();
    let ones = b.cast(mask, DType::I64)?;
    let total = reduce_sum::apply(b, ones, vec![0], false)?;
    let running = b.op(&cumsum::OP, &[ones], Attrs::none().int("axis", 0))?;
    let one = b.scalar(DType::I64, 1.0);
    let rank = b.plain(&sub::OP, &[running, one])?;
    let behind = b.size(count.clone());
    let target = b.plain(&select::OP, &[mask, rank, behind])?;
    let empty = iota::apply(b, count.clone() + Dim::from(1), DType::I64)?;
    let numbers = iota::apply(b, count, DType::I64)?;
    let packed = b.plain(&scatter::OP, &[empty, target, numbers])?;
    let found = b.bind(total, 0)?;
    slice::apply(b, packed, vec![Dim::from(0)], vec![found], vec![1])
}

fn non_zero(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let mut fact = b.fact(x).clone();
    if fact.rank() == 0 {
        fact.shape.push(Dim::from(1));
    }
    let flat = b.reshape(x, &[fact.elements()])?;
    let mask = b.cast(flat, DType::Bool)?;
    let places = places_of_true(b, mask)?;
    let found = b.fact(places).elements();
    let mut rows = Vec::with_capacity(fact.rank());
    let mut stride = Dim::from(1);
    for size in fact.shape.iter().rev() {
        let by = b.size(stride.clone());
        let outer = b.plain(&div::OP, &[places, by])?;
        let size_value = b.size(size.clone());
        let whole = b.plain(&div::OP, &[outer, size_value])?;
        let whole = b.plain(&mul::OP, &[whole, size_value])?;
        let row = b.plain(&sub::OP, &[outer, whole])?;
        rows.insert(0, b.reshape(row, &[Dim::from(1), found.clone()])?);
        stride = stride * size.clone();
    }
    Ok(vec![b.op(&concat::OP, &rows, Attrs::none().int("axis", 0))?])
}

fn compress(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (mut x, condition) = (node.operand(0)?, node.operand(1)?);
    let axis = match node.int("axis")? {
        Some(given) => {
            let found = || format!("is {given} of {}", b.fact(x));
            b.fact(x).axis(given).ok_or_else(|| ImportError::Attribute { name: "axis".into(), found: found() })?
        }
        None => {
            x = b.reshape(x, &[b.fact(x).elements()])?;
            0
        }
    };
    let places = places_of_true(b, condition)?;
    let attrs = Attrs::none().int("axis", axis as i64).int("batch_dims", 0);
    Ok(vec![b.op(&gather::OP, &[x, places], attrs)?])
}
