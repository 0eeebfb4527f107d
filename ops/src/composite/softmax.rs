//! Exponentials along an axis, divided by their sum.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{Export, OnnxAttr, between, from};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types};
use crate::primitive::{div, exp, reduce_max, reduce_sum, sub};
use crate::signature::import_coerced;

/// Exponentials along an axis, divided by their sum.
pub static OP: Op = Op {
    name: "softmax",
    summary: "Exponentials along an axis, divided by their sum; the largest element is subtracted first.",
    operands: &[operand("x", "T")],
    attrs: &[attr("axis", AttrKind::Int, "the axis")],
    types: &[types("T", FLOAT)],
    constraints: &[constraint("axis-in-range", "the axis is below the rank")],
    meaning: Meaning::Composite { variants: &["one axis"], decompose },
    numerics: Numerics::Accumulated,
    flops: |_, result| result.elements() * Dim::from(5),
    import: &[
        between("Softmax", 1, 12, |b, node| import_coerced(b, node, apply)),
        from("Softmax", 13, |b, node| {
            let x = node.operand(0)?;
            let axis = node.axis(b, x, -1)?;
            Ok(vec![apply(b, x, axis)?])
        }),
    ],
    export: Export::Nodes(|g, node| {
        g.node("Softmax", node.operands, &[("axis", OnnxAttr::Int(node.attrs.get_int("axis")))])
    }),
    samples: &[
        Sample {
            name: "rows",
            operands: &["f32[2, 2] 0 0 1000 0"],
            attrs: &["axis = 1"],
            result: "f32[2, 2] 0.5 0.5 1 0",
        },
        Sample {
            name: "nothing but minus infinity",
            operands: &["f32[1, 2] -inf -inf"],
            attrs: &["axis = 1"],
            result: "f32[1, 2] NaN NaN",
        },
    ],
    refusals: &[Refusal { constraint: "axis-in-range", operands: &["f32[2]"], attrs: &["axis = 1"] }],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x)] = operands[..] else { return Err(OP.refuse("arity", "one operand")) };
    let axis = attrs.get_int("axis");
    if !(0..b.fact(x).rank() as i64).contains(&axis) {
        return Err(OP.refuse("axis-in-range", format!("axis {axis} of {}", b.fact(x))));
    }
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let along = || Attrs::none().ints("axes", vec![axis]).flag("keep", true);
    let largest = b.op(&reduce_max::OP, &[x], along())?;
    let shifted = b.plain(&sub::OP, &[x, largest])?;
    let powers = b.plain(&exp::OP, &[shifted])?;
    let sum = b.op(&reduce_sum::OP, &[powers], along())?;
    b.plain(&div::OP, &[powers, sum])
}

fn apply(b: &mut dyn Build, x: Value, axis: usize) -> Result<Value, Violation> {
    b.op(&OP, &[x], Attrs::none().int("axis", axis as i64))
}
