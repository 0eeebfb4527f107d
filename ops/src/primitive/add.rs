//! Sum, elementwise.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::NUMERIC;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, operand, types};
use crate::primitive::{div, mul, sqrt, sub};
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
        from("Sum", 8, |b, node| import_chain(b, node, &OP)),
        from("Mean", 8, |b, node| {
            let sum = import_chain(b, node, &OP)?[0];
            let count = b.scalar(b.fact(sum).dtype, node.operands.len() as f64);
            Ok(vec![b.plain(&div::OP, &[sum, count])?])
        }),
        from("BatchNormalization", 7, batch_norm),
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

/// `x * s + t` for each channel, where `s` and `t` follow from statistics that are known before.
fn batch_norm(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    if node.int("training_mode")?.unwrap_or(0) != 0 || node.results > 1 {
        return Err(ImportError::Unsupported("BatchNormalization for training is not supported".into()));
    }
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let (scale, bias) = (node.operand(1)?, node.operand(2)?);
    let (mean, variance) = (node.operand(3)?, node.operand(4)?);
    let epsilon = b.scalar(b.fact(variance).dtype, f64::from(node.float("epsilon")?.unwrap_or(1e-5)));
    let variance = b.plain(&OP, &[variance, epsilon])?;
    let deviation = b.plain(&sqrt::OP, &[variance])?;
    let factor = b.plain(&div::OP, &[scale, deviation])?;
    let moved = b.plain(&mul::OP, &[mean, factor])?;
    let shift = b.plain(&sub::OP, &[bias, moved])?;
    let mut a_channel = vec![fact.shape.get(1).cloned().unwrap_or(Dim::from(1))];
    a_channel.extend(fact.shape.iter().skip(2).map(|_| Dim::from(1)));
    let factor = b.reshape(factor, &a_channel)?;
    let shift = b.reshape(shift, &a_channel)?;
    let scaled = b.plain(&mul::OP, &[x, factor])?;
    Ok(vec![b.plain(&OP, &[scaled, shift])?])
}
