//! Rows added to those of the operand at the places that an index list names.

use crate::dtype::{INDEX, NUMERIC};
use crate::numerics::Numerics;
use crate::onnx::Export;
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, constraint, operand, types};
use crate::primitive::scatter::{export, infer_scatter, rows};
use crate::tensor::{Data, Tensor};

/// Rows added to those of the operand at the places that an index list names.
pub static OP: Op = Op {
    name: "scatter_add",
    summary: "The operand with row k of the updates added to row indices[k] of its first axis, for each k; a negative index counts from the end.",
    operands: &[operand("x", "T"), operand("indices", "I"), operand("updates", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC), types("I", INDEX)],
    constraints: &[
        constraint("index-list", "the operand has rows, and the indices have one axis"),
        constraint("same-rows", "there is one update an index, of the sizes of the operand's rows"),
    ],
    meaning: Meaning::Primitive { infer: |infer| infer_scatter(&OP, infer), eval },
    numerics: Numerics::Accumulated,
    flops: |facts, _| facts.operands[2].map_or(crate::Dim::from(0), |updates| updates.elements()),
    import: &[],
    export: Export::Nodes(|g, node| export(g, node, "add")),
    samples: &[
        Sample {
            name: "two updates of one row",
            operands: &["f32[2, 2] 1 2 3 4", "i64[3] 1 0 -1", "f32[3, 2] 10 20 30 40 50 60"],
            attrs: &[],
            result: "f32[2, 2] 31 42 63 84",
        },
        Sample {
            name: "integers wrap",
            operands: &["i64[1] 9223372036854775807", "i32[1] 0", "i64[1] 1"],
            attrs: &[],
            result: "i64[1] -9223372036854775808",
        },
    ],
    refusals: &[
        Refusal { constraint: "index-list", operands: &["f32[]", "i64[1]", "f32[1]"], attrs: &[] },
        Refusal { constraint: "same-rows", operands: &["f32[2, 3]", "i64[1]", "f32[1, 2]"], attrs: &[] },
    ],
};

/// Sums in `f64`, rounded at the end; integers wrap.
fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, updates) = (x.operand(0), x.operand(2));
    let inner: usize = tensor.shape()[1..].iter().product();
    let places: Vec<usize> = rows(x)?.into_iter().flat_map(|row| (0..inner).map(move |i| row * inner + i)).collect();
    let data = if tensor.dtype().is_float() {
        let mut sums = tensor.as_f64s().ok_or(EvalError::Symbolic)?;
        let updates = updates.as_f64s().ok_or(EvalError::Symbolic)?;
        places.iter().zip(updates).for_each(|(&place, update)| sums[place] += update);
        Data::from_f64(tensor.dtype(), sums.into_iter())
    } else {
        let mut sums = tensor.as_i64s().ok_or(EvalError::Symbolic)?;
        let updates = updates.as_i64s().ok_or(EvalError::Symbolic)?;
        places.iter().zip(updates).for_each(|(&place, update)| sums[place] = sums[place].wrapping_add(update));
        Data::from_i64(tensor.dtype(), sums.into_iter())
    };
    Tensor::new(tensor.shape().to_vec(), data).ok_or(EvalError::Symbolic)
}
