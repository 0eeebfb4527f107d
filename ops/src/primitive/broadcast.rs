//! The operand repeated along axes of size 1 and along new outer axes.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::ALL;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::table::no_flops;
use crate::tensor::{Tensor, broadcast_positions};

/// The operand repeated along axes of size 1 and along new outer axes.
pub static OP: Op = Op {
    name: "broadcast",
    summary: "The operand repeated along axes of size 1 and along new outer axes.",
    operands: &[operand("x", "T")],
    attrs: &[attr("sizes", AttrKind::Dims, "sizes of the result")],
    types: &[types("T", ALL)],
    constraints: &[constraint(
        "repeats",
        "aligned at the last axis, each size of the operand is 1 or that of the result",
    )],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[from("Expand", 8, expand), from("ConstantOfShape", 9, constant_of_shape), from("Tile", 6, tile)],
    export: Export::Nodes(|g, node| {
        let sizes = g.sizes(&node.result.shape);
        g.node("Expand", &[node.operands[0], Some(sizes)], &[])
    }),
    samples: &[Sample {
        name: "repeats a column",
        operands: &["f32[2, 1] 1 2"],
        attrs: &["sizes = [2, 2, 3]"],
        result: "f32[2, 2, 3] 1 1 1 2 2 2 1 1 1 2 2 2",
    }],
    refusals: &[
        Refusal { constraint: "repeats", operands: &["f32[2]"], attrs: &["sizes = [3]"] },
        Refusal { constraint: "repeats", operands: &["f32[1, 2]"], attrs: &["sizes = [2]"] },
        Refusal { constraint: "repeats", operands: &["f32[1]"], attrs: &["sizes = [-2]"] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let x = infer.operand(0);
    let sizes = infer.attrs.get_dims("sizes");
    let refused = || OP.refuse("repeats", format!("{x} to {} sizes {:?}", sizes.len(), list(sizes)));
    let lead = sizes.len().checked_sub(x.rank()).ok_or_else(refused)?;
    if sizes.iter().any(|size| size.as_i64().is_some_and(|size| size < 0)) {
        return Err(refused());
    }
    let mut shape = sizes.to_vec();
    for (from, to) in x.shape.iter().zip(&mut shape[lead..]) {
        if !from.is(1) {
            *to = infer.same(from, to).ok_or_else(refused)?;
        }
    }
    Ok(Fact { dtype: x.dtype, shape })
}

fn list(sizes: &[Dim]) -> Vec<String> {
    sizes.iter().map(ToString::to_string).collect()
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let shape = x.sizes("sizes")?;
    let tensor = x.operand(0);
    tensor.take(shape.clone(), broadcast_positions(tensor.shape(), &shape)).ok_or(EvalError::Symbolic)
}

/// ONNX's Expand broadcasts both ways: a size of 1 in the target keeps the operand's.
fn expand(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let mut to = node.sizes(b, 1, "the shape")?;
    let from = b.fact(x).shape.clone();
    while to.len() < from.len() {
        to.insert(0, Dim::from(1));
    }
    let lead = to.len() - from.len();
    for (from, to) in from.iter().zip(&mut to[lead..]) {
        if to.is(1) {
            *to = from.clone();
        }
    }
    repeat(b, x, to)
}

fn constant_of_shape(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let sizes = node.sizes(b, 0, "the shape")?;
    let value = match node.attrs.get("value") {
        Some(OnnxAttr::Tensor(tensor)) if tensor.len() == 1 => tensor.reshaped(Vec::new()),
        None => Some(Tensor::scalar_f32(0.0)),
        _ => None,
    };
    let value =
        value.ok_or_else(|| ImportError::Attribute { name: "value".into(), found: "is not one element".into() })?;
    let value = b.constant(value);
    repeat(b, value, sizes)
}

/// Tile is broadcast along new axes, then merged: `[a, b]` by `[r, s]` is `[r, a, s, b]` regrouped.
fn tile(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let repeats = node.sizes(b, 1, "the repeats")?;
    let shape = b.fact(x).shape.clone();
    if repeats.len() != shape.len() {
        let found = format!("has {} repeats for rank {}", repeats.len(), shape.len());
        return Err(ImportError::Operand { index: 1, found });
    }
    let (mut split, mut wide, mut merged) = (Vec::new(), Vec::new(), Vec::new());
    for (size, times) in shape.iter().zip(&repeats) {
        if !times.is(1) && !size.is(1) {
            split.push(Dim::from(1));
            wide.push(times.clone());
        }
        split.push(size.clone());
        wide.push(if size.is(1) { times.clone() } else { size.clone() });
        merged.push(size.clone() * times.clone());
    }
    let split = b.reshape(x, &split)?;
    let wide = repeat(b, split, wide)?[0];
    Ok(vec![b.reshape(wide, &merged)?])
}

fn repeat(b: &mut dyn Build, x: Value, sizes: Vec<Dim>) -> Result<Vec<Value>, ImportError> {
    if b.fact(x).shape == sizes {
        return Ok(vec![x]);
    }
    Ok(vec![b.op(&OP, &[x], Attrs::none().dims("sizes", sizes))?])
}
