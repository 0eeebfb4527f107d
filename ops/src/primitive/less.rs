//! Whether the first element is smaller; false where one is NaN.

use crate::build::{Build, Value};
use crate::dtype::{DType, NUMERIC};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::primitive::{equal, select};
use crate::signature::{BROADCASTABLE, import_plain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{Tensor, compare};

/// Whether the first element is smaller; false where one is NaN.
pub static OP: Op = Op {
    name: "less",
    summary: "Whether the first element is smaller; false where one is NaN.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(Fact { dtype: DType::Bool, ..infer_broadcast(&OP, infer)? }),
        eval,
    },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[
        from("Less", 7, |b, node| import_plain(b, node, &OP)),
        from("Greater", 7, |b, node| Ok(vec![b.plain(&OP, &[node.operand(1)?, node.operand(0)?])?])),
        from("LessOrEqual", 12, |b, node| at_most(b, node, 0, 1)),
        from("GreaterOrEqual", 12, |b, node| at_most(b, node, 1, 0)),
    ],
    export: crate::export_as!("Less"),
    samples: &[
        Sample {
            name: "NaN",
            operands: &["f32[3] 1 NaN 0", "f32[3] 2 1 NaN"],
            attrs: &[],
            result: "bool[3] true false false",
        },
        Sample { name: "equal zeros", operands: &["f32[1] -0.0", "f32[1] 0.0"], attrs: &[], result: "bool[1] false" },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let sizes = |a: &crate::dim::Dim, b: &crate::dim::Dim| {
        let (a, b) = (a.clone(), b.clone());
        if (b.clone() - a.clone() - crate::dim::Dim::from(1)).is_not_negative() {
            Some(true)
        } else if (a - b).is_not_negative() {
            Some(false)
        } else {
            None
        }
    };
    compare(x.operand(0), x.operand(1), |a, b| a < b, |a, b| a < b, sizes).ok_or(EvalError::Symbolic)
}

/// `a <= b`. Integers are ordered, so it is `not (b < a)`; with NaN about it is `a < b or a = b`.
fn at_most(b: &mut dyn Build, node: &OnnxNode, left: usize, right: usize) -> Result<Vec<Value>, ImportError> {
    let (x, y) = (node.operand(left)?, node.operand(right)?);
    if b.fact(x).dtype.is_float() {
        let less = b.plain(&OP, &[x, y])?;
        let equal = b.plain(&equal::OP, &[x, y])?;
        let yes = b.scalar(DType::Bool, 1.0);
        return Ok(vec![b.plain(&select::OP, &[less, yes, equal])?]);
    }
    let greater = b.plain(&OP, &[y, x])?;
    let no = b.scalar(DType::Bool, 0.0);
    Ok(vec![b.plain(&equal::OP, &[greater, no])?])
}
