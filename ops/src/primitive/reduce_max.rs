//! Largest element along axes; NaN wins.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, NUMERIC};
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types};
use crate::signature::{export_reduction, infer_reduction, reduce, reduction_axes};
use crate::tensor::Tensor;

/// Largest element along axes; NaN wins.
pub static OP: Op = Op {
    name: "reduce_max",
    summary: "Largest element along the given axes; NaN wins.",
    operands: &[operand("x", "T")],
    attrs: &[
        attr("axes", AttrKind::Ints, "the axes, in rising order"),
        attr("keep", AttrKind::Flag, "whether they stay as size 1"),
    ],
    types: &[types("T", NUMERIC)],
    constraints: &[
        constraint("axes-in-range", "the axes rise and are below the rank"),
        constraint("not-empty", "no axis has size 0"),
    ],
    meaning: Meaning::Primitive {
        infer: |infer| {
            let x = infer.operand(0);
            let fact = infer_reduction(&OP, infer)?;
            let empty = infer.attrs.get_ints("axes").iter().find(|&&axis| x.shape[axis as usize].is(0));
            match empty {
                Some(axis) => Err(OP.refuse("not-empty", format!("axis {axis} of {x}"))),
                None => Ok(fact),
            }
        },
        eval,
    },
    numerics: Numerics::Exact,
    flops: |facts, _| facts.operands[0].map_or(Dim::from(0), |x| x.elements()),
    import: &[
        from("ReduceMax", 1, |b, node| along(b, node, false)),
        from("ReduceMin", 1, |b, node| along(b, node, true)),
        from("GlobalMaxPool", 1, |b, node| {
            let x = node.operand(0)?;
            let axes = (2..b.fact(x).rank() as i64).collect();
            Ok(vec![b.op(&OP, &[x], Attrs::none().ints("axes", axes).flag("keep", true))?])
        }),
    ],
    export: Export::Nodes(|g, node| export_reduction("ReduceMax", g, node)),
    samples: &[Sample {
        name: "NaN wins",
        operands: &["f32[2, 3] 1 3 2 -inf NaN 0"],
        attrs: &["axes = [1]", "keep = false"],
        result: "f32[2] 3 NaN",
    }],
    refusals: &[
        Refusal { constraint: "axes-in-range", operands: &["f32[2, 3]"], attrs: &["axes = [-1]", "keep = true"] },
        Refusal { constraint: "not-empty", operands: &["f32[2, 0]"], attrs: &["axes = [1]", "keep = true"] },
    ],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let tensor = x.operand(0);
    let (shape, groups) = reduce(tensor, x.attrs);
    let values = tensor.as_f64s();
    let integers = tensor.as_i64s();
    let largest = groups.iter().map(|group| {
        group.iter().copied().reduce(|best, i| match (&values, &integers) {
            (_, Some(numbers)) => {
                if numbers[i] > numbers[best] {
                    i
                } else {
                    best
                }
            }
            (Some(numbers), None) if numbers[best].is_nan() => best,
            (Some(numbers), None) if numbers[i].is_nan() || numbers[i] > numbers[best] => i,
            _ => best,
        })
    });
    let places =
        largest.collect::<Option<Vec<usize>>>().ok_or_else(|| EvalError::Domain("nothing to compare".into()))?;
    tensor.take(shape, places.into_iter()).ok_or(EvalError::Symbolic)
}

/// The largest or smallest along the axes of a node.
fn along(b: &mut dyn Build, node: &OnnxNode, smallest: bool) -> Result<Vec<Value>, ImportError> {
    let given = node.operand(0)?;
    let axes = reduction_axes(b, node, 18, &OP)?;
    let keep = node.int("keepdims")?.unwrap_or(1) != 0;
    let dtype = b.fact(given).dtype;
    let mut x = if dtype == DType::Bool { b.cast(given, DType::U8)? } else { given };
    if smallest {
        x = downside_up(b, x)?;
    }
    for &axis in &axes {
        // What is larger than nothing is the least that there is.
        let axis = axis as usize;
        if b.fact(x).shape[axis].is(0) {
            let least = least(b.fact(x).dtype);
            x = b.framed(x, axis, Dim::from(0), Dim::from(1), least)?;
        }
    }
    x = b.largest(x, axes, keep)?;
    if smallest {
        x = downside_up(b, x)?;
    }
    Ok(vec![b.cast(x, dtype)?])
}

/// The values in opposite order, exactly: the negated, for integers less one, since the least has no negative.
///
/// # Errors
/// The constraint that it breaks.
pub fn downside_up(b: &mut dyn Build, x: Value) -> Result<Value, Violation> {
    let dtype = b.fact(x).dtype;
    if dtype.is_float() {
        return b.negated(x);
    }
    let ends = b.scalar(dtype, if least(dtype) < 0.0 { -1.0 } else { 2f64.powi(dtype.bits() as i32) - 1.0 });
    b.sub(ends, x)
}

/// What no element is below.
fn least(dtype: DType) -> f64 {
    match dtype {
        _ if dtype.is_float() => f64::NEG_INFINITY,
        DType::Bool | DType::U4 | DType::U8 => 0.0,
        _ => -(2f64.powi(dtype.bits() as i32 - 1)),
    }
}
