//! Names of kernels, and steps that take the node's operands as they are.

use m4c_ops::{DType, Dim};
use m4c_target::{Lowered, NodeView, Step, StepOperand};

/// The kernel of a family for elements of this size: data movement does not care what the bits mean.
pub(crate) fn by_size(family: &str, dtype: DType) -> Result<String, String> {
    match dtype.bits() {
        4 => Err(format!("`{family}` cannot address elements of {dtype}")),
        bits => Ok(format!("{family}_{}", bits / 8)),
    }
}

/// The kernel of a family for this type.
pub(crate) fn by_type(family: &str, dtype: DType) -> String {
    format!("{family}_{dtype}")
}

/// A call with the node's operands in order.
pub(crate) fn call(kernel: String, node: &NodeView<'_>, params: Vec<Dim>) -> Lowered {
    let operands = (0..node.operands.len()).map(StepOperand::Plain).collect();
    Lowered::Step(Step { kernel, operands, params })
}

/// The type of an operand.
pub(crate) fn dtype(node: &NodeView<'_>, index: usize) -> Result<DType, String> {
    let operand = node.operand(index);
    let missing = || format!("`{}` has no operand {index}", node.op.name);
    Ok(operand.ok_or_else(missing)?.fact.dtype)
}

/// Numbers of an attribute as parameters.
pub(crate) fn numbers(node: &NodeView<'_>, attr: &str) -> Vec<Dim> {
    node.attrs.get_ints(attr).iter().copied().map(Dim::from).collect()
}

/// The number of an attribute as a parameter.
pub(crate) fn number(node: &NodeView<'_>, attr: &str) -> Dim {
    Dim::from(node.attrs.get_int(attr))
}
