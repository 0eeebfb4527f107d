//! The numbers 0, 1, 2 … along one axis.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, NUMERIC};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint};
use crate::primitive::{add, mul};
use crate::table::no_flops;
use crate::tensor::{Data, Tensor};

/// The numbers 0, 1, 2 … along one axis.
pub static OP: Op = Op {
    name: "iota",
    summary: "The numbers 0, 1, 2 … along one axis.",
    operands: &[],
    attrs: &[attr("size", AttrKind::Dims, "how many"), attr("dtype", AttrKind::DType, "type of the result")],
    types: &[],
    constraints: &[
        constraint("one-size", "size is one number or symbol"),
        constraint("numeric", "the type is not bool"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[from("Range", 11, range)],
    export: Export::Nodes(|g, node| {
        let to = crate::onnx::dtype_to_onnx(node.result.dtype);
        let sizes = g.sizes(&node.result.shape);
        let zero_d = g.constant(&Tensor::list_i64(Vec::new()));
        let limit = g.node("Reshape", &[Some(sizes), Some(zero_d)], &[]);
        let start = g.constant(&Tensor::scalar_i64(0));
        let step = g.constant(&Tensor::scalar_i64(1));
        let count = g.node("Range", &[Some(start), Some(limit), Some(step)], &[]);
        g.node("Cast", &[Some(count)], &[("to", crate::onnx::OnnxAttr::Int(to))])
    }),
    samples: &[Sample { name: "counts", operands: &[], attrs: &["size = [3]", "dtype = i64"], result: "i64[3] 0 1 2" }],
    refusals: &[
        Refusal { constraint: "one-size", operands: &[], attrs: &["size = [2, 3]", "dtype = i64"] },
        Refusal { constraint: "numeric", operands: &[], attrs: &["size = [2]", "dtype = bool"] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let size = infer.attrs.get_dims("size");
    if size.len() != 1 {
        return Err(OP.refuse("one-size", format!("{} sizes", size.len())));
    }
    let dtype = infer.attrs.get_dtype("dtype");
    if !NUMERIC.contains(&dtype) {
        return Err(OP.refuse("numeric", dtype.name()));
    }
    Ok(Fact { dtype, shape: size.to_vec() })
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let shape = x.sizes("size")?;
    let count = shape.first().copied().unwrap_or(0) as i64;
    Tensor::new(shape, Data::from_i64(x.attrs.get_dtype("dtype"), 0..count)).ok_or(EvalError::Symbolic)
}

/// The numbers below `size`.
///
/// # Errors
/// The constraint that it breaks.
pub fn apply(b: &mut dyn Build, size: Dim, dtype: DType) -> Result<Value, Violation> {
    b.op(&OP, &[], Attrs::none().dims("size", vec![size]).dtype("dtype", dtype))
}

/// `start + iota * step`, as many as lie before the limit.
fn range(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let dtype = b.fact(node.operand(0)?).dtype;
    if dtype.is_float() {
        return Ok(vec![real_range(b, node, dtype)?]);
    }
    let bound = |index: usize, sets| -> Result<Dim, ImportError> {
        let known = b.known(node.operand(index)?).and_then(Tensor::as_dim);
        known.ok_or(ImportError::NotConstant { index, sets })
    };
    let (start, limit, step) = (bound(0, "the start")?, bound(1, "the limit")?, bound(2, "the step")?);
    let step = match step.as_i64() {
        Some(step) if step != 0 => step,
        _ => return Err(ImportError::Operand { index: 2, found: "is not a step that is known and not 0".into() }),
    };
    let span = if step > 0 { limit - start.clone() } else { start.clone() - limit };
    let size = (span + Dim::from(step.saturating_abs() - 1)).floor_div(step.saturating_abs());
    let size = size.maximum(&Dim::from(0));
    let mut count = apply(b, size, dtype)?;
    if step != 1 {
        let step = b.scalar(dtype, step as f64);
        count = b.plain(&mul::OP, &[count, step])?;
    }
    if !start.is(0) {
        let start = b.size(start);
        let start = b.cast(start, dtype)?;
        count = b.plain(&add::OP, &[count, start])?;
    }
    Ok(vec![count])
}

/// The same over real numbers that are known: computed in `f32`, their number in `f64`.
fn real_range(b: &mut dyn Build, node: &OnnxNode, dtype: DType) -> Result<Value, ImportError> {
    let bound = |index: usize, sets| -> Result<f64, ImportError> {
        let known = b.known(node.operand(index)?).and_then(Tensor::as_f64s);
        known.and_then(|values| values.first().copied()).ok_or(ImportError::NotConstant { index, sets })
    };
    let (start, limit, step) = (bound(0, "the start")?, bound(1, "the limit")?, bound(2, "the step")?);
    let size = ((limit - start) / step).ceil();
    // Beyond this, neighbors are no longer told apart in `f32`.
    if size.is_nan() || size > f64::from(1u32 << 24) {
        let found = format!("is no step from {start} to {limit} that ends within 2^24 numbers");
        return Err(ImportError::Operand { index: 2, found });
    }
    let count = apply(b, Dim::from(size.max(0.0) as i64), DType::I32)?;
    let count = b.cast(count, DType::F32)?;
    let moved = b.times(count, step)?;
    let moved = b.plus(moved, start)?;
    Ok(b.cast(moved, dtype)?)
}
