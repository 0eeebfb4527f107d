//! Conversions between storage types.

use crate::kernel::{by_type, call, dtype};
use m4c_target::{Lowered, NodeView};

/// The kernels of one direction are told apart by the type of the result.
pub(crate) fn quantize(node: &NodeView<'_>) -> Result<Lowered, String> {
    Ok(call(by_type(node.op.name, node.result.dtype), node, Vec::new()))
}

pub(crate) fn cast(node: &NodeView<'_>) -> Result<Lowered, String> {
    let (from, to) = (dtype(node, 0)?, node.result.dtype);
    if from == to {
        return Ok(Lowered::View { operand: 0 });
    }
    Ok(call(format!("cast_{from}_{to}"), node, Vec::new()))
}
