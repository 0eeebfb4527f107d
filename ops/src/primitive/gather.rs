//! Slices of the operand at the places that an index tensor names along one axis.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{ALL, INDEX};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::primitive::{add, less, mul, select, slice};
use crate::table::no_flops;
use crate::tensor::{Tensor, indices, strides};

/// Slices of the operand at the places that an index tensor names along one axis.
pub static OP: Op = Op {
    name: "gather",
    summary: "Slices of the operand at the places that an index tensor names along one axis; a negative index counts from the end.",
    operands: &[operand("x", "T"), operand("indices", "I")],
    attrs: &[
        attr("axis", AttrKind::Int, "the axis that the indices count along"),
        attr("batch_dims", AttrKind::Int, "how many outer axes operand and indices share"),
    ],
    types: &[types("T", ALL), types("I", INDEX)],
    constraints: &[
        constraint("axis-in-range", "the axis is below the rank and not below batch_dims"),
        constraint("same-batch", "the shared outer axes have equal sizes"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[from("Gather", 1, import), from("GatherND", 11, gather_nd), from("GatherElements", 11, gather_elements)],
    export: Export::Nodes(export),
    samples: &[
        Sample {
            name: "rows",
            operands: &["f32[3, 2] 1 2 3 4 5 6", "i64[2] 2 -3"],
            attrs: &["axis = 0", "batch_dims = 0"],
            result: "f32[2, 2] 5 6 1 2",
        },
        Sample {
            name: "one index a row",
            operands: &["f32[2, 3] 1 2 3 4 5 6", "i64[2, 1] 0 2"],
            attrs: &["axis = 1", "batch_dims = 1"],
            result: "f32[2, 1] 1 6",
        },
    ],
    refusals: &[
        Refusal {
            constraint: "axis-in-range",
            operands: &["f32[2]", "i64[1]"],
            attrs: &["axis = 1", "batch_dims = 0"],
        },
        Refusal {
            constraint: "same-batch",
            operands: &["f32[2, 3]", "i64[3, 1]"],
            attrs: &["axis = 1", "batch_dims = 1"],
        },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, at) = (infer.operand(0), infer.operand(1));
    let (axis, batch) = (infer.attrs.get_int("axis"), infer.attrs.get_int("batch_dims"));
    if !(0 <= batch && batch <= axis && axis < x.rank() as i64 && batch <= at.rank() as i64) {
        return Err(OP.refuse("axis-in-range", format!("axis {axis} and batch_dims {batch} of {x}")));
    }
    let (axis, batch) = (axis as usize, batch as usize);
    let mut shape = x.shape[..axis].to_vec();
    for (i, size) in shape.iter_mut().enumerate().take(batch) {
        let same = infer.same(size, &at.shape[i]);
        *size = same.ok_or_else(|| OP.refuse("same-batch", format!("axis {i} of {x} and {at}")))?;
    }
    shape.extend_from_slice(&at.shape[batch..]);
    shape.extend_from_slice(&x.shape[axis + 1..]);
    Ok(Fact { dtype: x.dtype, shape })
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, at) = (x.operand(0), x.operand(1));
    let (axis, batch) = (x.attrs.get_int("axis") as usize, x.attrs.get_int("batch_dims") as usize);
    let chosen = at.as_i64s().ok_or(EvalError::Symbolic)?;
    let size = tensor.shape()[axis] as i64;
    let mut from_front = Vec::with_capacity(chosen.len());
    for index in chosen {
        let place = if index < 0 { index + size } else { index };
        if !(0..size).contains(&place) {
            return Err(EvalError::Domain(format!("index {index} of {size} along axis {axis}")));
        }
        from_front.push(place as usize);
    }
    let mut shape = tensor.shape()[..axis].to_vec();
    shape.extend_from_slice(&at.shape()[batch..]);
    shape.extend_from_slice(&tensor.shape()[axis + 1..]);
    let (strides, at_strides) = (strides(tensor.shape()), strides(at.shape()));
    let inner = axis + at.shape().len() - batch;
    let positions = indices(&shape).map(|index| {
        let shared = (0..batch).map(|i| index[i] * at_strides[i]).sum::<usize>();
        let own = (batch..at.shape().len()).map(|i| index[axis + i - batch] * at_strides[i]).sum::<usize>();
        let outer = (0..axis).map(|i| index[i] * strides[i]).sum::<usize>();
        let rest = (axis + 1..strides.len()).map(|i| index[inner + i - axis - 1] * strides[i]).sum::<usize>();
        outer + from_front[shared + own] * strides[axis] + rest
    });
    tensor.take(shape.clone(), positions).ok_or(EvalError::Symbolic)
}

/// One known index is a slice; everything else a gather.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, at) = (node.operand(0)?, node.operand(1)?);
    let fact = b.fact(x).clone();
    let given = node.int("axis")?.unwrap_or(0);
    let axis = fact.axis(given);
    let axis = axis.ok_or_else(|| ImportError::from(OP.refuse("axis-in-range", format!("axis {given} of {fact}"))))?;
    let one = b.known(at).filter(|tensor| tensor.shape().is_empty()).and_then(Tensor::as_dim);
    if let (Some(index), None) = (one.and_then(|dim| dim.as_i64()), b.known(x)) {
        let whole = &fact.shape[axis];
        let start = if index < 0 { whole.clone() + Dim::from(index) } else { Dim::from(index) };
        let mut starts = vec![Dim::from(0); fact.rank()];
        let mut sizes = fact.shape.clone();
        (starts[axis], sizes[axis]) = (start, Dim::from(1));
        let row = slice::apply(b, x, starts, sizes.clone(), vec![1; fact.rank()])?;
        sizes.remove(axis);
        return Ok(vec![b.reshape(row, &sizes)?]);
    }
    Ok(vec![b.op(&OP, &[x, at], Attrs::none().int("axis", axis as i64).int("batch_dims", 0))?])
}

/// Index tuples count along the axes after the shared ones. One of those is a gather; more are merged into one axis, and
/// each tuple into its place there.
fn gather_nd(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, at) = (node.operand(0)?, node.operand(1)?);
    let (fact, tuples) = (b.fact(x).clone(), b.fact(at).clone());
    let batch = node.int("batch_dims")?.unwrap_or(0);
    let length = tuples.shape.last().and_then(Dim::as_usize);
    let length = length.ok_or(ImportError::NotConstant { index: 1, sets: "the length of an index tuple" })?;
    let first = usize::try_from(batch).ok().filter(|first| *first < tuples.rank());
    let (Some(first), 1..) = (first.filter(|first| first + length <= fact.rank()), length) else {
        let found = format!("batch_dims {batch} and tuples of {length} in {tuples} for {fact}");
        return Err(OP.refuse("axis-in-range", found).into());
    };
    let outer = &tuples.shape[..tuples.rank() - 1];
    let indexed = &fact.shape[first..first + length];
    let place = if length == 1 { b.reshape(at, outer)? } else { places(b, at, outer, indexed)? };
    let mut merged = fact.shape[..first].to_vec();
    merged.push(Dim::product(indexed));
    merged.extend_from_slice(&fact.shape[first + length..]);
    let x = b.reshape(x, &merged)?;
    Ok(vec![b.op(&OP, &[x, place], Attrs::none().int("axis", batch).int("batch_dims", batch))?])
}

/// The row-major place of each index tuple among axes of these sizes.
///
/// # Errors
/// Where tuples are empty.
pub fn places(b: &mut dyn Build, at: Value, outer: &[Dim], sizes: &[Dim]) -> Result<Value, ImportError> {
    let dtype = b.fact(at).dtype;
    let mut all: Option<Value> = None;
    for (axis, size) in sizes.iter().enumerate() {
        let mut starts = vec![Dim::from(0); outer.len() + 1];
        let mut cut = outer.to_vec();
        starts[outer.len()] = Dim::from(axis);
        cut.push(Dim::from(1));
        let steps = vec![1; starts.len()];
        let index = slice::apply(b, at, starts, cut, steps)?;
        let index = b.reshape(index, outer)?;
        let size = b.size(size.clone());
        let size = b.cast(size, dtype)?;
        let index = from_front(b, index, size)?;
        all = Some(match all {
            None => index,
            Some(before) => {
                let before = b.plain(&mul::OP, &[before, size])?;
                b.plain(&add::OP, &[before, index])?
            }
        });
    }
    all.ok_or_else(|| ImportError::Operand { index: 1, found: "has empty index tuples".into() })
}

/// Indices along an axis of this size, those counted from its end counted from its front.
///
/// # Errors
/// The constraint that it breaks.
pub fn from_front(b: &mut dyn Build, index: Value, size: Value) -> Result<Value, Violation> {
    let zero = b.scalar(b.fact(index).dtype, 0.0);
    let from_end = b.plain(&add::OP, &[index, size])?;
    let negative = b.plain(&less::OP, &[index, zero])?;
    b.plain(&select::OP, &[negative, from_end, index])
}

fn gather_elements(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, at) = (node.operand(0)?, node.operand(1)?);
    let (fact, picks) = (b.fact(x), b.fact(at));
    let given = node.int("axis")?.unwrap_or(0);
    let axis = fact.axis(given).filter(|_| picks.rank() == fact.rank());
    let axis = axis.ok_or_else(|| OP.refuse("axis-in-range", format!("axis {given} of {fact} and {picks}")))?;
    Ok(vec![along(b, x, at, axis)?])
}

/// Each index picks along the axis at its own place of all others: with the axis last, a gather in which those are shared.
///
/// # Errors
/// The constraint that it breaks.
pub fn along(b: &mut dyn Build, x: Value, at: Value, axis: usize) -> Result<Value, Violation> {
    let (fact, picks) = (b.fact(x).clone(), b.fact(at).clone());
    // Rows and columns beyond those of the indices are never picked from.
    let mut sizes = fact.shape.clone();
    for (i, size) in sizes.iter_mut().enumerate().filter(|(i, _)| *i != axis) {
        if size.differs(&picks.shape[i]) {
            *size = picks.shape[i].clone();
        }
    }
    let x = slice::apply(b, x, vec![Dim::from(0); fact.rank()], sizes, vec![1; fact.rank()])?;
    let (axis, last) = (axis as i64, fact.rank() as i64 - 1);
    let to_last: Vec<i64> = (0..=last).filter(|&i| i != axis).chain([axis]).collect();
    let back: Vec<i64> = (0..axis).chain([last]).chain(axis..last).collect();
    let x = b.transpose(x, to_last.clone())?;
    let at = b.transpose(at, to_last)?;
    let picked = b.op(&OP, &[x, at], Attrs::none().int("axis", last).int("batch_dims", last))?;
    b.transpose(picked, back)
}

/// Without shared axes this is Gather; with them GatherND at the shared and the one indexed axis.
fn export(g: &mut dyn crate::onnx::OnnxGraph, node: &crate::onnx::ExportNode<'_>) -> crate::onnx::OnnxValue {
    let (axis, batch) = (node.attrs.get_int("axis"), node.attrs.get_int("batch_dims"));
    if batch == 0 {
        return g.node("Gather", node.operands, &[("axis", OnnxAttr::Int(axis))]);
    }
    // GatherND gathers along the axis right after the shared ones: bring it there, gather, and the rest is in place.
    let rank = node.fact(0).rank() as i64;
    let perm: Vec<i64> = (0..batch).chain([axis]).chain((batch..rank).filter(|&i| i != axis)).collect();
    let moved = g.node("Transpose", &[node.operands[0]], &[("perm", OnnxAttr::Ints(perm))]);
    let last = g.constant(&Tensor::list_i64(vec![-1]));
    let tuples = g.node("Unsqueeze", &[node.operands[1], Some(last)], &[]);
    let gathered = g.node("GatherND", &[Some(moved), Some(tuples)], &[("batch_dims", OnnxAttr::Int(batch))]);
    // Result axes now: shared, index, axes between batch and axis, axes after. Wanted: shared, between, index, after.
    let index_axes = node.fact(1).rank() as i64 - batch;
    let (between, total) = (axis - batch, node.result.rank() as i64);
    let back: Vec<i64> = (0..batch)
        .chain(batch + index_axes..batch + index_axes + between)
        .chain(batch..batch + index_axes)
        .chain(batch + index_axes + between..total)
        .collect();
    g.node("Transpose", &[Some(gathered)], &[("perm", OnnxAttr::Ints(back))])
}
