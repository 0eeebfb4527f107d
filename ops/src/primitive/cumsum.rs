//! Running sum along an axis.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::NUMERIC;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::primitive::{pad, slice};
use crate::table::one_flop_an_element;
use crate::tensor::{Data, Tensor, strides};

/// Running sum along an axis.
pub static OP: Op = Op {
    name: "cumsum",
    summary: "Running sum along an axis: each element is the sum of all up to it, itself included.",
    operands: &[operand("x", "T")],
    attrs: &[attr("axis", AttrKind::Int, "the axis")],
    types: &[types("T", NUMERIC)],
    constraints: &[constraint("axis-in-range", "the axis is below the rank")],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Accumulated,
    flops: one_flop_an_element,
    import: &[from("CumSum", 11, import)],
    export: Export::Nodes(|g, node| {
        let axis = g.constant(&Tensor::scalar_i64(node.attrs.get_int("axis")));
        g.node("CumSum", &[node.operands[0], Some(axis)], &[])
    }),
    samples: &[
        Sample {
            name: "inner axis",
            operands: &["f32[2, 3] 1 2 3 4 5 6"],
            attrs: &["axis = 1"],
            result: "f32[2, 3] 1 3 6 4 9 15",
        },
        Sample {
            name: "outer axis",
            operands: &["i64[3, 2] 1 2 3 4 5 6"],
            attrs: &["axis = 0"],
            result: "i64[3, 2] 1 2 4 6 9 12",
        },
    ],
    refusals: &[Refusal { constraint: "axis-in-range", operands: &["f32[2]"], attrs: &["axis = -1"] }],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, axis) = (infer.operand(0), infer.attrs.get_int("axis"));
    match (0..x.rank() as i64).contains(&axis) {
        true => Ok(x.clone()),
        false => Err(OP.refuse("axis-in-range", format!("axis {axis} of {x}"))),
    }
}

/// Sums in `f64`, rounded for each element; integers wrap.
fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, axis) = (x.operand(0), x.attrs.get_int("axis") as usize);
    let (size, step) = (tensor.shape()[axis], strides(tensor.shape())[axis]);
    let first_of_line = |i: usize| (i / step).is_multiple_of(size);
    let data = if tensor.dtype().is_float() {
        let mut sums = tensor.as_f64s().ok_or(EvalError::Symbolic)?;
        for i in (0..sums.len()).filter(|&i| !first_of_line(i)) {
            sums[i] += sums[i - step];
        }
        Data::from_f64(tensor.dtype(), sums.into_iter())
    } else {
        let mut sums = tensor.as_i64s().ok_or(EvalError::Symbolic)?;
        for i in (0..sums.len()).filter(|&i| !first_of_line(i)) {
            sums[i] = sums[i].wrapping_add(sums[i - step]);
        }
        Data::from_i64(tensor.dtype(), sums.into_iter())
    };
    Tensor::new(tensor.shape().to_vec(), data).ok_or(EvalError::Symbolic)
}

/// `reverse` sums from behind; `exclusive` leaves each element itself out, which is the sum of all moved on by one.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let given = node.numbers(b, 1, "the axis")?.first().copied().unwrap_or(0);
    let axis = fact.axis(given).ok_or_else(|| OP.refuse("axis-in-range", format!("axis {given} of {fact}")))?;
    let reverse = node.int("reverse")?.unwrap_or(0) != 0;
    if reverse {
        x = slice::reversed(b, x, axis)?;
    }
    if node.int("exclusive")?.unwrap_or(0) != 0 {
        let mut low = vec![Dim::from(0); fact.rank()];
        low[axis] = Dim::from(1);
        let zero = b.scalar(fact.dtype, 0.0);
        let moved = pad::apply(b, x, zero, low, vec![Dim::from(0); fact.rank()], vec![0; fact.rank()])?;
        let starts = vec![Dim::from(0); fact.rank()];
        x = slice::apply(b, moved, starts, fact.shape.clone(), vec![1; fact.rank()])?;
    }
    let mut sum = b.op(&OP, &[x], Attrs::none().int("axis", axis as i64))?;
    if reverse {
        sum = slice::reversed(b, sum, axis)?;
    }
    Ok(vec![sum])
}
