//! An element times a gate that opens along a line, `x * max(0, min(1, x / 6 + 0.5))`.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{Export, from};
use crate::op::{Meaning, Op, Sample, Violation, operand, types};
use crate::signature::import_plain;

/// An element times a gate that opens along a line, `x * max(0, min(1, x / 6 + 0.5))`.
pub static OP: Op = Op {
    name: "hard_swish",
    summary: "x * max(0, min(1, x / 6 + 0.5)).",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Composite { variants: &["exact"], decompose },
    numerics: Numerics::Rounded,
    flops: |_, result| result.elements() * Dim::from(5),
    import: &[from("HardSwish", 14, |b, node| import_plain(b, node, &OP))],
    export: Export::Decompose,
    samples: &[Sample {
        name: "both ends, the line between, and NaN",
        operands: &["f32[6] -4 -3 0 1 6 NaN"],
        attrs: &[],
        result: "f32[6] -0.0 -0.0 0 0.6666667 6 NaN",
    }],
    refusals: &[],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x)] = operands[..] else { return Err(OP.refuse("arity", "one operand")) };
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let scaled = b.times(x, 1.0 / 6.0)?;
    let line = b.plus(scaled, 0.5)?;
    let (zero, one) = (b.like(x, 0.0), b.like(x, 1.0));
    let raised = b.max(line, zero)?;
    let gate = b.min(raised, one)?;
    b.mul(x, gate)
}
