//! The index of the largest element along an axis; the first of equal ones, and NaN wins.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, NUMERIC};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::primitive::{reduce_max, slice, sub};
use crate::tensor::{Data, Tensor, strides};

/// The index of the largest element along an axis; the first of equal ones, and NaN wins.
pub static OP: Op = Op {
    name: "argmax",
    summary: "The index of the largest element along an axis, which vanishes; the first of equal ones, and NaN wins.",
    operands: &[operand("x", "T")],
    attrs: &[attr("axis", AttrKind::Int, "the axis")],
    types: &[types("T", NUMERIC)],
    constraints: &[
        constraint("axis-in-range", "the axis is below the rank"),
        constraint("not-empty", "the axis has not size 0"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: |facts, _| facts.operands[0].map_or(Dim::from(0), |x| x.elements()),
    import: &[from("ArgMax", 1, |b, node| import(b, node, false)), from("ArgMin", 1, |b, node| import(b, node, true))],
    export: Export::Nodes(|g, node| {
        let attrs = [("axis", OnnxAttr::Int(node.attrs.get_int("axis"))), ("keepdims", OnnxAttr::Int(0))];
        g.node("ArgMax", node.operands, &attrs)
    }),
    samples: &[
        Sample {
            name: "first of equal ones",
            operands: &["f32[2, 3] 1 3 3 -1 -3 -2"],
            attrs: &["axis = 1"],
            result: "i64[2] 1 0",
        },
        Sample {
            name: "outer axis",
            operands: &["f32[2, 3] 1 3 3 2 -3 4"],
            attrs: &["axis = 0"],
            result: "i64[3] 1 0 1",
        },
    ],
    refusals: &[
        Refusal { constraint: "axis-in-range", operands: &["f32[2]"], attrs: &["axis = 1"] },
        Refusal { constraint: "not-empty", operands: &["f32[2, 0]"], attrs: &["axis = 1"] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, axis) = (infer.operand(0), infer.attrs.get_int("axis"));
    let at = usize::try_from(axis).ok().filter(|at| *at < x.rank());
    let at = at.ok_or_else(|| OP.refuse("axis-in-range", format!("axis {axis} of {x}")))?;
    let mut shape = x.shape.clone();
    let size = shape.remove(at);
    if !infer.at_most(&Dim::from(1), &size) {
        return Err(OP.refuse("not-empty", format!("axis {axis} of {x}")));
    }
    Ok(Fact { dtype: DType::I64, shape })
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, axis) = (x.operand(0), x.attrs.get_int("axis") as usize);
    let (sizes, step) = (tensor.shape(), strides(tensor.shape())[axis]);
    let (floats, integers) = (tensor.as_f64s().ok_or(EvalError::Symbolic)?, tensor.as_i64s());
    let mut shape = sizes.to_vec();
    shape.remove(axis);
    let count: usize = shape.iter().product();
    let first = |line: usize| line / step * step * sizes[axis] + line % step;
    let larger = |i: usize, best: usize| match &integers {
        Some(integers) => integers[i] > integers[best],
        None => !floats[best].is_nan() && (floats[i].is_nan() || floats[i] > floats[best]),
    };
    let largest = |line: usize| {
        let place = |index: usize| first(line) + index * step;
        (1..sizes[axis]).fold(0, |best, index| if larger(place(index), place(best)) { index } else { best }) as i64
    };
    Tensor::new(shape, Data::I64((0..count).map(largest).collect())).ok_or(EvalError::Symbolic)
}

/// The smallest is the largest in opposite order; the last of equal ones is the first from behind.
fn import(b: &mut dyn Build, node: &OnnxNode, smallest: bool) -> Result<Vec<Value>, ImportError> {
    let mut x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let given = node.int("axis")?.unwrap_or(0);
    let axis = fact.axis(given).ok_or_else(|| OP.refuse("axis-in-range", format!("axis {given} of {fact}")))?;
    if smallest {
        x = reduce_max::downside_up(b, x)?;
    }
    let from_behind = node.int("select_last_index")?.unwrap_or(0) != 0;
    let last = fact.shape[axis].clone() - Dim::from(1);
    if from_behind {
        x = slice::reversed(b, x, axis)?;
    }
    let mut index = b.op(&OP, &[x], Attrs::none().int("axis", axis as i64))?;
    if from_behind {
        let last = b.size(last);
        index = b.plain(&sub::OP, &[last, index])?;
    }
    if node.int("keepdims")?.unwrap_or(1) != 0 {
        let mut shape = fact.shape;
        shape[axis] = Dim::from(1);
        index = b.reshape(index, &shape)?;
    }
    Ok(vec![index])
}
