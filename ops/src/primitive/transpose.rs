//! The axes in another order.

use crate::attr::AttrKind;
use crate::build::{Build, Value};
use crate::dtype::ALL;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::table::no_flops;
use crate::tensor::{Tensor, indices, strides};

/// The axes in another order.
pub static OP: Op = Op {
    name: "transpose",
    summary: "The axes in another order: axis i of the result is axis perm[i] of the operand.",
    operands: &[operand("x", "T")],
    attrs: &[attr("perm", AttrKind::Ints, "for each axis of the result the axis of the operand")],
    types: &[types("T", ALL)],
    constraints: &[constraint("permutation", "perm names every axis of the operand once")],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[from("Transpose", 1, import)],
    export: Export::Nodes(|g, node| {
        g.node("Transpose", node.operands, &[("perm", OnnxAttr::Ints(node.attrs.get_ints("perm").to_vec()))])
    }),
    samples: &[Sample {
        name: "swaps rows and columns",
        operands: &["i64[2, 3] 1 2 3 4 5 6"],
        attrs: &["perm = [1, 0]"],
        result: "i64[3, 2] 1 4 2 5 3 6",
    }],
    refusals: &[
        Refusal { constraint: "permutation", operands: &["f32[2, 3]"], attrs: &["perm = [0, 0]"] },
        Refusal { constraint: "permutation", operands: &["f32[2, 3]"], attrs: &["perm = [0]"] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let x = infer.operand(0);
    let perm = infer.attrs.get_ints("perm");
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.rank() as i64) {
        return Err(OP.refuse("permutation", format!("{perm:?} for {x}")));
    }
    Ok(Fact { dtype: x.dtype, shape: perm.iter().map(|&axis| x.shape[axis as usize].clone()).collect() })
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let tensor = x.operand(0);
    let perm = x.attrs.get_ints("perm");
    let shape: Vec<usize> = perm.iter().map(|&axis| tensor.shape()[axis as usize]).collect();
    let strides = strides(tensor.shape());
    let steps: Vec<usize> = perm.iter().map(|&axis| strides[axis as usize]).collect();
    let positions = indices(&shape).map(|index| index.iter().zip(&steps).map(|(i, step)| i * step).sum());
    tensor.take(shape.clone(), positions).ok_or(EvalError::Symbolic)
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let reversed = || (0..b.fact(x).rank() as i64).rev().collect();
    let perm = node.ints("perm")?.unwrap_or_else(reversed);
    Ok(vec![b.transpose(x, perm)?])
}
