//! The largest whole number that is not above, elementwise.

use crate::build::{Build, Value};
use crate::dtype::FLOAT;
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Meaning, Op, Sample, operand, types};
use crate::primitive::mul;
use crate::signature::import_plain;
use crate::table::one_flop_an_element;
use crate::tensor::unary_float;

/// The largest whole number that is not above, elementwise.
pub static OP: Op = Op {
    name: "floor",
    summary: "The largest whole number that is not above, elementwise.",
    operands: &[operand("x", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(infer.operand(0).clone()),
        eval: |x| unary_float(x.operand(0), libm::floorf).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Exact,
    flops: one_flop_an_element,
    import: &[from("Floor", 6, |b, node| import_plain(b, node, &OP)), from("Ceil", 6, ceil)],
    export: crate::export_as!("Floor"),
    samples: &[Sample {
        name: "both signs",
        operands: &["f32[6] 1.5 -1.5 -0.0 0.2 inf NaN"],
        attrs: &[],
        result: "f32[6] 1 -2 -0.0 0 inf NaN",
    }],
    refusals: &[],
};

/// `-floor(-x)`, zeros included.
fn ceil(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = mul::negated(b, node.operand(0)?)?;
    let floor = b.plain(&OP, &[x])?;
    Ok(vec![mul::negated(b, floor)?])
}
