//! The indices of the largest elements along an axis, the largest first; of equal ones the first, and NaN before all.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, NUMERIC};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, between, from};
use crate::op::{
    EvalError, Evaluate, Facts, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::primitive::{gather, reduce_max};
use crate::tensor::{Data, Tensor, strides};
use std::cmp::Ordering;

/// The indices of the largest elements along an axis, the largest first; of equal ones the first, and NaN before all.
pub static OP: Op = Op {
    name: "top_k",
    summary: "The indices of the largest elements along an axis, the largest first; of equal ones the first, and NaN before all.",
    operands: &[operand("x", "T")],
    attrs: &[attr("axis", AttrKind::Int, "the axis"), attr("k", AttrKind::Dims, "how many, as one size")],
    types: &[types("T", NUMERIC)],
    constraints: &[
        constraint("axis-in-range", "the axis is below the rank"),
        constraint("enough", "k is one size, and not larger than the operand's along the axis"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops,
    import: &[
        between("TopK", 1, 9, |b, node| {
            let missing = || ImportError::Attribute { name: "k".into(), found: "is missing".into() };
            let k = Dim::from(node.int("k")?.ok_or_else(missing)?);
            import(b, node, k)
        }),
        from("TopK", 10, |b, node| {
            let known = b.known(node.operand(1)?).and_then(Tensor::as_dim);
            let k = known.ok_or(ImportError::NotConstant { index: 1, sets: "how many are found" })?;
            import(b, node, k)
        }),
    ],
    export: Export::Nodes(|g, node| {
        let k = g.sizes(node.attrs.get_dims("k"));
        g.second("TopK", &[node.operands[0], Some(k)], &[("axis", OnnxAttr::Int(node.attrs.get_int("axis")))])
    }),
    samples: &[
        Sample {
            name: "equal ones in their order",
            operands: &["f32[2, 4] 1 3 3 2 -1 NaN -inf -1"],
            attrs: &["axis = 1", "k = [3]"],
            result: "i64[2, 3] 1 2 3 1 0 3",
        },
        Sample {
            name: "outer axis",
            operands: &["i64[3, 2] 1 6 3 4 2 6"],
            attrs: &["axis = 0", "k = [2]"],
            result: "i64[2, 2] 1 0 2 2",
        },
    ],
    refusals: &[
        Refusal { constraint: "axis-in-range", operands: &["f32[2]"], attrs: &["axis = 1", "k = [1]"] },
        Refusal { constraint: "enough", operands: &["f32[2]"], attrs: &["axis = 0", "k = [3]"] },
        Refusal { constraint: "enough", operands: &["f32[2]"], attrs: &["axis = 0", "k = [-1]"] },
        Refusal { constraint: "enough", operands: &["f32[2]"], attrs: &["axis = 0", "k = []"] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, axis) = (infer.operand(0), infer.attrs.get_int("axis"));
    let at = usize::try_from(axis).ok().filter(|at| *at < x.rank());
    let at = at.ok_or_else(|| OP.refuse("axis-in-range", format!("axis {axis} of {x}")))?;
    let mut shape = x.shape.clone();
    let [k] = infer.attrs.get_dims("k") else { return Err(OP.refuse("enough", infer.attrs.to_string())) };
    if !infer.at_most(&Dim::from(0), k) || !infer.at_most(k, &shape[at]) {
        return Err(OP.refuse("enough", format!("{k} along axis {axis} of {x}")));
    }
    shape[at] = k.clone();
    Ok(Fact { dtype: DType::I64, shape })
}

/// A comparison for each element and digit of `k`, as a heap of `k` needs; the digits are not known and count as ten.
fn flops(facts: &Facts<'_>, _: &Fact) -> Dim {
    facts.operands[0].map_or(Dim::from(0), |x| x.elements() * Dim::from(10))
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, axis) = (x.operand(0), x.attrs.get_int("axis") as usize);
    let k = x.sizes("k")?[0];
    let (size, step) = (tensor.shape()[axis], strides(tensor.shape())[axis]);
    let (floats, integers) = (tensor.as_f64s().ok_or(EvalError::Symbolic)?, tensor.as_i64s());
    let larger_first = |i: usize, j: usize| match &integers {
        Some(integers) => integers[j].cmp(&integers[i]),
        None => match (floats[i].is_nan(), floats[j].is_nan()) {
            (false, false) => floats[j].partial_cmp(&floats[i]).unwrap_or(Ordering::Equal),
            (i, j) => j.cmp(&i),
        },
    };
    let mut shape = tensor.shape().to_vec();
    shape[axis] = k;
    let mut result = vec![0; shape.iter().product()];
    for line in 0..tensor.len().checked_div(size).unwrap_or(0) {
        let (outer, inner) = (line / step, line % step);
        let place = |index: usize| (outer * size + index) * step + inner;
        let mut order: Vec<usize> = (0..size).collect();
        // Stable: equal ones stay in their order.
        order.sort_by(|&i, &j| larger_first(place(i), place(j)));
        for (rank, &index) in order[..k].iter().enumerate() {
            result[(outer * k + rank) * step + inner] = index as i64;
        }
    }
    Tensor::new(shape, Data::I64(result)).ok_or(EvalError::Symbolic)
}

/// The indices of the `k` largest along an axis. Integers of 8 bits are compared as wider ones.
///
/// # Errors
/// The constraint that it breaks.
pub fn apply(b: &mut dyn Build, x: Value, axis: usize, k: Dim) -> Result<Value, Violation> {
    let x = if matches!(b.fact(x).dtype, DType::I8 | DType::U8) { b.cast(x, DType::I32)? } else { x };
    b.op(&OP, &[x], Attrs::none().int("axis", axis as i64).dims("k", vec![k]))
}

/// The values are picked by their indices. The smallest are the largest in opposite order, where NaN is the last and counts as
/// infinity.
fn import(b: &mut dyn Build, node: &OnnxNode, k: Dim) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let axis = node.axis(b, x, -1)?;
    let mut ranked = x;
    if node.int("largest")?.unwrap_or(1) == 0 {
        ranked = reduce_max::downside_up(b, x)?;
        if b.fact(x).dtype.is_float() {
            let (number, least) = (b.equal(ranked, ranked)?, b.like(ranked, f64::NEG_INFINITY));
            ranked = b.select(number, ranked, least)?;
        }
    }
    let indices = apply(b, ranked, axis, k)?;
    Ok(vec![gather::along(b, x, indices, axis)?, indices])
}
