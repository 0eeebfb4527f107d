//! Reductions along given axes.

use crate::kernel::{by_type, call, dtype, numbers};
use m4c_target::{Lowered, NodeView};

pub(crate) fn reduce(node: &NodeView<'_>) -> Result<Lowered, String> {
    let kernel = by_type(node.op.name, dtype(node, 0)?);
    Ok(call(kernel, node, numbers(node, "axes")))
}
