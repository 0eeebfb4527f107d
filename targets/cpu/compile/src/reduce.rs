//! Operators that work along axes: reductions, running sums, norms.

use crate::kernel::{by_type, call, dtype, number, numbers};
use m4c_target::{Lowered, NodeView};

pub(crate) fn reduce(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_type(node.op.name, dtype(node, 0)?);
    Ok(call(kernel, node, numbers(node, "axes")))
}

pub(crate) fn group_norm(node: &NodeView<'_>) -> Result<Lowered, String> {
    Ok(call(by_type("group_norm", dtype(node, 0)?), node, vec![number(node, "groups")]))
}

/// The kernels take the operators' operands in their order, and the axis.
pub(crate) fn along_axis(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_type(node.op.name, dtype(node, 0)?);
    Ok(call(kernel, node, vec![number(node, "axis")]))
}
