//! Integers that stand for real numbers, by a scale and a zero point.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, FLOAT, INTEGER};
use crate::element::Element;
use crate::element::convert::{self, Conversion};
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, dtype_from_onnx, from, microsoft};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, optional, types};
use crate::primitive::{add, div, max, min, round};
use crate::quantization::{Steps, dynamic, steps};

/// Integers that stand for real numbers, by a scale and a zero point.
pub static OP: Op = Op {
    name: "quantize",
    summary: "round(x / scale) + zero_point in f32, limited to what the type of the result holds; scale and zero point broadcast to x.",
    operands: &[operand("x", "T"), operand("scale", "S"), optional("zero_point", "I")],
    attrs: &[attr("to", AttrKind::DType, "the integer type of the result, which is that of the zero point")],
    types: &[types("T", &[DType::I32, DType::F16, DType::BF16, DType::F32]), types("S", FLOAT), types("I", INTEGER)],
    constraints: &[
        constraint("integer", "the result is of an integer type of at most 16 bits, which is that of the zero point"),
        constraint("broadcastable", "scale and zero point broadcast to the sizes of x"),
    ],
    meaning: Meaning::Composite { variants: &["scale", "scale and zero point"], decompose },
    numerics: Numerics::Exact,
    flops: |_, result| result.elements() * Dim::from(5),
    import: &[
        from("QuantizeLinear", 10, import),
        microsoft("QuantizeLinear", import),
        from("DynamicQuantizeLinear", 11, |b, node| Ok(dynamic(b, node.operand(0)?)?.to_vec())),
    ],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "halves go to the even integer, and all that is too large to the largest",
            operands: &["f32[6] 0.5 1.5 -0.5 1000 -1000 inf", "f32[] 1", "u8[] 10"],
            attrs: &["to = u8"],
            result: "u8[6] 10 12 10 255 0 255",
        },
        Sample {
            name: "a scale for each column",
            operands: &["f32[1, 2] 1 1", "f32[2] 1 0.01", "-"],
            attrs: &["to = i8"],
            result: "i8[1, 2] 1 100",
        },
    ],
    refusals: &[
        Refusal { constraint: "integer", operands: &["f32[2]", "f32[]", "i8[]"], attrs: &["to = u8"] },
        Refusal { constraint: "broadcastable", operands: &["f32[1]", "f32[2]", "i8[]"], attrs: &["to = i8"] },
    ],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(scale), zero_point] = operands[..] else { return Err(OP.refuse("arity", "x and scale")) };
    let to = attrs.get_dtype("to");
    let limits = to.integer_range().filter(|_| to.bits() <= 16);
    let (Some((low, high)), true) = (limits, zero_point.is_none_or(|zero| b.fact(zero).dtype == to)) else {
        return Err(OP.refuse("integer", format!("{to} from {}", b.fact(x))));
    };
    let shape = b.fact(x).shape.clone();
    let (x, scale) = (b.cast(x, DType::F32)?, b.cast(scale, DType::F32)?);
    let steps = b.plain(&div::OP, &[x, scale])?;
    let mut steps = b.plain(&round::OP, &[steps])?;
    if let Some(zero_point) = zero_point {
        let zero = b.cast(zero_point, DType::F32)?;
        steps = b.plain(&add::OP, &[steps, zero])?;
    }
    if b.fact(steps).shape != shape {
        return Err(OP.refuse("broadcastable", format!("{} beside {}", b.fact(scale), b.fact(x))));
    }
    let (low, high) = (b.scalar(DType::F32, low as f64), b.scalar(DType::F32, high as f64));
    let steps = b.plain(&max::OP, &[steps, low])?;
    let steps = b.plain(&min::OP, &[steps, high])?;
    b.cast(steps, to)
}

/// Real numbers as integers of a type.
///
/// # Errors
/// Where scale and zero point do not broadcast to `x`, or the type is none of the zero point's.
pub fn apply(
    b: &mut dyn Build,
    x: Value,
    scale: Value,
    zero_point: Option<Value>,
    to: DType,
) -> Result<Value, Violation> {
    b.apply(&OP, &[Some(x), Some(scale), zero_point], Attrs::none().dtype("to", to))
}

/// Types that saturate by an attribute are 8-bit floats alone; integers always do.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let to = match (node.int("output_dtype")?.unwrap_or(0), node.optional(2)) {
        (0, None) => Element::Uint8,
        (0, Some(_)) => node.element(2)?,
        (number, _) => Element::from_number(number).ok_or_else(|| ImportError::Attribute {
            name: "output_dtype".into(),
            found: format!("is type {number}, which has no storage type here"),
        })?,
    };
    let precision = node.int("precision")?.unwrap_or(0);
    if precision != 0 && dtype_from_onnx(precision) != Some(DType::F32) {
        let found = format!("is type {precision}, not f32");
        return Err(ImportError::Attribute { name: "precision".into(), found });
    }
    let saturate = node.int("saturate")?.unwrap_or(1) != 0;
    let steps = steps(b, node)?;
    let shape = steps.shape.clone();
    let quantized = match to.is_stored() {
        true => apply(b, steps.x, steps.scale, steps.zero_point, to.carrier())?,
        false => carried(b, &steps, to, saturate)?,
    };
    Ok(vec![b.reshape(quantized, &shape)?])
}

/// To a type that another one carries.
fn carried(b: &mut dyn Build, steps: &Steps, to: Element, saturate: bool) -> Result<Value, Violation> {
    let (x, scale) = (b.cast(steps.x, DType::F32)?, b.cast(steps.scale, DType::F32)?);
    let mut y = b.div(x, scale)?;
    if to.width().is_some() {
        y = b.round(y)?;
    }
    if let Some(zero_point) = steps.zero_point {
        let zero = convert::value(b, zero_point, to)?;
        let zero = b.cast(zero, DType::F32)?;
        y = b.add(y, zero)?;
    }
    if let Some((bits, signed)) = to.width() {
        let size = (1u64 << bits) as f64;
        let low = if signed { -size / 2.0 } else { 0.0 };
        let (low, high) = (b.like(y, low), b.like(y, low + size - 1.0));
        y = b.max(y, low)?;
        y = b.min(y, high)?;
    }
    convert::convert(b, y, Element::Float, to, Conversion { saturate, ..Conversion::default() })
}
