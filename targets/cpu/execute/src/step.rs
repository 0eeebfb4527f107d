//! Reads a step's shapes and data the way a kernel expects them, and refuses every other step.

use bytemuck::Pod;
use m4c_runtime::DType;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Dims, Shape, StepShape};

/// Refuses the step unless the condition holds.
pub(crate) fn require(condition: bool) -> Result<(), Code> {
    if condition { Ok(()) } else { Err(Code::BadStep) }
}

/// Requires exactly so many operands and results.
pub(crate) fn arity(step: &StepShape<'_>, operands: usize, results: usize) -> Result<(), Code> {
    require(step.operands.len() == operands && step.results.len() == results)
}

/// Requires that the bytes are those of a plain row-major tensor with whole-byte elements.
fn plain(shape: &Shape) -> Result<(), Code> {
    let elements = shape.dims.elements().ok_or(Code::BadStep)?;
    let bits = shape.dtype.bits() as usize;
    require(bits >= 8)?;
    let bytes = elements.checked_mul(bits / 8).ok_or(Code::BadStep)?;
    require(bytes == shape.bytes && bytes <= isize::MAX as usize)
}

/// The shape of an operand, whatever its bytes, or `None` where an optional one is absent.
pub(crate) fn present(step: &StepShape<'_>, index: usize) -> Option<Shape> {
    step.operands.get(index).copied().flatten()
}

/// How many products each element of a matrix product sums.
pub(crate) fn depth(step: &StepShape<'_>) -> usize {
    present(step, 0).and_then(|shape| shape.dims.last().copied()).unwrap_or(0)
}

/// The sizes of an operand of this type, or `None` where it is absent.
pub(crate) fn optional(step: &StepShape<'_>, index: usize, dtype: DType) -> Result<Option<Dims>, Code> {
    let Some(shape) = present(step, index) else { return Ok(None) };
    require(shape.dtype == dtype)?;
    plain(&shape)?;
    Ok(Some(shape.dims))
}

/// The sizes of an operand of this type.
pub(crate) fn operand(step: &StepShape<'_>, index: usize, dtype: DType) -> Result<Dims, Code> {
    optional(step, index, dtype)?.ok_or(Code::BadStep)
}

/// The type and sizes of an operand whose elements take as many bytes as a `T`.
pub(crate) fn operand_like<T>(step: &StepShape<'_>, index: usize) -> Result<(DType, Dims), Code> {
    let shape = present(step, index).ok_or(Code::BadStep)?;
    require(shape.dtype.bits() as usize == 8 * size_of::<T>())?;
    plain(&shape)?;
    Ok((shape.dtype, shape.dims))
}

/// The sizes of the only result, which must have this type.
pub(crate) fn result(step: &StepShape<'_>, dtype: DType) -> Result<Dims, Code> {
    let [shape] = step.results else { return Err(Code::BadStep) };
    require(shape.dtype == dtype)?;
    plain(shape)?;
    Ok(shape.dims)
}

/// The number of elements of some axes of a checked shape. It wraps only where another axis of the shape has size 0.
pub(crate) fn count(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |product, &size| product.wrapping_mul(size))
}

/// An axis below the rank.
pub(crate) fn axis(param: i64, rank: usize) -> Result<usize, Code> {
    let axis = usize::try_from(param).map_err(|_| Code::BadStep)?;
    require(axis < rank)?;
    Ok(axis)
}

/// The elements of an operand.
///
/// # Errors
/// [`Code::BadStep`] where the memory is not aligned for `T` or not as long as the shape says.
pub(crate) fn read<'d, T: Pod>(step: &StepShape<'_>, operands: &[&'d [u8]], index: usize) -> Result<&'d [T], Code> {
    let shape = present(step, index).ok_or(Code::BadStep)?;
    let bytes: &'d [u8] = operands.get(index).ok_or(Code::BadStep)?;
    require(bytes.len() == shape.bytes)?;
    // An empty slice may be dangling at any address, so its alignment says nothing.
    if bytes.is_empty() {
        return Ok(&[]);
    }
    bytemuck::try_cast_slice(bytes).map_err(|_| Code::BadStep)
}

/// The elements of an operand, or `None` where it is absent.
pub(crate) fn read_optional<'d, T: Pod>(
    step: &StepShape<'_>,
    operands: &[&'d [u8]],
    index: usize,
) -> Result<Option<&'d [T]>, Code> {
    present(step, index).map(|_| read(step, operands, index)).transpose()
}

/// The elements of the only result.
///
/// # Errors
/// [`Code::BadStep`] where the memory is not aligned for `T` or not as long as the shape says.
pub(crate) fn write<'r, T: Pod>(step: &StepShape<'_>, results: &'r mut [&mut [u8]]) -> Result<&'r mut [T], Code> {
    let ([shape], [bytes]) = (step.results, results) else { return Err(Code::BadStep) };
    require(bytes.len() == shape.bytes)?;
    if bytes.is_empty() {
        return Ok(&mut []);
    }
    bytemuck::try_cast_slice_mut(bytes).map_err(|_| Code::BadStep)
}

/// Working memory as elements; a rest too short for an element is left out.
pub(crate) fn scratch<T: Pod>(bytes: &mut [u8]) -> Result<&mut [T], Code> {
    let whole = bytes.len() / size_of::<T>() * size_of::<T>();
    if whole == 0 {
        return Ok(&mut []);
    }
    bytemuck::try_cast_slice_mut(&mut bytes[..whole]).map_err(|_| Code::BadStep)
}
