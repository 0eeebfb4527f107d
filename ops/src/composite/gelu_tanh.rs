//! The Gaussian error linear unit approximated, `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, microsoft};
use crate::op::{Meaning, Op, Sample, Violation, operand, types};
use crate::primitive::{add, mul, tanh};

/// The Gaussian error linear unit approximated, `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`.
pub static OP: Op = Op {
    name: "gelu_tanh",
    summary: "The Gaussian error linear unit approximated, x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Composite { variants: &["exact"], decompose },
    numerics: Numerics::Rounded,
    flops: |_, result| result.elements() * Dim::from(9),
    import: &[microsoft("FastGelu", import)],
    export: Export::Nodes(|g, node| g.node("Gelu", node.operands, &[("approximate", OnnxAttr::Text("tanh".into()))])),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[4] 0 100 -100 NaN"],
        attrs: &[],
        result: "f32[4] 0 100 -0.0 NaN",
    }],
    refusals: &[],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x)] = operands[..] else { return Err(OP.refuse("arity", "one operand")) };
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let dtype = b.fact(x).dtype;
    let (one, half, cubic) = (b.scalar(dtype, 1.0), b.scalar(dtype, 0.5), b.scalar(dtype, 0.044_715));
    let root = b.scalar(dtype, (2.0 / std::f64::consts::PI).sqrt());
    let square = b.plain(&mul::OP, &[x, x])?;
    let bend = b.plain(&mul::OP, &[square, cubic])?;
    let bend = b.plain(&add::OP, &[bend, one])?;
    let scaled = b.plain(&mul::OP, &[x, root])?;
    let argument = b.plain(&mul::OP, &[scaled, bend])?;
    let error = b.plain(&tanh::OP, &[argument])?;
    let gate = b.plain(&add::OP, &[error, one])?;
    let gated = b.plain(&mul::OP, &[x, gate])?;
    b.plain(&mul::OP, &[gated, half])
}

/// A bias may be added first.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut x = node.operand(0)?;
    if let Some(bias) = node.optional(1) {
        x = b.plain(&add::OP, &[x, bias])?;
    }
    Ok(vec![b.plain(&OP, &[x])?])
}
