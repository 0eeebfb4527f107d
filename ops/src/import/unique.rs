//! `Unique`: the different elements or slices, by sorting.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::import::non_zero::places_of_true;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{cumsum, iota, reduce_max, scatter, scatter_add, top_k};

/// `Unique`.
pub static IMPORT: &[OnnxImport] = &[from("Unique", 11, import)];

/// Equal ones are neighbors in sorted order, where each that differs from the one before begins a group. Sorting keeps the
/// order of equal ones, so that the first of a group is also the first in the operand. NaN equals nothing and sorts first.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut x = node.operand(0)?;
    let axis = match node.int("axis")? {
        Some(_) => node.axis(b, x, 0)?,
        None => {
            x = b.reshape(x, &[b.fact(x).elements()])?;
            0
        }
    };
    let rank = b.fact(x).rank();
    let count = b.fact(x).shape[axis].clone();
    let order = [axis].into_iter().chain((0..rank).filter(|&other| other != axis)).map(|axis| axis as i64);
    let rows = b.transpose(x, order.collect())?;
    let width = Dim::product(&b.fact(rows).shape[1..]);
    let rows = b.reshape(rows, &[count.clone(), width])?;

    let order = sorted(b, rows)?;
    let begins = begins(b, rows, order)?;
    let begins_group = b.cast(begins, DType::I64)?;
    let group = numbered(b, begins_group)?;
    let zeros = b.filled(DType::I64, 0.0, std::slice::from_ref(&count))?;
    let mut group_of = b.plain(&scatter::OP, &[zeros, order, group])?;
    let first = if node.int("sorted")?.unwrap_or(1) != 0 {
        let first = places_of_true(b, begins)?;
        b.pick(order, first, 0)?
    } else {
        // Groups take the order of their first ones.
        let is_first = b.plain(&scatter::OP, &[zeros, order, begins_group])?;
        let by_place = numbered(b, is_first)?;
        let by_place = b.pick(by_place, order, 0)?;
        let behind = b.size(count.clone());
        let to = b.select(begins, group, behind)?;
        let empty = b.filled(DType::I64, 0.0, &[count.clone() + Dim::from(1)])?;
        let renamed = b.plain(&scatter::OP, &[empty, to, by_place])?;
        group_of = b.pick(renamed, group_of, 0)?;
        let is_first = b.cast(is_first, DType::Bool)?;
        places_of_true(b, is_first)?
    };
    let found = b.fact(first).elements();
    let y = b.pick(x, first, axis)?;
    let ones = b.filled(DType::I64, 1.0, &[count])?;
    let counts = b.plain(&scatter_add::OP, &[zeros, group_of, ones])?;
    let counts = b.cut(counts, 0, Dim::from(0), found)?;
    Ok(vec![y, first, group_of, counts])
}

/// The order of rows: sorted by each column from the last to the first, keeping the order of equal ones.
fn sorted(b: &mut dyn Build, rows: Value) -> Result<Value, Violation> {
    let [count, width] = &b.fact(rows).shape.clone()[..] else { unreachable!("rows have two axes") };
    let rows = if b.fact(rows).dtype == DType::Bool { b.cast(rows, DType::I8)? } else { rows };
    let keys = reduce_max::downside_up(b, rows)?;
    if width.is(1) {
        let keys = b.reshape(keys, std::slice::from_ref(count))?;
        return top_k::apply(b, keys, 0, count.clone());
    }
    let columns = b.transpose(keys, vec![1, 0])?;
    let unsorted = iota::apply(b, count.clone(), DType::I64)?;
    let order = b.scan(width.clone(), &[unsorted], &[(columns, true)], &[], &mut |b, order, column| {
        let keys = b.pick(column[0], order[0], 0)?;
        let next = top_k::apply(b, keys, 0, count.clone())?;
        Ok((vec![b.pick(order[0], next, 0)?], vec![]))
    })?;
    Ok(order[0])
}

/// For each row in this order whether it differs from the one before.
fn begins(b: &mut dyn Build, rows: Value, order: Value) -> Result<Value, Violation> {
    let count = b.fact(order).elements();
    let numbers = iota::apply(b, count, DType::I64)?;
    let (zero, one) = (b.like(numbers, 0.0), b.like(numbers, 1.0));
    let previous = b.sub(numbers, one)?;
    let previous = b.max(previous, zero)?;
    let previous = b.pick(order, previous, 0)?;
    let (here, before) = (b.pick(rows, order, 0)?, b.pick(rows, previous, 0)?);
    let same = b.equal(here, before)?;
    let differs = b.not(same)?;
    let differs = b.cast(differs, DType::I64)?;
    let differences = b.sum(differs, vec![1], false)?;
    let differs = b.less(zero, differences)?;
    let first = b.equal(numbers, zero)?;
    b.or(first, differs)
}

/// The number of each group along a list of ones where groups begin.
fn numbered(b: &mut dyn Build, begins: Value) -> Result<Value, Violation> {
    let running = b.op(&cumsum::OP, &[begins], Attrs::none().int("axis", 0))?;
    b.plus(running, -1.0)
}
