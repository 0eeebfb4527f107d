//! The operand within a frame of one value, and with that value between its elements.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{ALL, DType};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ExportNode, ImportError, OnnxGraph, OnnxNode, OnnxValue, between, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::primitive::slice;
use crate::signature::normalized_axes;
use crate::table::no_flops;
use crate::tensor::{Tensor, indices, strides};

/// The operand within a frame of one value, and with that value between its elements.
pub static OP: Op = Op {
    name: "pad",
    summary: "The operand within a frame of one value, and with interior[i] of that value between neighbors along axis i.",
    operands: &[operand("x", "T"), operand("value", "T")],
    attrs: &[
        attr("low", AttrKind::Dims, "how many before the first element along each axis"),
        attr("high", AttrKind::Dims, "how many after the last element along each axis"),
        attr("interior", AttrKind::Ints, "how many between neighbors along each axis"),
    ],
    types: &[types("T", ALL)],
    constraints: &[
        constraint("one-entry-an-axis", "low, high and interior have one entry for each axis"),
        constraint("not-negative", "nothing is cut off"),
        constraint("scalar-value", "the value has no axes"),
        constraint("not-empty", "an axis with interior has not size 0"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[
        between("Pad", 2, 10, |b, node| {
            let missing = || ImportError::Attribute { name: "pads".into(), found: "is missing".into() };
            let pads = node.ints("pads")?.ok_or_else(missing)?.into_iter().map(Dim::from).collect();
            let value = b.scalar(b.fact(node.operand(0)?).dtype, f64::from(node.float("value")?.unwrap_or(0.0)));
            let axes = (0..b.fact(node.operand(0)?).rank() as i64).collect();
            import(b, node, pads, value, axes)
        }),
        from("Pad", 11, |b, node| {
            let pads = node.sizes(b, 1, "the pads")?;
            let fact = b.fact(node.operand(0)?).clone();
            let value = match node.optional(2) {
                Some(value) => b.reshape(value, &[])?,
                None => b.scalar(fact.dtype, 0.0),
            };
            let axes = match node.optional(3) {
                Some(_) => node.numbers(b, 3, "the axes")?,
                None => (0..fact.rank() as i64).collect(),
            };
            import(b, node, pads, value, axes)
        }),
    ],
    export: Export::Nodes(export),
    samples: &[
        Sample {
            name: "frame and interior",
            operands: &["f32[2, 2] 1 2 3 4", "f32[] 0"],
            attrs: &["low = [0, 1]", "high = [1, 0]", "interior = [0, 2]"],
            result: "f32[3, 5] 0 1 0 0 2 0 3 0 0 4 0 0 0 0 0",
        },
        Sample {
            name: "a value of its own",
            operands: &["i64[1] 7", "i64[] -1"],
            attrs: &["low = [1]", "high = [2]", "interior = [0]"],
            result: "i64[4] -1 7 -1 -1",
        },
        Sample {
            name: "nothing around nothing",
            operands: &["f32[]  5", "f32[] 0"],
            attrs: &["low = []", "high = []", "interior = []"],
            result: "f32[] 5",
        },
    ],
    refusals: &[
        Refusal {
            constraint: "one-entry-an-axis",
            operands: &["f32[2, 3]", "f32[]"],
            attrs: &["low = [0]", "high = [0, 0]", "interior = [0, 0]"],
        },
        Refusal {
            constraint: "not-negative",
            operands: &["f32[3]", "f32[]"],
            attrs: &["low = [-1]", "high = [0]", "interior = [0]"],
        },
        Refusal {
            constraint: "not-negative",
            operands: &["f32[3]", "f32[]"],
            attrs: &["low = [0]", "high = [0]", "interior = [-1]"],
        },
        Refusal {
            constraint: "scalar-value",
            operands: &["f32[3]", "f32[1]"],
            attrs: &["low = [0]", "high = [0]", "interior = [0]"],
        },
        Refusal {
            constraint: "not-empty",
            operands: &["f32[0]", "f32[]"],
            attrs: &["low = [0]", "high = [0]", "interior = [1]"],
        },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, value) = (infer.operand(0), infer.operand(1));
    let (low, high) = (infer.attrs.get_dims("low"), infer.attrs.get_dims("high"));
    let interior = infer.attrs.get_ints("interior");
    if [low.len(), high.len(), interior.len()] != [x.rank(); 3] {
        return Err(OP.refuse("one-entry-an-axis", format!("{} for {x}", infer.attrs)));
    }
    if value.rank() != 0 {
        return Err(OP.refuse("scalar-value", value.to_string()));
    }
    let (zero, one) = (Dim::from(0), Dim::from(1));
    let mut shape = Vec::new();
    for (axis, size) in x.shape.iter().enumerate() {
        let (low, high, between) = (&low[axis], &high[axis], interior[axis]);
        if between < 0 || !infer.at_most(&zero, low) || !infer.at_most(&zero, high) {
            return Err(OP.refuse("not-negative", format!("{low}, {high} and {between} along axis {axis}")));
        }
        let mut padded = size.clone() + low.clone() + high.clone();
        if between > 0 {
            if !infer.at_most(&one, size) {
                return Err(OP.refuse("not-empty", format!("axis {axis} of {x}")));
            }
            padded = padded + (size.clone() - one.clone()) * Dim::from(between);
        }
        shape.push(padded);
    }
    Ok(Fact { dtype: x.dtype, shape })
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, value) = (x.operand(0), x.operand(1));
    let (low, high, interior) = (x.sizes("low")?, x.sizes("high")?, x.attrs.get_ints("interior"));
    let sizes = tensor.shape();
    let step = |axis: usize| interior[axis] as usize + 1;
    let padded = |axis: usize| low[axis] + high[axis] + sizes[axis].saturating_sub(1) * step(axis) + sizes[axis].min(1);
    let shape: Vec<usize> = (0..sizes.len()).map(padded).collect();
    let places = strides(sizes);
    // One pool of the operand and the value lets a single index choose between them.
    let flat = |tensor: &Tensor| tensor.reshaped(vec![tensor.len()]).ok_or(EvalError::Symbolic);
    let pool = Tensor::join(vec![tensor.len() + 1], &[&flat(tensor)?, &flat(value)?]).ok_or(EvalError::Symbolic)?;
    let positions = indices(&shape).map(|index| {
        let place = |axis: usize| {
            let from = index[axis].checked_sub(low[axis])?;
            let inside = from % step(axis) == 0 && from / step(axis) < sizes[axis];
            inside.then(|| from / step(axis) * places[axis])
        };
        (0..index.len()).map(place).sum::<Option<usize>>().unwrap_or(tensor.len())
    });
    pool.take(shape.clone(), positions).ok_or(EvalError::Symbolic)
}

/// The padded operand; itself where nothing is added.
///
/// # Errors
/// The constraint that it breaks.
pub fn apply(
    b: &mut dyn Build,
    x: Value,
    value: Value,
    low: Vec<Dim>,
    high: Vec<Dim>,
    interior: Vec<i64>,
) -> Result<Value, Violation> {
    if low.iter().chain(&high).all(|size| size.is(0)) && interior.iter().all(|&size| size == 0) {
        return Ok(x);
    }
    b.op(&OP, &[x, value], Attrs::none().dims("low", low).dims("high", high).ints("interior", interior))
}

/// ONNX's pads may be negative, which cuts off before the rest goes on.
fn import(
    b: &mut dyn Build,
    node: &OnnxNode,
    pads: Vec<Dim>,
    value: Value,
    axes: Vec<i64>,
) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    normalized_axes(b, x, &axes, &OP)?;
    let fact = b.fact(x).clone();
    if pads.len() != 2 * axes.len() {
        return Err(ImportError::Operand {
            index: 1,
            found: format!("has {} pads for {} axes", pads.len(), axes.len()),
        });
    }
    let zeros = || vec![Dim::from(0); fact.rank()];
    let (mut low, mut high, mut starts, mut sizes) = (zeros(), zeros(), zeros(), fact.shape.clone());
    for (i, axis) in axes.iter().enumerate() {
        let Some(axis) = fact.axis(*axis) else { continue };
        let negative = |pad: &Dim| pad.as_i64().is_some_and(|pad| pad < 0);
        let (before, after) = (&pads[i], &pads[axes.len() + i]);
        if negative(before) {
            starts[axis] = Dim::from(0) - before.clone();
            sizes[axis] = sizes[axis].clone() + before.clone();
        } else {
            low[axis] = before.clone();
        }
        if negative(after) {
            sizes[axis] = sizes[axis].clone() + after.clone();
        } else {
            high[axis] = after.clone();
        }
    }
    let cut = slice::apply(b, x, starts, sizes, vec![1; fact.rank()])?;
    Ok(vec![match node.text("mode")?.unwrap_or("constant") {
        "constant" => apply(b, cut, value, low, high, vec![0; fact.rank()])?,
        mode => continued(b, cut, &low, &high, mode)?,
    }])
}

/// The elements go on beyond their ends: mirrored, repeated or from the other end. Along each axis a gather at places that
/// lie inside.
fn continued(b: &mut dyn Build, mut x: Value, low: &[Dim], high: &[Dim], mode: &str) -> Result<Value, ImportError> {
    for (axis, (low, high)) in low.iter().zip(high).enumerate() {
        if low.is(0) && high.is(0) {
            continue;
        }
        let size = b.fact(x).shape[axis].clone();
        let count = b.count(1, 0, size.clone() + low.clone() + high.clone(), DType::I64)?;
        let first = b.size(low.clone());
        let place = b.sub(count, first)?;
        let last = b.size(size.clone() - Dim::from(1));
        let zero = b.like(place, 0.0);
        let place = match mode {
            "edge" => {
                let place = b.max(place, zero)?;
                b.min(place, last)?
            }
            "wrap" => modulo(b, place, size)?,
            "reflect" => {
                // Back and forth.
                let period = ((size - Dim::from(1)) * Dim::from(2)).maximum(&Dim::from(1));
                let place = modulo(b, place, period.clone())?;
                let period = b.size(period);
                let back = b.sub(period, place)?;
                let place = b.min(place, back)?;
                b.min(place, last)?
            }
            other => return Err(ImportError::Attribute { name: "mode".into(), found: format!("is `{other}`") }),
        };
        x = b.pick(x, place, axis)?;
    }
    Ok(x)
}

/// The remainder, from 0 on.
fn modulo(b: &mut dyn Build, x: Value, size: Dim) -> Result<Value, Violation> {
    let size = b.size(size);
    let rest = |b: &mut dyn Build, x: Value| {
        let quotient = b.div(x, size)?;
        let whole = b.mul(quotient, size)?;
        b.sub(x, whole)
    };
    let signed = rest(b, x)?;
    let positive = b.add(signed, size)?;
    rest(b, positive)
}

/// Pad; what lies between elements is padded behind each on an axis of its own, merged, and cut behind the last.
fn export(g: &mut dyn OnnxGraph, node: &ExportNode<'_>) -> OnnxValue {
    let interior = node.attrs.get_ints("interior");
    let (low, high) = (node.attrs.get_dims("low"), node.attrs.get_dims("high"));
    let fact = node.fact(0);
    let mut x = node.operand(0);
    if interior.iter().any(|&size| size > 0) {
        let split: Vec<Dim> = fact.shape.iter().flat_map(|size| [size.clone(), Dim::from(1)]).collect();
        let spaced = |axis: usize| fact.shape[axis].clone() * Dim::from(interior[axis] + 1);
        let merged: Vec<Dim> = (0..interior.len()).map(spaced).collect();
        let ends: Vec<Dim> = merged.iter().zip(interior).map(|(size, &last)| size.clone() - Dim::from(last)).collect();
        let behind = interior.iter().flat_map(|&size| [0, size]);
        let pads = vec![0; 2 * interior.len()].into_iter().chain(behind).collect();
        let (split, merged) = (g.sizes(&split), g.sizes(&merged));
        let (starts, ends) = (g.constant(&Tensor::list_i64(vec![0; interior.len()])), g.sizes(&ends));
        let pads = g.constant(&Tensor::list_i64(pads));
        x = g.node("Reshape", &[Some(x), Some(split)], &[]);
        x = g.node("Pad", &[Some(x), Some(pads), node.operands[1]], &[]);
        x = g.node("Reshape", &[Some(x), Some(merged)], &[]);
        x = g.node("Slice", &[Some(x), Some(starts), Some(ends)], &[]);
    }
    let pads = g.sizes(&[low, high].concat());
    g.node("Pad", &[Some(x), Some(pads), node.operands[1]], &[])
}
