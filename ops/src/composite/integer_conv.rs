//! Convolution of 8-bit integers, less their zero points, in 32 bits.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::composite::integer_matmul::shifted;
use crate::composite::{dequantize, quantize};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, optional, types};
use crate::primitive::{add, conv, mul};
use crate::quantization::{along, is_zero};

/// Convolution of 8-bit integers, less their zero points, in 32 bits.
pub static OP: Op = Op {
    name: "integer_conv",
    summary: "The convolution of x - x_zero with w - w_zero in i32, which wraps; what lies outside counts as 0.",
    operands: &[operand("x", "X"), operand("w", "W"), optional("x_zero", "X"), optional("w_zero", "W")],
    attrs: &[
        attr("strides", AttrKind::Ints, "distance of neighboring windows along each spatial axis"),
        attr("dilations", AttrKind::Ints, "distance of neighboring window elements along each spatial axis"),
        attr("pads", AttrKind::Ints, "zeros before each spatial axis, then after each"),
        attr("groups", AttrKind::Int, "number of groups that channels and filters are divided into"),
    ],
    types: &[types("X", &[DType::I8, DType::U8]), types("W", &[DType::I8, DType::U8])],
    constraints: &[constraint("broadcastable", "zero points broadcast to the sizes of x and w")],
    meaning: Meaning::Composite {
        variants: &["plain", "zero point of x", "zero point of w", "both zero points"],
        decompose,
    },
    numerics: Numerics::Exact,
    flops: conv::flops,
    import: &[from("ConvInteger", 10, integers), from("QLinearConv", 10, quantized)],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "what lies outside is the zero point",
            operands: &["u8[1, 1, 3] 129 130 131", "i8[1, 1, 3] 1 10 100", "u8[] 128", "-"],
            attrs: &["strides = [1]", "dilations = [1]", "pads = [1, 1]", "groups = 1"],
            result: "i32[1, 1, 3] 210 321 32",
        },
        Sample {
            name: "no zero points",
            operands: &["i8[1, 2, 2] 1 -2 3 -4", "u8[2, 1, 1] 255 2", "-", "-"],
            attrs: &["strides = [1]", "dilations = [1]", "pads = [0, 0]", "groups = 2"],
            result: "i32[1, 2, 2] 255 -510 6 -8",
        },
        Sample {
            name: "a zero point for each filter",
            operands: &["u8[1, 1, 2] 1 2", "u8[2, 1, 1] 5 6", "-", "u8[2, 1, 1] 3 5"],
            attrs: &["strides = [1]", "dilations = [1]", "pads = [0, 0]", "groups = 1"],
            result: "i32[1, 2, 2] 2 4 1 2",
        },
    ],
    refusals: &[Refusal {
        constraint: "broadcastable",
        operands: &["i8[1, 1, 3]", "i8[1, 1, 3]", "i8[2, 1, 1]", "i8[]"],
        attrs: &["strides = [1]", "dilations = [1]", "pads = [0, 0]", "groups = 1"],
    }],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(w), x_zero, w_zero] = operands[..] else { return Err(OP.refuse("arity", "x and w")) };
    let (x, w) = (shifted(b, x, x_zero, &OP)?, shifted(b, w, w_zero, &OP)?);
    b.op(&conv::OP, &[x, w], attrs.clone())
}

/// The sums over windows of `x` and `w`; a list of zero points of `w` belongs to its filters.
fn sums(
    b: &mut dyn Build,
    node: &OnnxNode,
    [x, w]: [Value; 2],
    x_zero: Option<Value>,
    w_zero: Option<Value>,
) -> Result<Value, ImportError> {
    let rank = b.fact(w).rank();
    let x_zero = x_zero.filter(|&zero| !is_zero(b, zero));
    let x_zero = x_zero.map(|zero| along(b, zero, 1, rank)).transpose()?;
    let w_zero = w_zero.filter(|&zero| !is_zero(b, zero));
    let w_zero = w_zero.map(|zero| along(b, zero, 0, rank)).transpose()?;
    let attrs = conv::attrs(b, node, x, w)?;
    Ok(b.apply(&OP, &[Some(x), Some(w), x_zero, w_zero], attrs)?)
}

fn integers(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let operands = [node.operand(0)?, node.operand(1)?];
    Ok(vec![sums(b, node, operands, node.optional(2), node.optional(3))?])
}

/// `x`, its scale and zero point, the same of `w`, the same of the result, a bias in 32 bits.
fn quantized(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let operands = [node.operand(0)?, node.operand(3)?];
    let mut sums = sums(b, node, operands, node.optional(2), node.optional(5))?;
    let rank = b.fact(sums).rank();
    if let Some(bias) = node.optional(8) {
        let mut a_filter = b.fact(bias).shape.clone();
        a_filter.extend(vec![Dim::from(1); rank.saturating_sub(2)]);
        let bias = b.reshape(bias, &a_filter)?;
        sums = b.plain(&add::OP, &[sums, bias])?;
    }
    let (x_scale, w_scale) = (along(b, node.operand(1)?, 1, rank)?, along(b, node.operand(4)?, 1, rank)?);
    let scale = b.plain(&mul::OP, &[x_scale, w_scale])?;
    let real = dequantize::apply(b, sums, scale, None)?;
    let (scale, zero) = (along(b, node.operand(6)?, 1, rank)?, node.operand(7)?);
    let to = b.fact(zero).dtype;
    let zero = (!is_zero(b, zero)).then(|| along(b, zero, 1, rank)).transpose()?;
    Ok(vec![quantize::apply(b, real, scale, zero, to)?])
}
