//! Sum along axes.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, NUMERIC};
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types};
use crate::primitive::{div, mul};
use crate::signature::{export_reduction, infer_reduction, reduce, reduction_axes};
use crate::tensor::{Data, Tensor};

/// Sum along axes.
pub static OP: Op = Op {
    name: "reduce_sum",
    summary: "Sum along the given axes.",
    operands: &[operand("x", "T")],
    attrs: &[
        attr("axes", AttrKind::Ints, "the axes, in rising order"),
        attr("keep", AttrKind::Flag, "whether they stay as size 1"),
    ],
    types: &[types("T", NUMERIC)],
    constraints: &[constraint("axes-in-range", "the axes rise and are below the rank")],
    meaning: Meaning::Primitive { infer: |infer| infer_reduction(&OP, infer), eval },
    numerics: Numerics::Accumulated,
    flops: |facts, _| facts.operands[0].map_or(Dim::from(0), |x| x.elements()),
    import: &[
        from("ReduceSum", 1, |b, node| {
            let axes = reduction_axes(b, node, 13, &OP)?;
            Ok(vec![apply(b, node.operand(0)?, axes, keep(node)?)?])
        }),
        from("ReduceMean", 1, |b, node| {
            let axes = reduction_axes(b, node, 18, &OP)?;
            Ok(vec![mean(b, node.operand(0)?, axes, keep(node)?)?])
        }),
        from("GlobalAveragePool", 1, |b, node| {
            let x = node.operand(0)?;
            let axes = (2..b.fact(x).rank() as i64).collect();
            Ok(vec![mean(b, x, axes, true)?])
        }),
        from("ReduceSumSquare", 1, |b, node| Ok(vec![squares(b, node)?])),
        from("ReduceL2", 1, |b, node| {
            let squares = squares(b, node)?;
            let dtype = b.fact(squares).dtype;
            let real = if dtype.is_float() { squares } else { b.cast(squares, DType::F32)? };
            let root = b.sqrt(real)?;
            Ok(vec![b.cast(root, dtype)?])
        }),
        from("ReduceL1", 1, |b, node| {
            let x = node.operand(0)?;
            let axes = reduction_axes(b, node, 18, &OP)?;
            let sizes = b.abs(x)?;
            Ok(vec![apply(b, sizes, axes, keep(node)?)?])
        }),
    ],
    export: Export::Nodes(|g, node| export_reduction("ReduceSum", g, node)),
    samples: &[
        Sample {
            name: "keeps the axis",
            operands: &["f32[2, 2] 1 2 3 4"],
            attrs: &["axes = [1]", "keep = true"],
            result: "f32[2, 1] 3 7",
        },
        Sample {
            name: "nothing to add",
            operands: &["i64[2, 0]"],
            attrs: &["axes = [1]", "keep = false"],
            result: "i64[2] 0 0",
        },
    ],
    refusals: &[
        Refusal { constraint: "axes-in-range", operands: &["f32[2, 3]"], attrs: &["axes = [2]", "keep = true"] },
        Refusal { constraint: "axes-in-range", operands: &["f32[2, 3]"], attrs: &["axes = [1, 0]", "keep = true"] },
    ],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let tensor = x.operand(0);
    let (shape, groups) = reduce(tensor, x.attrs);
    let data = if tensor.dtype().is_float() {
        let values = tensor.as_f64s().ok_or(EvalError::Symbolic)?;
        Data::from_f64(tensor.dtype(), groups.iter().map(|group| group.iter().map(|&i| values[i]).sum()))
    } else {
        let values = tensor.as_i64s().ok_or(EvalError::Symbolic)?;
        let sum = |group: &Vec<usize>| group.iter().fold(0i64, |sum, &i| sum.wrapping_add(values[i]));
        Data::from_i64(tensor.dtype(), groups.iter().map(sum))
    };
    Tensor::new(shape, data).ok_or(EvalError::Symbolic)
}

/// The sum along axes.
///
/// # Errors
/// The constraint that it breaks.
pub fn apply(b: &mut dyn Build, x: Value, axes: Vec<i64>, keep: bool) -> Result<Value, Violation> {
    b.op(&OP, &[x], Attrs::none().ints("axes", axes).flag("keep", keep))
}

/// The sum along axes divided by the number of elements.
///
/// # Errors
/// The constraint that it breaks.
pub fn mean(b: &mut dyn Build, x: Value, axes: Vec<i64>, keep: bool) -> Result<Value, Violation> {
    let fact = b.fact(x).clone();
    let sizes: Vec<&Dim> = axes.iter().filter_map(|&axis| fact.shape.get(axis as usize)).collect();
    let count = Dim::product(sizes);
    let sum = apply(b, x, axes, keep)?;
    let count = match count.as_i64() {
        Some(count) => b.scalar(fact.dtype, count as f64),
        None => {
            let count = b.size(count);
            b.cast(count, fact.dtype)?
        }
    };
    b.plain(&div::OP, &[sum, count])
}

fn squares(b: &mut dyn Build, node: &OnnxNode) -> Result<Value, ImportError> {
    let x = node.operand(0)?;
    let axes = reduction_axes(b, node, 18, &OP)?;
    let squared = b.plain(&mul::OP, &[x, x])?;
    Ok(apply(b, squared, axes, keep(node)?)?)
}

fn keep(node: &OnnxNode) -> Result<bool, ImportError> {
    Ok(node.int("keepdims")?.unwrap_or(1) != 0)
}
