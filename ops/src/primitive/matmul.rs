//! Matrix product over the last two axes; outer axes broadcast.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::NUMERIC;
use crate::fact::Fact;
use crate::fused_activation;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from, microsoft};
use crate::op::{
    EvalError, Evaluate, Facts, Infer, Meaning, Op, Refusal, Sample, Violation, constraint, operand, types,
};
use crate::primitive::{add, mul};
use crate::tensor::{Data, Tensor, broadcast_positions, broadcast_shape};

/// Matrix product over the last two axes; outer axes broadcast.
pub static OP: Op = Op {
    name: "matmul",
    summary: "Matrix product over the last two axes; outer axes broadcast.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[
        constraint("matrices", "both operands have at least two axes"),
        constraint("same-depth", "the last axis of a is as long as the last but one of b"),
        constraint("broadcastable", "outer axes, aligned at the last, are equal or one of them is 1"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Accumulated,
    flops,
    import: &[
        from("MatMul", 1, import),
        from("Gemm", 7, gemm),
        microsoft("FusedGemm", gemm),
        microsoft("FusedMatMul", fused),
        microsoft("TransposeMatMul", fused),
        microsoft("FusedMatMulActivation", fused),
    ],
    export: crate::export_as!("MatMul"),
    samples: &[
        Sample {
            name: "one matrix for all",
            operands: &["f32[2, 1, 2] 1 2 3 4", "f32[2, 2] 1 0 1 1"],
            attrs: &[],
            result: "f32[2, 1, 2] 3 2 7 4",
        },
        Sample { name: "no depth", operands: &["f32[1, 0]", "f32[0, 2]"], attrs: &[], result: "f32[1, 2] 0 0" },
    ],
    refusals: &[
        Refusal { constraint: "matrices", operands: &["f32[2]", "f32[2, 2]"], attrs: &[] },
        Refusal { constraint: "same-depth", operands: &["f32[2, 3]", "f32[2, 2]"], attrs: &[] },
        Refusal { constraint: "broadcastable", operands: &["f32[2, 1, 1]", "f32[3, 1, 1]"], attrs: &[] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (a, b) = (infer.operand(0), infer.operand(1));
    let ([outer_a @ .., rows, depth_a], [outer_b @ .., depth_b, columns]) = (&a.shape[..], &b.shape[..]) else {
        return Err(OP.refuse("matrices", format!("{a} and {b}")));
    };
    infer.same(depth_a, depth_b).ok_or_else(|| OP.refuse("same-depth", format!("{a} and {b}")))?;
    let outer = infer.broadcast(outer_a, outer_b);
    let mut shape = outer.ok_or_else(|| OP.refuse("broadcastable", format!("{a} and {b}")))?;
    shape.extend([rows.clone(), columns.clone()]);
    Ok(Fact { dtype: a.dtype, shape })
}

/// Multiplications and additions.
pub fn flops(facts: &Facts<'_>, result: &Fact) -> Dim {
    let depth = facts.operands[0].and_then(|a| a.shape.last().cloned());
    result.elements() * depth.unwrap_or(Dim::from(0)) * Dim::from(2)
}

/// Sums in `f64` for real numbers and in wrapping `i64` for integers, in the order of the depth.
fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (a, b) = (x.operand(0), x.operand(1));
    let ([outer_a @ .., rows, depth], [outer_b @ .., _, columns]) = (a.shape(), b.shape()) else {
        return Err(EvalError::Symbolic);
    };
    let mut shape = broadcast_shape(outer_a, outer_b).ok_or(EvalError::Symbolic)?;
    let matrices: Vec<(usize, usize)> =
        broadcast_positions(outer_a, &shape).zip(broadcast_positions(outer_b, &shape)).collect();
    shape.extend([*rows, *columns]);
    let sizes = (*rows, *depth, *columns);
    let data = if a.dtype().is_float() {
        let (left, right) = (a.as_f64s().ok_or(EvalError::Symbolic)?, b.as_f64s().ok_or(EvalError::Symbolic)?);
        Data::from_f64(a.dtype(), products(&left, &right, &matrices, sizes, |s, x, y| s + x * y).into_iter())
    } else {
        let (left, right) = (a.as_i64s().ok_or(EvalError::Symbolic)?, b.as_i64s().ok_or(EvalError::Symbolic)?);
        let add = |s: i64, x: i64, y: i64| s.wrapping_add(x.wrapping_mul(y));
        Data::from_i64(a.dtype(), products(&left, &right, &matrices, sizes, add).into_iter())
    };
    Tensor::new(shape, data).ok_or(EvalError::Symbolic)
}

fn products<N: Copy + Default>(
    left: &[N],
    right: &[N],
    matrices: &[(usize, usize)],
    (rows, depth, columns): (usize, usize, usize),
    add: impl Fn(N, N, N) -> N,
) -> Vec<N> {
    let mut all = vec![N::default(); matrices.len() * rows * columns];
    for (m, (i, j)) in matrices.iter().enumerate() {
        for row in 0..rows {
            let start = (m * rows + row) * columns;
            let sums = &mut all[start..start + columns];
            for k in 0..depth {
                let factor = left[(i * rows + row) * depth + k];
                let line = &right[(j * depth + k) * columns..(j * depth + k + 1) * columns];
                for (sum, y) in sums.iter_mut().zip(line) {
                    *sum = add(*sum, factor, *y);
                }
            }
        }
    }
    all
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, y) = (node.operand(0)?, node.operand(1)?);
    Ok(vec![of_vectors_too(b, x, y, |b, x, y| b.plain(&OP, &[x, y]))?])
}

/// A product of tensors of which vectors become matrices of one row or column, which is dropped again.
///
/// # Errors
/// The constraint that the product breaks.
pub fn of_vectors_too(
    b: &mut dyn Build,
    mut x: Value,
    mut y: Value,
    product: impl FnOnce(&mut dyn Build, Value, Value) -> Result<Value, Violation>,
) -> Result<Value, Violation> {
    let (row, column) = (b.fact(x).rank() == 1, b.fact(y).rank() == 1);
    if row {
        let shape = [vec![Dim::from(1)], b.fact(x).shape.clone()].concat();
        x = b.reshape(x, &shape)?;
    }
    if column {
        let shape = [b.fact(y).shape.clone(), vec![Dim::from(1)]].concat();
        y = b.reshape(y, &shape)?;
    }
    let product = product(b, x, y)?;
    let mut shape = b.fact(product).shape.clone();
    if column {
        shape.pop();
    }
    if row && !shape.is_empty() {
        shape.remove(shape.len() - usize::from(!column) - 1);
    }
    b.reshape(product, &shape)
}

/// `alpha * a' * b'`, each factor with its last two axes exchanged, and before that the first axis moved to the last but one
/// place, where an attribute says so.
fn fused(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut factors = [node.operand(0)?, node.operand(1)?];
    for (x, side) in factors.iter_mut().zip(["A", "B"]) {
        let rank = b.fact(*x).rank() as i64;
        let mut perm: Vec<i64> = (0..rank).collect();
        if rank > 2 && node.int(&format!("transBatch{side}"))?.unwrap_or(0) != 0 {
            perm[..rank as usize - 1].rotate_left(1);
        }
        if rank > 1 && node.int(&format!("trans{side}"))?.unwrap_or(0) != 0 {
            perm.swap(rank as usize - 2, rank as usize - 1);
        }
        *x = b.transpose(*x, perm)?;
    }
    let [x, y] = factors;
    let product = of_vectors_too(b, x, y, |b, x, y| b.plain(&OP, &[x, y]))?;
    let result = scaled(b, product, node.float("alpha")?)?;
    Ok(vec![fused_activation::apply(b, node, result)?])
}

/// `alpha * a' * b' + beta * c`, and a function of that where an attribute names one.
fn gemm(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (mut x, mut y) = (node.operand(0)?, node.operand(1)?);
    if node.int("transA")?.unwrap_or(0) != 0 {
        x = b.transpose(x, vec![1, 0])?;
    }
    if node.int("transB")?.unwrap_or(0) != 0 {
        y = b.transpose(y, vec![1, 0])?;
    }
    let product = b.op(&OP, &[x, y], Attrs::none())?;
    let mut result = scaled(b, product, node.float("alpha")?)?;
    if let Some(c) = node.optional(2) {
        let c = scaled(b, c, node.float("beta")?)?;
        result = b.plain(&add::OP, &[result, c])?;
    }
    Ok(vec![fused_activation::apply(b, node, result)?])
}

fn scaled(b: &mut dyn Build, x: Value, by: Option<f32>) -> Result<Value, ImportError> {
    let by = by.unwrap_or(1.0);
    if by == 1.0 {
        return Ok(x);
    }
    let by = b.scalar(b.fact(x).dtype, f64::from(by));
    Ok(b.plain(&mul::OP, &[x, by])?)
}
