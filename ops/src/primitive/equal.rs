//! Whether two elements are equal; NaN equals nothing.

use crate::dtype::{ALL, DType};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::signature::{BROADCASTABLE, import_plain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{Tensor, compare};

/// Whether two elements are equal; NaN equals nothing.
pub static OP: Op = Op {
    name: "equal",
    summary: "Whether two elements are equal; NaN equals nothing.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", ALL)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(Fact { dtype: DType::Bool, ..infer_broadcast(&OP, infer)? }),
        eval,
    },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[
        from("Equal", 7, |b, node| import_plain(b, node, &OP)),
        // `not x` is `x = false`.
        from("Not", 1, |b, node| {
            let no = b.scalar(DType::Bool, 0.0);
            Ok(vec![b.plain(&OP, &[node.operand(0)?, no])?])
        }),
        from("Xor", 7, |b, node| {
            let same = b.plain(&OP, &[node.operand(0)?, node.operand(1)?])?;
            let no = b.scalar(DType::Bool, 0.0);
            Ok(vec![b.plain(&OP, &[same, no])?])
        }),
        // Only NaN differs from itself.
        from("IsNaN", 9, |b, node| {
            let x = node.operand(0)?;
            let same = b.plain(&OP, &[x, x])?;
            let no = b.scalar(DType::Bool, 0.0);
            Ok(vec![b.plain(&OP, &[same, no])?])
        }),
        from("IsInf", 10, |b, node| {
            let x = node.operand(0)?;
            let mut found = b.scalar(DType::Bool, 0.0);
            for (name, infinity) in [("detect_positive", f64::INFINITY), ("detect_negative", f64::NEG_INFINITY)] {
                if node.int(name)?.unwrap_or(1) != 0 {
                    let infinity = b.like(x, infinity);
                    let same = b.equal(x, infinity)?;
                    found = b.or(same, found)?;
                }
            }
            let sizes = b.fact(x).shape.clone();
            Ok(vec![b.expanded(found, &sizes)?])
        }),
    ],
    export: crate::export_as!("Equal"),
    samples: &[
        Sample {
            name: "NaN",
            operands: &["f32[3] 1 NaN 0", "f32[3] 1 NaN -0.0"],
            attrs: &[],
            result: "bool[3] true false true",
        },
        Sample {
            name: "bool",
            operands: &["bool[2] true false", "bool[] false"],
            attrs: &[],
            result: "bool[2] false true",
        },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let sizes = |a: &crate::dim::Dim, b: &crate::dim::Dim| match (a == b, a.differs(b)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    compare(x.operand(0), x.operand(1), |a, b| a == b, |a, b| a == b, sizes).ok_or(EvalError::Symbolic)
}
