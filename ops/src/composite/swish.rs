//! An element times the logistic function of a multiple of it, `x * sigmoid(alpha * x)`.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::sigmoid;
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from, microsoft};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, constraint, operand, types};
use crate::tensor::Tensor;

/// An element times the logistic function of a multiple of it, `x * sigmoid(alpha * x)`.
pub static OP: Op = Op {
    name: "swish",
    summary: "x * sigmoid(alpha * x): SiLU where alpha is 1, and quick GELU where it is 1.702.",
    operands: &[operand("x", "T"), operand("alpha", "f32")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[constraint("scalar-alpha", "alpha has no axes")],
    meaning: Meaning::Composite { variants: &["alpha is 1", "any alpha"], decompose },
    numerics: Numerics::Rounded,
    flops: |_, result| result.elements() * Dim::from(6),
    import: &[
        from("Swish", 24, |b, node| import(b, node, 1.0)),
        microsoft("QuickGelu", |b, node| import(b, node, 1.702)),
    ],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "special values",
            operands: &["f32[4] 0 100 -100 NaN", "f32[] 1"],
            attrs: &[],
            result: "f32[4] 0 100 -0.0 NaN",
        },
        Sample {
            name: "another alpha",
            operands: &["f32[2] 2 -2", "f32[] 0.5"],
            attrs: &[],
            result: "f32[2] 1.4621172 -0.5378828",
        },
    ],
    refusals: &[Refusal { constraint: "scalar-alpha", operands: &["f32[2]", "f32[2]"], attrs: &[] }],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(alpha)] = operands[..] else { return Err(OP.refuse("arity", "x and alpha")) };
    if b.fact(alpha).rank() != 0 {
        return Err(OP.refuse("scalar-alpha", b.fact(alpha).to_string()));
    }
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let known = b.known(alpha).and_then(Tensor::as_f64s);
    let scaled = if known.is_some_and(|alpha| alpha == [1.0]) { x } else { b.mul(x, alpha)? };
    let gate = b.plain(&sigmoid::OP, &[scaled])?;
    b.mul(x, gate)
}

fn import(b: &mut dyn Build, node: &OnnxNode, absent: f32) -> Result<Vec<Value>, ImportError> {
    let alpha = b.constant(Tensor::scalar_f32(node.float("alpha")?.unwrap_or(absent)));
    Ok(vec![b.plain(&OP, &[node.operand(0)?, alpha])?])
}
