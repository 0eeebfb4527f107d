//! The Gaussian error linear unit, `x * (1 + erf(x / sqrt 2)) / 2`.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::gelu_tanh;
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::heads::part;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from, microsoft};
use crate::op::{Meaning, Op, Sample, Violation, operand, types};
use crate::primitive::{add, div, erf, mul};

/// The Gaussian error linear unit, `x * (1 + erf(x / sqrt 2)) / 2`.
pub static OP: Op = Op {
    name: "gelu",
    summary: "The Gaussian error linear unit, x * (1 + erf(x / sqrt 2)) / 2.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Composite { variants: &["exact"], decompose },
    numerics: Numerics::Rounded,
    flops: |_, result| result.elements() * Dim::from(8),
    import: &[
        from("Gelu", 20, import),
        microsoft("Gelu", |b, node| Ok(vec![b.plain(&OP, &[node.operand(0)?])?])),
        microsoft("BiasGelu", |b, node| {
            let x = b.plain(&add::OP, &[node.operand(0)?, node.operand(1)?])?;
            Ok(vec![b.plain(&OP, &[x])?])
        }),
        microsoft("BiasSplitGelu", split),
    ],
    export: crate::export_as!("Gelu"),
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
    let (root, one, half) = (b.scalar(dtype, std::f64::consts::SQRT_2), b.scalar(dtype, 1.0), b.scalar(dtype, 0.5));
    let scaled = b.plain(&div::OP, &[x, root])?;
    let error = b.plain(&erf::OP, &[scaled])?;
    let gate = b.plain(&add::OP, &[error, one])?;
    let gated = b.plain(&mul::OP, &[x, gate])?;
    b.plain(&mul::OP, &[gated, half])
}

/// With a bias, the left half of each row times the function of the right half.
fn split(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = b.plain(&add::OP, &[node.operand(0)?, node.operand(1)?])?;
    let half = b.fact(x).shape.last().cloned().unwrap_or(Dim::from(0)).floor_div(2);
    let (left, right) = (part(b, x, Dim::from(0), half.clone())?, part(b, x, half.clone(), half)?);
    let gate = b.plain(&OP, &[right])?;
    Ok(vec![b.plain(&mul::OP, &[left, gate])?])
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    match node.text("approximate")?.unwrap_or("none") {
        "none" => Ok(vec![b.plain(&OP, &[node.operand(0)?])?]),
        "tanh" => Ok(vec![b.plain(&gelu_tanh::OP, &[node.operand(0)?])?]),
        other => Err(ImportError::Attribute { name: "approximate".into(), found: format!("is `{other}`") }),
    }
}
