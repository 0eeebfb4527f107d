//! Operators that scale a row by what all of it says.

use crate::kernel::{by_type, call, dtype, number};
use m4c_target::{Lowered, NodeView};

pub(crate) fn softmax(node: &NodeView<'_>) -> Result<Lowered, String> {
    along_axis(node)
}

pub(crate) fn layer_norm(node: &NodeView<'_>) -> Result<Lowered, String> {
    along_axis(node)
}

/// The kernels take the operators' operands in their order, and the axis.
fn along_axis(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_type(node.op.name, dtype(node, 0)?);
    Ok(call(kernel, node, vec![number(node, "axis")]))
}
