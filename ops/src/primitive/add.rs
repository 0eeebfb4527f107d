//! Sum, elementwise.

use crate::dtype::NUMERIC;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::primitive::div;
use crate::signature::{BROADCASTABLE, import_chain, import_plain, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// Sum, elementwise.
pub static OP: Op = Op {
    name: "add",
    summary: "Sum, elementwise.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", NUMERIC)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[
        from("Add", 7, |b, node| import_plain(b, node, &OP)),
        from("Sum", 6, |b, node| import_chain(b, node, &OP)),
        from("Mean", 6, |b, node| {
            let sum = import_chain(b, node, &OP)?[0];
            let count = b.scalar(b.fact(sum).dtype, node.operands.len() as f64);
            Ok(vec![b.plain(&div::OP, &[sum, count])?])
        }),
    ],
    export: crate::export_as!("Add"),
    samples: &[
        Sample {
            name: "broadcasts a row",
            operands: &["f32[2, 2] 1 2 3 4", "f32[2] 10 20"],
            attrs: &[],
            result: "f32[2, 2] 11 22 13 24",
        },
        Sample { name: "integers wrap", operands: &["i8[1] 127", "i8[1] 1"], attrs: &[], result: "i8[1] -128" },
        Sample {
            name: "signed zeros",
            operands: &["f32[2] -0.0 -0.0", "f32[2] -0.0 0.0"],
            attrs: &[],
            result: "f32[2] -0.0 0.0",
        },
    ],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning =
        BinaryMeaning { float: |a, b| a + b, int: i64::wrapping_add, dim: |a, b| Some(a.clone() + b.clone()) };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}
