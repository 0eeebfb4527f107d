//! Conversions between storage types.

use crate::kernel::{call, dtype};
use m4c_target::{Lowered, NodeView};

pub(crate) fn cast(node: &NodeView<'_>) -> Result<Lowered, String> {
    let (from, to) = (dtype(node, 0)?, node.result.dtype);
    if from == to {
        return Ok(Lowered::View { operand: 0 });
    }
    Ok(call(format!("cast_{from}_{to}"), node, Vec::new()))
}
