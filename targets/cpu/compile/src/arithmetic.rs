//! Elementwise arithmetic and comparisons: the kernel has the operator's name and the type of the operands.

use crate::kernel::{by_type, call, dtype};
use m4c_target::{Lowered, NodeView};

pub(crate) fn elementwise(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_type(node.op.name, dtype(node, 0)?);
    Ok(call(kernel, node, Vec::new()))
}
