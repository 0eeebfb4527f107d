//! Numbers that follow from sizes alone.

use crate::kernel::{by_type, call};
use m4c_ops::Dim;
use m4c_target::{Lowered, NodeView};

pub(crate) fn iota(node: &NodeView<'_>) -> Result<Lowered, String> {
    let (axis, start, step) = (0, 0, 1);
    let kernel = by_type("iota", node.result.dtype);
    Ok(call(kernel, node, [axis, start, step].map(Dim::from).to_vec()))
}

pub(crate) fn dim(node: &NodeView<'_>) -> Result<Lowered, String> {
    let sizes = node.attrs.get_dims("sizes").to_vec();
    Ok(call("dim_i64".into(), node, sizes))
}
