//! Elements divided by the root of the sum of their squares.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::Export;
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types};
use crate::signature::rising_axes;

/// Elements divided by the root of the sum of their squares.
pub static OP: Op = Op {
    name: "l2_norm",
    summary: "x / max(sqrt(sum of squares), epsilon), the sum over `axes`.",
    operands: &[operand("x", "T"), operand("epsilon", "f32")],
    attrs: &[attr("axes", AttrKind::Ints, "the axes, in rising order")],
    types: &[types("T", FLOAT)],
    constraints: &[
        constraint("axes-in-range", "the axes rise and are below the rank"),
        constraint("scalar-epsilon", "epsilon has no axes"),
    ],
    meaning: Meaning::Composite { variants: &["axes"], decompose },
    numerics: Numerics::Accumulated,
    flops: |_, result| result.elements() * Dim::from(3),
    // ONNX has no such operator: `LpNormalization` has no epsilon.
    import: &[],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "rows",
            operands: &["f32[2, 2] 3 4 0 0", "f32[] 1e-12"],
            attrs: &["axes = [1]"],
            result: "f32[2, 2] 0.6 0.8 0 0",
        },
        Sample {
            name: "a norm below epsilon, over two axes",
            operands: &["f32[2, 1, 2] 0.3 0 0.4 0", "f32[] 2"],
            attrs: &["axes = [0, 2]"],
            result: "f32[2, 1, 2] 0.15 0 0.2 0",
        },
    ],
    refusals: &[
        Refusal { constraint: "axes-in-range", operands: &["f32[2, 3]", "f32[]"], attrs: &["axes = [2]"] },
        Refusal { constraint: "axes-in-range", operands: &["f32[2, 3]", "f32[]"], attrs: &["axes = [1, 0]"] },
        Refusal { constraint: "scalar-epsilon", operands: &["f32[2]", "f32[2]"], attrs: &["axes = [0]"] },
    ],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(epsilon)] = operands[..] else { return Err(OP.refuse("arity", "x and epsilon")) };
    let (fact, axes) = (b.fact(x).clone(), attrs.get_ints("axes"));
    rising_axes(&OP, &fact, axes)?;
    if b.fact(epsilon).rank() != 0 {
        return Err(OP.refuse("scalar-epsilon", b.fact(epsilon).to_string()));
    }
    if fact.dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let squares = b.mul(x, x)?;
    let sum = b.sum(squares, axes.to_vec(), true)?;
    let norm = b.sqrt(sum)?;
    let norm = b.max(norm, epsilon)?;
    let norm = b.expanded(norm, &fact.shape)?;
    b.div(x, norm)
}
