//! Data movement: the kernel is chosen by the size of an element.

use crate::kernel::{by_size, by_type, call, dtype, number, numbers};
use m4c_ops::{DType, Dim};
use m4c_target::{Lie, Lowered, NodeView, Step, StepOperand};

pub(crate) fn reshape(_: &NodeView<'_>) -> Result<Lowered, String> {
    Ok(Lowered::View { operand: 0 })
}

pub(crate) fn transpose(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("transpose", dtype(node, 0)?)?;
    Ok(call(kernel, node, numbers(node, "perm")))
}

/// The transposition of a part of another value, whose rows are whole runs there. A whole value has a kernel of its own, which
/// goes tile by tile.
pub(crate) fn strided_transpose(node: &NodeView<'_>, lies: &[Option<Lie>]) -> Option<Step> {
    let ([Some(lie)], fact) = (lies, node.operand(0)?.fact) else { return None };
    let order = node.attrs.get_ints("perm").iter().map(|&axis| lie.steps.get(usize::try_from(axis).ok()?).cloned());
    let steps: Vec<Dim> = order.collect::<Option<_>>()?;
    if *lie == Lie::row_major(&fact.shape) || !steps.last().is_some_and(|step| step.is(1)) {
        return None;
    }
    let params = [lie.first.clone()].into_iter().chain(steps).collect();
    Some(Step { kernel: by_size("strided", fact.dtype).ok()?, operands: vec![StepOperand::Plain(0)], params })
}

/// A slice of every element along each axis: attention, rotary embedding and transpositions, which most slices are for, read
/// it where it lies.
pub(crate) fn is_read_in_place(node: &NodeView<'_>) -> bool {
    let slice = *node.op == m4c_ops::primitive::slice::OP && node.result.dtype == DType::F32;
    slice && node.attrs.get_ints("steps").iter().all(|&step| step == 1)
}

pub(crate) fn broadcast(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("broadcast", dtype(node, 0)?)?;
    Ok(call(kernel, node, Vec::new()))
}

pub(crate) fn slice(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("slice", dtype(node, 0)?)?;
    let starts = node.attrs.get_dims("starts").iter().cloned();
    let pairs = starts.zip(numbers(node, "steps"));
    let params = pairs.flat_map(|(start, step)| [start, step]).collect();
    Ok(call(kernel, node, params))
}

pub(crate) fn concat(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("concat", dtype(node, 0)?)?;
    Ok(call(kernel, node, vec![number(node, "axis")]))
}

pub(crate) fn gather(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("gather", dtype(node, 0)?)?;
    let params = vec![number(node, "axis"), number(node, "batch_dims")];
    Ok(call(kernel, node, params))
}

pub(crate) fn scatter(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("scatter", dtype(node, 0)?)?;
    Ok(call(kernel, node, Vec::new()))
}

pub(crate) fn scatter_add(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_type("scatter_add", dtype(node, 0)?);
    Ok(call(kernel, node, Vec::new()))
}

pub(crate) fn pad(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("pad", dtype(node, 0)?)?;
    let (low, high) = (node.attrs.get_dims("low"), node.attrs.get_dims("high"));
    let frame = low.iter().cloned().zip(high.iter().cloned());
    let triples = frame.zip(numbers(node, "interior"));
    let params = triples.flat_map(|((low, high), interior)| [low, high, interior]).collect();
    Ok(call(kernel, node, params))
}

pub(crate) fn select(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("select", node.result.dtype)?;
    Ok(call(kernel, node, Vec::new()))
}
