//! Matrix product of 8-bit integers, less their zero points, in 32 bits.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::{dequantize, quantize};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from, microsoft};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, constraint, operand, optional, types};
use crate::primitive::{add, matmul, mul, sub};
use crate::quantization::{dynamic, is_zero};

/// Matrix product of 8-bit integers, less their zero points, in 32 bits.
pub static OP: Op = Op {
    name: "integer_matmul",
    summary: "The matrix product of a - a_zero and b - b_zero in i32, which wraps; zero points broadcast to a and b.",
    operands: &[operand("a", "A"), operand("b", "B"), optional("a_zero", "A"), optional("b_zero", "B")],
    attrs: &[],
    types: &[types("A", &[DType::I8, DType::U8]), types("B", &[DType::I8, DType::U8])],
    constraints: &[constraint("broadcastable", "zero points broadcast to the sizes of a and b")],
    meaning: Meaning::Composite {
        variants: &["plain", "zero point of a", "zero point of b", "both zero points"],
        decompose,
    },
    numerics: Numerics::Exact,
    flops: matmul::flops,
    import: &[
        from("MatMulInteger", 10, |b, node| {
            let product = product(b, node, [0, 1, 2, 3])?;
            Ok(vec![product])
        }),
        from("QLinearMatMul", 10, quantized),
        microsoft("MatMulIntegerToFloat", to_float),
        microsoft("DynamicQuantizeMatMul", dynamically),
        microsoft("QGemm", gemm),
    ],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "both zero points",
            operands: &["u8[1, 2] 130 255", "i8[2, 1] -128 127", "u8[] 128", "i8[] 1"],
            attrs: &[],
            result: "i32[1, 1] 15744",
        },
        Sample {
            name: "no zero points",
            operands: &["i8[2, 1] 1 -1", "u8[1, 2] 255 2", "-", "-"],
            attrs: &[],
            result: "i32[2, 2] 255 2 -255 -2",
        },
        Sample {
            name: "a zero point for each row and each column",
            operands: &["u8[2, 1] 3 5", "u8[1, 2] 7 9", "u8[2, 1] 1 2", "u8[2] 1 2"],
            attrs: &[],
            result: "i32[2, 2] 12 14 18 21",
        },
    ],
    refusals: &[Refusal {
        constraint: "broadcastable",
        operands: &["i8[1, 2]", "i8[2, 1]", "i8[2, 1]", "i8[]"],
        attrs: &[],
    }],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], _: &Attrs) -> Result<Value, Violation> {
    let [Some(left), Some(right), left_zero, right_zero] = operands[..] else {
        return Err(OP.refuse("arity", "a and b"));
    };
    let (left, right) = (shifted(b, left, left_zero, &OP)?, shifted(b, right, right_zero, &OP)?);
    b.plain(&matmul::OP, &[left, right])
}

/// 8-bit integers less their zero point, in 32 bits.
///
/// # Errors
/// Where the zero point does not broadcast to them.
pub fn shifted(b: &mut dyn Build, x: Value, zero: Option<Value>, op: &'static Op) -> Result<Value, Violation> {
    let wide = b.cast(x, DType::I32)?;
    let Some(zero) = zero else { return Ok(wide) };
    let zero = b.cast(zero, DType::I32)?;
    let shifted = b.plain(&sub::OP, &[wide, zero])?;
    if b.fact(shifted).shape != b.fact(x).shape {
        return Err(op.refuse("broadcastable", format!("{} beside {}", b.fact(zero), b.fact(x))));
    }
    Ok(shifted)
}

/// The product of the operands with these numbers: `a`, `b` and their zero points.
fn product(
    b: &mut dyn Build,
    node: &OnnxNode,
    [a, right, a_zero, right_zero]: [usize; 4],
) -> Result<Value, ImportError> {
    let (a, right) = (node.operand(a)?, node.operand(right)?);
    let a_zero = node.optional(a_zero).filter(|&zero| !is_zero(b, zero));
    let right_zero = node.optional(right_zero).filter(|&zero| !is_zero(b, zero));
    apply(b, a, right, a_zero, right_zero)
}

/// A list of zero points of `a` belongs to its rows, one of `right` to its columns.
fn apply(
    b: &mut dyn Build,
    a: Value,
    right: Value,
    a_zero: Option<Value>,
    right_zero: Option<Value>,
) -> Result<Value, ImportError> {
    let a_zero = a_zero.map(|zero| of_rows(b, zero)).transpose()?;
    let right_zero = right_zero.map(|zero| scalar(b, zero)).transpose()?;
    let product = |b: &mut dyn Build, a: Value, right: Value| {
        b.apply(&OP, &[Some(a), Some(right), a_zero, right_zero], Attrs::none())
    };
    Ok(matmul::of_vectors_too(b, a, right, product)?)
}

/// One number as a scalar, a list as a column.
fn of_rows(b: &mut dyn Build, list: Value) -> Result<Value, Violation> {
    let list = scalar(b, list)?;
    match &b.fact(list).shape.clone()[..] {
        [rows] => b.reshape(list, &[rows.clone(), Dim::from(1)]),
        _ => Ok(list),
    }
}

fn scalar(b: &mut dyn Build, list: Value) -> Result<Value, Violation> {
    if b.fact(list).shape.iter().all(|size| size.is(1)) { b.reshape(list, &[]) } else { Ok(list) }
}

/// `a`, its scale and zero point, the same of `b`, the same of the result.
fn quantized(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let product = product(b, node, [0, 3, 2, 5])?;
    let a_scale = of_rows(b, node.operand(1)?)?;
    let right_scale = scalar(b, node.operand(4)?)?;
    let real = real(b, product, a_scale, right_scale)?;
    let (scale, zero) = (scalar(b, node.operand(6)?)?, node.operand(7)?);
    let to = b.fact(zero).dtype;
    let zero = (!is_zero(b, zero)).then(|| scalar(b, zero)).transpose()?;
    Ok(vec![quantize::apply(b, real, scale, zero, to)?])
}

/// Sums of products times the scales of both factors.
fn real(b: &mut dyn Build, sums: Value, a_scale: Value, right_scale: Value) -> Result<Value, Violation> {
    let scale = b.plain(&mul::OP, &[a_scale, right_scale])?;
    dequantize::apply(b, sums, scale, None)
}

fn with_bias(b: &mut dyn Build, x: Value, bias: Option<Value>) -> Result<Value, Violation> {
    match bias {
        Some(bias) => b.plain(&add::OP, &[x, bias]),
        None => Ok(x),
    }
}

/// `a`, `b`, their scales, their zero points, a bias.
fn to_float(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let product = product(b, node, [0, 1, 4, 5])?;
    let (a_scale, right_scale) = (scalar(b, node.operand(2)?)?, scalar(b, node.operand(3)?)?);
    let real = real(b, product, a_scale, right_scale)?;
    Ok(vec![with_bias(b, real, node.optional(6))?])
}

/// Real `a`, quantized by its own extremes; `b`, its scale, its zero point, a bias.
fn dynamically(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (a, right, right_scale) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    let [a, a_scale, a_zero] = dynamic(b, a)?;
    let right_zero = node.optional(3).filter(|&zero| !is_zero(b, zero));
    let product = apply(b, a, right, Some(a_zero), right_zero)?;
    let right_scale = scalar(b, right_scale)?;
    let real = real(b, product, a_scale, right_scale)?;
    Ok(vec![with_bias(b, real, node.optional(4))?])
}

/// `alpha * a' * b' + c`: `a`, its scale and zero point, the same of `b`, `c` in 32 bits, scale and zero point of a
/// quantized result.
fn gemm(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (mut a, mut right) = (node.operand(0)?, node.operand(3)?);
    if node.int("transA")?.unwrap_or(0) != 0 {
        a = b.transpose(a, vec![1, 0])?;
    }
    if node.int("transB")?.unwrap_or(0) != 0 {
        right = b.transpose(right, vec![1, 0])?;
    }
    let a_zero = node.optional(2).filter(|&zero| !is_zero(b, zero));
    let right_zero = node.optional(5).filter(|&zero| !is_zero(b, zero));
    let product = apply(b, a, right, a_zero, right_zero)?;
    let sums = with_bias(b, product, node.optional(6))?;
    let (mut a_scale, right_scale) = (scalar(b, node.operand(1)?)?, scalar(b, node.operand(4)?)?);
    if let Some(alpha) = node.float("alpha")?.filter(|alpha| *alpha != 1.0) {
        let alpha = b.scalar(b.fact(a_scale).dtype, f64::from(alpha));
        a_scale = b.plain(&mul::OP, &[a_scale, alpha])?;
    }
    let real = real(b, sums, a_scale, right_scale)?;
    let Some(scale) = node.optional(7) else { return Ok(vec![real]) };
    let (scale, zero) = (scalar(b, scale)?, node.operand(8)?);
    let to = b.fact(zero).dtype;
    let zero = scalar(b, zero)?;
    Ok(vec![quantize::apply(b, real, scale, Some(zero), to)?])
}
