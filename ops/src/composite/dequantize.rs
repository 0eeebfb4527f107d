//! Real numbers from integers, a scale and a zero point.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, FLOAT, INTEGER};
use crate::element::convert;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, dtype_from_onnx, from, microsoft};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, optional, types};
use crate::primitive::{mul, sub};
use crate::quantization::{Steps, steps};

/// Real numbers from integers, a scale and a zero point.
pub static OP: Op = Op {
    name: "dequantize",
    summary: "(x - zero_point) * scale, computed in f32 and rounded once; scale and zero point broadcast to x.",
    operands: &[operand("x", "I"), operand("scale", "S"), optional("zero_point", "I")],
    attrs: &[attr("to", AttrKind::DType, "the floating-point type of the result")],
    types: &[types("I", INTEGER), types("S", FLOAT)],
    constraints: &[
        constraint("floating-point", "the result is of a floating-point type"),
        constraint("broadcastable", "scale and zero point broadcast to the sizes of x"),
    ],
    meaning: Meaning::Composite { variants: &["scale", "scale and zero point"], decompose },
    numerics: Numerics::Exact,
    flops: |_, result| result.elements() * Dim::from(2),
    import: &[from("DequantizeLinear", 10, import), microsoft("DequantizeLinear", import)],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "one scale",
            operands: &["u8[3] 0 128 255", "f32[] 0.5", "u8[] 128"],
            attrs: &["to = f32"],
            result: "f32[3] -64 0 63.5",
        },
        Sample {
            name: "a scale for each row",
            operands: &["i8[2, 2] -1 2 3 -4", "f32[2, 1] 1 10", "-"],
            attrs: &["to = f16"],
            result: "f16[2, 2] -1 2 30 -40",
        },
    ],
    refusals: &[
        Refusal { constraint: "floating-point", operands: &["i8[2]", "f32[]", "i8[]"], attrs: &["to = i8"] },
        Refusal { constraint: "broadcastable", operands: &["i8[1]", "f32[2]", "i8[]"], attrs: &["to = f32"] },
    ],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(scale), zero_point] = operands[..] else { return Err(OP.refuse("arity", "x and scale")) };
    let to = attrs.get_dtype("to");
    if !to.is_float() {
        return Err(OP.refuse("floating-point", to.name()));
    }
    let shape = b.fact(x).shape.clone();
    let mut steps = b.cast(x, DType::F32)?;
    if let Some(zero_point) = zero_point {
        let zero = b.cast(zero_point, DType::F32)?;
        steps = b.plain(&sub::OP, &[steps, zero])?;
    }
    let scale = b.cast(scale, DType::F32)?;
    let real = b.plain(&mul::OP, &[steps, scale])?;
    if b.fact(real).shape != shape {
        return Err(OP.refuse("broadcastable", format!("{} beside {}", b.fact(scale), b.fact(x))));
    }
    b.cast(real, to)
}

/// The real numbers of integers in the type of their scale.
///
/// # Errors
/// Where scale and zero point do not broadcast to `x`.
pub fn apply(b: &mut dyn Build, x: Value, scale: Value, zero_point: Option<Value>) -> Result<Value, Violation> {
    let to = b.fact(scale).dtype;
    b.apply(&OP, &[Some(x), Some(scale), zero_point], Attrs::none().dtype("to", to))
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let to = match node.int("output_dtype")?.unwrap_or(0) {
        0 => b.fact(node.operand(1)?).dtype,
        number => dtype_from_onnx(number).ok_or_else(|| ImportError::Attribute {
            name: "output_dtype".into(),
            found: format!("is type {number}, which has no storage type here"),
        })?,
    };
    let Steps { x, scale, zero_point, shape } = steps(b, node)?;
    let element = node.element(0)?;
    if element.is_small_float() {
        let mut real = convert::value(b, x, element)?;
        if let Some(zero_point) = zero_point {
            let zero = convert::value(b, zero_point, element)?;
            real = b.sub(real, zero)?;
        }
        let scale = b.cast(scale, DType::F32)?;
        let real = b.mul(real, scale)?;
        let real = b.cast(real, to)?;
        return Ok(vec![b.reshape(real, &shape)?]);
    }
    let real = b.apply(&OP, &[Some(x), Some(scale), zero_point], Attrs::none().dtype("to", to))?;
    Ok(vec![b.reshape(real, &shape)?])
}
