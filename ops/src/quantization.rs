//! How ONNX lays scales and zero points beside what they belong to: one for all, one for each place of an axis, or one for
//! each block along an axis.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::quantize;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxNode};
use crate::op::Violation;
use crate::primitive::{add, div, equal, gather, iota, max, mul, reduce_max, select};
use crate::tensor::{Data, Tensor};

/// A value with a scale and a zero point that broadcast to it.
pub struct Steps {
    /// The value, its blocks an axis of their own.
    pub x: Value,
    /// The scale.
    pub scale: Value,
    /// The zero point, where it may be other than 0.
    pub zero_point: Option<Value>,
    /// The sizes of the value before.
    pub shape: Vec<Dim>,
}

/// The operands of a node `(x, scale, zero point)` with the attributes `axis` and `block_size`.
///
/// # Errors
/// Where an axis is out of range.
pub fn steps(b: &mut dyn Build, node: &OnnxNode) -> Result<Steps, ImportError> {
    let (x, scale, zero_point) = (node.operand(0)?, node.operand(1)?, node.optional(2));
    let axis = node.int("axis")?.unwrap_or(1);
    let shape = b.fact(x).shape.clone();
    let zero_point = zero_point.filter(|&zero| !is_zero(b, zero));
    let block = node.int("block_size")?.unwrap_or(0);
    if block == 0 {
        let scale = along(b, scale, axis, shape.len())?;
        let zero_point = zero_point.map(|zero| along(b, zero, axis, shape.len())).transpose()?;
        return Ok(Steps { x, scale, zero_point, shape });
    }
    let axis = in_range(axis, shape.len())?;
    if block < 0 {
        return Err(ImportError::Attribute { name: "block_size".into(), found: format!("is {block}") });
    }
    if shape[axis].as_i64().is_some_and(|size| size % block != 0) {
        // The last block is not whole: each place gets its own scale.
        let scale = repeated(b, scale, axis, &shape[axis], block)?;
        let zero_point = zero_point.map(|zero| repeated(b, zero, axis, &shape[axis], block)).transpose()?;
        return Ok(Steps { x, scale, zero_point, shape });
    }
    let blocks = b.fact(scale).shape.get(axis).cloned().unwrap_or(Dim::from(1));
    let split = |size: Dim, whole: &[Dim]| [&whole[..axis], &[blocks.clone(), size], &whole[axis + 1..]].concat();
    let x = b.reshape(x, &split(Dim::from(block), &shape))?;
    let beside = split(Dim::from(1), &b.fact(scale).shape.clone());
    let scale = b.reshape(scale, &beside)?;
    let zero_point = zero_point.map(|zero| b.reshape(zero, &beside)).transpose()?;
    Ok(Steps { x, scale, zero_point, shape })
}

/// A list with a number for each place of an axis, or a single number, so that it broadcasts to a value of this rank.
///
/// # Errors
/// Where it is neither, or the axis is out of range.
pub fn along(b: &mut dyn Build, list: Value, axis: i64, rank: usize) -> Result<Value, ImportError> {
    let shape = b.fact(list).shape.clone();
    match &shape[..] {
        [] => Ok(list),
        [one] if one.is(1) => Ok(b.reshape(list, &[])?),
        [size] => {
            let axis = in_range(axis, rank)?;
            let mut beside = vec![Dim::from(1); rank - axis];
            beside[0] = size.clone();
            Ok(b.reshape(list, &beside)?)
        }
        _ => {
            let found = format!("is {}, no number or list of numbers", b.fact(list));
            Err(ImportError::Operand { index: 1, found })
        }
    }
}

/// A value as `u8` by a scale and a zero point that its own extremes give: the integers, the scale and the zero point.
///
/// # Errors
/// Where the value is of no floating-point type.
pub fn dynamic(b: &mut dyn Build, x: Value) -> Result<[Value; 3], Violation> {
    let dtype = b.fact(x).dtype;
    let all: Vec<i64> = (0..b.fact(x).rank() as i64).collect();
    let largest = |b: &mut dyn Build, x: Value| {
        let extreme = b.op(&reduce_max::OP, &[x], Attrs::none().ints("axes", all.clone()).flag("keep", false))?;
        let zero = b.scalar(dtype, 0.0);
        b.plain(&max::OP, &[extreme, zero])
    };
    let high = largest(b, x)?;
    let negated = mul::negated(b, x)?;
    let low = largest(b, negated)?;
    let range = b.plain(&add::OP, &[high, low])?;
    let (nothing, steps, one) = (b.scalar(dtype, 0.0), b.scalar(dtype, 255.0), b.scalar(dtype, 1.0));
    let flat = b.plain(&equal::OP, &[range, nothing])?;
    let scale = b.plain(&div::OP, &[range, steps])?;
    let scale = b.plain(&select::OP, &[flat, one, scale])?;
    let zero_point = quantize::apply(b, low, scale, None, DType::U8)?;
    Ok([quantize::apply(b, x, scale, Some(zero_point), DType::U8)?, scale, zero_point])
}

/// Whether a value is known to be nothing but zeros.
pub fn is_zero(b: &dyn Build, value: Value) -> bool {
    b.known(value).and_then(Tensor::as_i64s).is_some_and(|all| all.iter().all(|&x| x == 0))
}

fn in_range(axis: i64, rank: usize) -> Result<usize, ImportError> {
    let from_front = if axis < 0 { axis.saturating_add_unsigned(rank as u64) } else { axis };
    let found =
        || ImportError::Attribute { name: "axis".into(), found: format!("is {axis}, the value has {rank} axes") };
    usize::try_from(from_front).ok().filter(|&axis| axis < rank).ok_or_else(found)
}

/// Places along longer axes are computed while running.
const MOST_PLACES: i64 = 1 << 20;

/// Element `i` of an axis of the result is element `i / block` of that axis.
fn repeated(b: &mut dyn Build, x: Value, axis: usize, size: &Dim, block: i64) -> Result<Value, Violation> {
    let index = match size.as_i64() {
        Some(size) if size <= MOST_PLACES => {
            let places = (0..size).map(|place| place / block).collect::<Vec<_>>();
            let tensor = Tensor::new(vec![places.len()], Data::I64(places));
            b.constant(tensor.unwrap_or_else(|| Tensor::list_i64(Vec::new())))
        }
        _ => {
            let place = iota::apply(b, size.clone(), DType::I64)?;
            let block = b.scalar(DType::I64, block as f64);
            b.plain(&div::OP, &[place, block])?
        }
    };
    b.op(&gather::OP, &[x, index], Attrs::none().int("axis", axis as i64).int("batch_dims", 0))
}
