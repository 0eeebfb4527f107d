//! Forms that many operators share: inference and import of elementwise operators.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::fact::Fact;
use crate::onnx::{ExportNode, ImportError, OnnxAttr, OnnxGraph, OnnxNode, OnnxValue};
use crate::op::{Constraint, Infer, Op, Violation, constraint};
use crate::tensor::{Tensor, indices, strides};

/// The constraint of operators that broadcast like numpy.
pub const BROADCASTABLE: Constraint =
    constraint("broadcastable", "aligned at the last axis, sizes are equal or one of them is 1");

/// The broadcast shape of all operands, with the type of the last.
///
/// # Errors
/// Where the shapes do not broadcast.
pub fn infer_broadcast(op: &'static Op, infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let facts: Vec<&Fact> = infer.operands().collect();
    let mut shape = Vec::new();
    for fact in &facts {
        shape = infer.broadcast(&shape, &fact.shape).ok_or_else(|| {
            let found: Vec<String> = facts.iter().map(ToString::to_string).collect();
            op.refuse("broadcastable", found.join(" and "))
        })?;
    }
    let dtype = facts.last().map_or(DType::F32, |fact| fact.dtype);
    Ok(Fact { dtype, shape })
}

/// Imports a node as one application of `op` with the same operands and no attributes.
///
/// # Errors
/// Where operands are missing or break a constraint.
pub fn import_plain(b: &mut dyn Build, node: &OnnxNode, op: &'static Op) -> Result<Vec<Value>, ImportError> {
    let operands = (0..op.operands.len()).map(|i| node.operand(i)).collect::<Result<Vec<_>, _>>()?;
    Ok(vec![b.op(op, &operands, Attrs::none())?])
}

/// Imports a node of one operand that is computed in `f32` where its type is narrower.
///
/// # Errors
/// Where the operand is missing or breaks a constraint.
pub fn import_widened(
    b: &mut dyn Build,
    node: &OnnxNode,
    f: fn(&mut dyn Build, Value) -> Result<Value, Violation>,
) -> Result<Vec<Value>, ImportError> {
    Ok(vec![b.in_f32(node.operand(0)?, f)?])
}

/// Imports a node that before version 13 counts its operand as a matrix: all axes from `axis` on are one.
///
/// # Errors
/// Where the operand is missing or the axis out of range.
pub fn import_coerced(
    b: &mut dyn Build,
    node: &OnnxNode,
    f: fn(&mut dyn Build, Value, usize) -> Result<Value, Violation>,
) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let axis = node.axis(b, x, 1)?;
    let shape = b.fact(x).shape.clone();
    if axis + 1 == shape.len() {
        return Ok(vec![f(b, x, axis)?]);
    }
    let matrix = b.reshape(x, &[Dim::product(&shape[..axis]), Dim::product(&shape[axis..])])?;
    let result = f(b, matrix, 1)?;
    Ok(vec![b.reshape(result, &shape)?])
}

/// Imports an elementwise node of two or more operands as a chain of `op`.
///
/// # Errors
/// Where operands are missing or break a constraint.
pub fn import_chain(b: &mut dyn Build, node: &OnnxNode, op: &'static Op) -> Result<Vec<Value>, ImportError> {
    let mut result = node.operand(0)?;
    for index in 1..node.operands.len() {
        let next = node.operand(index)?;
        result = b.op(op, &[result, next], Attrs::none())?;
    }
    Ok(vec![result])
}

/// Axes of a reduction: an attribute before `operand_since`, an operand from then on; none given means all, or none at
/// all under `noop_with_empty_axes`.
///
/// # Errors
/// Where they are only known at run time or out of range.
pub fn reduction_axes(
    b: &dyn Build,
    node: &OnnxNode,
    operand_since: i64,
    op: &'static Op,
) -> Result<Vec<i64>, ImportError> {
    let rank = b.fact(node.operand(0)?).rank();
    let given = if node.version < operand_since {
        node.ints("axes")?
    } else if node.optional(1).is_some() {
        Some(node.numbers(b, 1, "the axes")?)
    } else {
        None
    };
    let all = || (0..rank as i64).collect::<Vec<i64>>();
    let axes = match given {
        Some(axes) if !axes.is_empty() => axes,
        _ if node.int("noop_with_empty_axes")?.unwrap_or(0) != 0 => Vec::new(),
        _ => all(),
    };
    normalized_axes(b, node.operand(0)?, &axes, op)
}

/// Axes counted from the front, sorted.
///
/// # Errors
/// Where one is out of range.
pub fn normalized_axes(b: &dyn Build, x: Value, axes: &[i64], op: &'static Op) -> Result<Vec<i64>, ImportError> {
    let fact = b.fact(x);
    let axis = |axis: &i64| {
        fact.axis(*axis)
            .map(|axis| axis as i64)
            .ok_or_else(|| ImportError::from(op.refuse("axes-in-range", format!("axis {axis} of {fact}"))))
    };
    let mut axes = axes.iter().map(axis).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    Ok(axes)
}

/// Holds the constraint `axes-in-range`.
///
/// # Errors
/// Where the axes do not rise or are out of range.
pub fn rising_axes(op: &'static Op, x: &Fact, axes: &[i64]) -> Result<(), Violation> {
    let rising = axes.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || axes.iter().any(|axis| !(0..x.rank() as i64).contains(axis)) {
        return Err(op.refuse("axes-in-range", format!("{axes:?} of {x}")));
    }
    Ok(())
}

/// The fact of a reduction along `axes`, which stay as size 1 under `keep`.
///
/// # Errors
/// Where the axes do not rise or are out of range.
pub fn infer_reduction(op: &'static Op, infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let x = infer.operand(0);
    let axes = infer.attrs.get_ints("axes");
    rising_axes(op, x, axes)?;
    let keep = infer.attrs.get_flag("keep");
    let sizes = x.shape.iter().enumerate().filter_map(|(i, size)| match axes.contains(&(i as i64)) {
        false => Some(size.clone()),
        true => keep.then(|| Dim::from(1)),
    });
    Ok(Fact { dtype: x.dtype, shape: sizes.collect() })
}

/// The shape of a reduction, and for each element of the result the positions that it reduces, in order.
pub fn reduce(x: &Tensor, attrs: &Attrs) -> (Vec<usize>, Vec<Vec<usize>>) {
    let axes = attrs.get_ints("axes");
    let reduced = |axis: usize| axes.contains(&(axis as i64));
    let kept: Vec<usize> = (0..x.shape().len()).filter(|&axis| !reduced(axis)).collect();
    let outer: Vec<usize> = kept.iter().map(|&axis| x.shape()[axis]).collect();
    let outer_strides = strides(&outer);
    let mut groups = vec![Vec::new(); outer.iter().product()];
    for (position, index) in indices(x.shape()).enumerate() {
        let group: usize = kept.iter().zip(&outer_strides).map(|(&axis, stride)| index[axis] * stride).sum();
        groups[group].push(position);
    }
    let keep = attrs.get_flag("keep");
    let sizes = x.shape().iter().enumerate().filter(|(axis, _)| keep || !reduced(*axis));
    let shape = sizes.map(|(axis, &size)| if reduced(axis) { 1 } else { size }).collect();
    (shape, groups)
}

/// Writes a reduction with its axes as an operand.
pub fn export_reduction(op_type: &str, g: &mut dyn OnnxGraph, node: &ExportNode<'_>) -> OnnxValue {
    let axes = g.constant(&Tensor::list_i64(node.attrs.get_ints("axes").to_vec()));
    let keep = i64::from(node.attrs.get_flag("keep"));
    let attrs = [("keepdims", OnnxAttr::Int(keep)), ("noop_with_empty_axes", OnnxAttr::Int(1))];
    g.node(op_type, &[node.operands[0], Some(axes)], &attrs)
}
