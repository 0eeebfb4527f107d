//! The operand repeated along axes of size 1 and along new outer axes.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::ALL;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, between, from};
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
    import: &[
        from("Expand", 8, expand),
        from("ConstantOfShape", 9, constant_of_shape),
        from("Tile", 6, tile),
        between("Upsample", 9, 9, |b, node| resize(b, node, Some(1), None)),
        between("Resize", 10, 10, |b, node| resize(b, node, Some(1), None)),
        from("Resize", 11, |b, node| {
            let given =
                |index| node.optional(index).filter(|value| !b.fact(*value).shape.iter().any(|size| size.is(0)));
            let (scales, sizes) = (given(2).map(|_| 2), given(3).map(|_| 3));
            resize(b, node, scales, sizes)
        }),
    ],
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

/// Nearest neighbors by whole factors: every element repeated along an axis of its own, then merged.
fn resize(
    b: &mut dyn Build,
    node: &OnnxNode,
    scales: Option<usize>,
    sizes: Option<usize>,
) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let shape = b.fact(x).shape.clone();
    let mode = node.text("mode")?.unwrap_or("nearest");
    let coordinates = node.text("coordinate_transformation_mode")?;
    let coordinates = coordinates.unwrap_or(if node.version < 11 { "asymmetric" } else { "half_pixel" });
    let rounding = node.text("nearest_mode")?.unwrap_or(if node.version < 11 { "floor" } else { "round_prefer_floor" });
    // By a whole factor, both of these read element i / factor: halves between two elements never occur.
    let plain = match coordinates {
        "asymmetric" => rounding == "floor",
        "half_pixel" | "half_pixel_symmetric" => rounding.starts_with("round_prefer"),
        _ => false,
    };
    if mode != "nearest" || !plain {
        let found = format!("Resize by {mode}, {coordinates}, {rounding} is not supported");
        return Err(ImportError::Unsupported(found));
    }
    let mut axes: Vec<usize> = (0..shape.len()).collect();
    if let Some(given) = node.ints("axes")? {
        let fact = b.fact(x);
        let axis = |axis: &i64| fact.axis(*axis);
        let found = || ImportError::Attribute { name: "axes".into(), found: format!("is {given:?} for {fact}") };
        axes = given.iter().map(axis).collect::<Option<_>>().ok_or_else(found)?;
    }
    let factors = match (scales, sizes) {
        (Some(index), _) => whole_scales(b, node, index)?,
        (None, Some(index)) => {
            let to = node.sizes(b, index, "the sizes")?;
            let factor = |(to, &axis): (&Dim, &usize)| to.div_exact(&shape[axis]);
            let found = || ImportError::Unsupported("Resize by a fraction is not supported".into());
            to.iter().zip(&axes).map(factor).collect::<Option<_>>().ok_or_else(found)?
        }
        (None, None) => return Err(ImportError::Operand { index: 2, found: "is missing, and so are sizes".into() }),
    };
    if factors.len() != axes.len() {
        let found = format!("has {} entries for {} axes", factors.len(), axes.len());
        return Err(ImportError::Operand { index: scales.or(sizes).unwrap_or(0), found });
    }
    let mut by = vec![Dim::from(1); shape.len()];
    for (axis, factor) in axes.into_iter().zip(factors) {
        by[axis] = factor;
    }
    let (mut split, mut wide, mut merged) = (Vec::new(), Vec::new(), Vec::new());
    for (size, times) in shape.iter().zip(&by) {
        split.push(size.clone());
        wide.push(size.clone());
        if !times.is(1) {
            split.push(Dim::from(1));
            wide.push(times.clone());
        }
        merged.push(size.clone() * times.clone());
    }
    let split = b.reshape(x, &split)?;
    let wide = repeat(b, split, wide)?[0];
    Ok(vec![b.reshape(wide, &merged)?])
}

fn whole_scales(b: &dyn Build, node: &OnnxNode, index: usize) -> Result<Vec<Dim>, ImportError> {
    let scales = b.known(node.operand(index)?).and_then(Tensor::as_f64s);
    let scales = scales.ok_or(ImportError::NotConstant { index, sets: "the scales" })?;
    let whole = |scale: &f64| (*scale >= 1.0 && scale.fract() == 0.0 && *scale < 1e9).then(|| Dim::from(*scale as i64));
    let found = || ImportError::Unsupported(format!("Resize by {scales:?}, which are not whole, is not supported"));
    scales.iter().map(whole).collect::<Option<_>>().ok_or_else(found)
}
