//! The logistic function, `1 / (1 + exp(-x))`.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::from;
use crate::op::{Meaning, Op, Sample, Violation, operand, types};
use crate::primitive::{add, div, exp, mul};
use crate::signature::import_plain;

/// The logistic function, `1 / (1 + exp(-x))`.
pub static OP: Op = Op {
    name: "sigmoid",
    summary: "The logistic function, 1 / (1 + exp(-x)).",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Composite { variants: &["exact"], decompose },
    numerics: Numerics::Rounded,
    flops: |_, result| result.elements() * Dim::from(4),
    import: &[from("Sigmoid", 6, |b, node| import_plain(b, node, &OP))],
    export: crate::export_as!("Sigmoid"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[5] 0 inf -inf 1000 NaN"],
        attrs: &[],
        result: "f32[5] 0.5 1 0 1 NaN",
    }],
    refusals: &[],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x)] = operands[..] else { return Err(OP.refuse("arity", "one operand")) };
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let one = b.scalar(b.fact(x).dtype, 1.0);
    let negated = mul::negated(b, x)?;
    let power = b.plain(&exp::OP, &[negated])?;
    let sum = b.plain(&add::OP, &[one, power])?;
    b.plain(&div::OP, &[one, sum])
}
