//! Element types of files, and elements in the storage types that carry them.

use crate::onnx::{ElementType, TensorRef};
use m4c_ops::{Element, Fact, Tensor};

/// The element type that a file declares, where it can be carried.
pub(super) fn element(declared: ElementType) -> Option<Element> {
    Element::from_number(declared as i64)
}

/// The elements of a file's tensor in the storage type that carries them.
pub fn tensor(stored: &TensorRef) -> Option<Tensor> {
    let sizes = stored.dims.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<Vec<usize>>>()?;
    m4c_ops::element::carried(element(stored.dtype)?, sizes, stored.bytes())
}

/// What a file's tensor is as a value.
pub(super) fn tensor_fact(stored: &TensorRef) -> Option<Fact> {
    let sizes = stored.dims.iter().map(|&size| i64::try_from(size).ok()).collect::<Option<Vec<i64>>>()?;
    Some(Fact::new(element(stored.dtype)?.carrier(), sizes))
}
