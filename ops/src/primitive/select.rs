//! Takes the second operand where the first is true and the third where it is false.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{ALL, DType};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ExportNode, ImportError, OnnxGraph, OnnxNode, OnnxValue, from};
use crate::op::{EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, operand, types};
use crate::primitive::{add, iota, less};
use crate::signature::{BROADCASTABLE, import_plain, infer_broadcast};
use crate::table::no_flops;
use crate::tensor::{Data, Tensor, broadcast_positions, broadcast_shape};

/// Takes the second operand where the first is true and the third where it is false.
pub static OP: Op = Op {
    name: "select",
    summary: "Takes the second operand where the first is true and the third where it is false.",
    operands: &[operand("condition", "bool"), operand("yes", "T"), operand("no", "T")],
    attrs: &[],
    types: &[types("T", ALL)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[
        from("Where", 9, |b, node| import_plain(b, node, &OP)),
        // `a and b` is `if a then b else false`; `or` likewise.
        from("And", 7, |b, node| logical(b, node, false)),
        from("Or", 7, |b, node| logical(b, node, true)),
        from("Trilu", 14, trilu),
    ],
    export: Export::Nodes(export),
    samples: &[Sample {
        name: "broadcasts the condition",
        operands: &["bool[2, 1] true false", "f32[2] 1 NaN", "f32[] 0"],
        attrs: &[],
        result: "f32[2, 2] 1 NaN 0 0",
    }],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["bool[2]", "f32[3]", "f32[3]"], attrs: &[] }],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    infer_broadcast(&OP, infer)
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (condition, yes, no) = (x.operand(0), x.operand(1), x.operand(2));
    let Data::Bool(chosen) = condition.data() else { return Err(EvalError::Symbolic) };
    let shape = broadcast_shape(yes.shape(), no.shape())
        .and_then(|shape| broadcast_shape(&shape, condition.shape()))
        .ok_or(EvalError::Symbolic)?;
    // One pool of both operands lets a single index choose the operand and the element.
    let flat = |tensor: &Tensor| tensor.reshaped(vec![tensor.len()]).ok_or(EvalError::Symbolic);
    let pool = Tensor::join(vec![yes.len() + no.len()], &[&flat(yes)?, &flat(no)?]).ok_or(EvalError::Symbolic)?;
    let positions = broadcast_positions(condition.shape(), &shape)
        .zip(broadcast_positions(yes.shape(), &shape))
        .zip(broadcast_positions(no.shape(), &shape))
        .map(|((c, y), n)| if chosen[c] { y } else { yes.len() + n });
    pool.take(shape.clone(), positions).ok_or(EvalError::Symbolic)
}

fn logical(b: &mut dyn Build, node: &OnnxNode, or: bool) -> Result<Vec<Value>, ImportError> {
    let (x, y) = (node.operand(0)?, node.operand(1)?);
    let fixed = b.scalar(DType::Bool, f64::from(u8::from(or)));
    let operands = if or { [x, fixed, y] } else { [x, y, fixed] };
    Ok(vec![b.plain(&OP, &operands)?])
}

/// One side of a diagonal of each matrix: an element is below the diagonal `k` where its column is less than its row + k.
fn trilu(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let [.., rows, columns] = &fact.shape[..] else {
        return Err(ImportError::Operand { index: 0, found: format!("is {fact}, not a matrix") });
    };
    let upper = node.int("upper")?.unwrap_or(1) != 0;
    let diagonal = match node.optional(1) {
        Some(k) => b.reshape(k, &[])?,
        None => b.scalar(DType::I64, 0.0),
    };
    // What is kept below includes the diagonal itself.
    let shift = b.scalar(DType::I64, if upper { 0.0 } else { 1.0 });
    let diagonal = b.plain(&add::OP, &[diagonal, shift])?;
    let row = iota::apply(b, rows.clone(), DType::I64)?;
    let row = b.reshape(row, &[rows.clone(), Dim::from(1)])?;
    let column = iota::apply(b, columns.clone(), DType::I64)?;
    let limit = b.plain(&add::OP, &[row, diagonal])?;
    let below = b.plain(&less::OP, &[column, limit])?;
    let zero = b.scalar(fact.dtype, 0.0);
    let operands = if upper { [below, zero, x] } else { [below, x, zero] };
    Ok(vec![b.plain(&OP, &operands)?])
}

/// Where; on bool, which onnxruntime's Where lacks, `(c and yes) or (not c and no)`.
fn export(g: &mut dyn OnnxGraph, node: &ExportNode<'_>) -> OnnxValue {
    if node.result.dtype != DType::Bool {
        return g.node("Where", node.operands, &[]);
    }
    let (condition, yes, no) = (node.operand(0), node.operand(1), node.operand(2));
    let taken = g.node("And", &[Some(condition), Some(yes)], &[]);
    let otherwise = g.node("Not", &[Some(condition)], &[]);
    let rest = g.node("And", &[Some(otherwise), Some(no)], &[]);
    g.node("Or", &[Some(taken), Some(rest)], &[])
}
