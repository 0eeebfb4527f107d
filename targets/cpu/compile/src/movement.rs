//! Data movement: the kernel is chosen by the size of an element.

use crate::kernel::{by_size, by_type, call, dtype, number, numbers};
use m4c_target::{Lowered, NodeView};

pub(crate) fn reshape(_: &NodeView<'_>) -> Result<Lowered, String> {
    Ok(Lowered::View { operand: 0 })
}

pub(crate) fn transpose(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_size("transpose", dtype(node, 0)?)?;
    Ok(call(kernel, node, numbers(node, "perm")))
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
