//! The first operand to the power of the second, elementwise.

use crate::build::{Build, Value};
use crate::dtype::{DType, FLOAT};
use crate::element::convert::{Conversion, convert};
use crate::element::{Element, wrapped};
use crate::numerics::Numerics;
use crate::onnx::{ImportError, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Meaning, Op, Refusal, Sample, Violation, operand, types};
use crate::signature::{BROADCASTABLE, infer_broadcast};
use crate::table::one_flop_an_element;
use crate::tensor::{BinaryMeaning, Tensor, binary};

/// The first operand to the power of the second, elementwise.
pub static OP: Op = Op {
    name: "pow",
    summary: "The first operand to the power of the second, elementwise; NaN for a negative one to a fraction.",
    operands: &[operand("a", "T"), operand("b", "T")],
    attrs: &[],
    types: &[types("T", FLOAT)],
    constraints: &[BROADCASTABLE],
    meaning: Meaning::Primitive { infer: |infer| infer_broadcast(&OP, infer), eval },
    numerics: Numerics::Rounded,
    flops: one_flop_an_element,
    import: &[from("Pow", 7, import)],
    export: crate::export_as!("Pow"),
    samples: &[Sample {
        name: "special values",
        operands: &["f32[6] 2 -2 -2 0 NaN 4", "f32[6] -1 3 0.5 0 0 0.5"],
        attrs: &[],
        result: "f32[6] 0.5 -8 NaN 1 1 2",
    }],
    refusals: &[Refusal { constraint: "broadcastable", operands: &["f32[2]", "f32[3]"], attrs: &[] }],
};

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let meaning = BinaryMeaning { float: libm::powf, int: |_, _| 0, dim: |_, _| None };
    binary(x.operand(0), x.operand(1), &meaning).ok_or(EvalError::Symbolic)
}

/// A square is a product. Of two integers the power is exact; else both are taken as real numbers, and the result has the
/// type of the base.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, exponent) = (node.operand(0)?, node.operand(1)?);
    let known = b.known(exponent).and_then(Tensor::as_f64s);
    if b.fact(exponent).rank() == 0 && known.is_some_and(|values| values == [2.0]) {
        return Ok(vec![b.mul(x, x)?]);
    }
    let (dtype, exponents) = (b.fact(x).dtype, b.fact(exponent).dtype);
    let (base, by) = (node.element(0)?, node.element(1)?);
    if dtype.is_float() {
        let exponent = convert(b, exponent, by, Element::of(dtype), Conversion::default())?;
        return Ok(vec![b.pow(x, exponent)?]);
    }
    if exponents.is_float() {
        let x = convert(b, x, base, Element::of(exponents), Conversion::default())?;
        let power = b.pow(x, exponent)?;
        return Ok(vec![convert(b, power, Element::of(exponents), base, Conversion::default())?]);
    }
    let power = of_integers(b, x, exponent)?;
    Ok(vec![wrapped(b, power, base)?])
}

/// By squaring. A power that fits 64 bits has an exponent below 64, but for bases of 1 and -1, for which only the last
/// digit counts; it stands for larger exponents, and for negative ones, of which other bases have fractions that round to 0.
fn of_integers(b: &mut dyn Build, x: Value, exponent: Value) -> Result<Value, Violation> {
    let dtype = b.fact(x).dtype;
    let given = b.cast(exponent, DType::I64)?;
    let mut exponent = b.abs(given)?;
    let two = b.like(exponent, 2.0);
    let half = b.div(exponent, two)?;
    let even = b.mul(half, two)?;
    let odd = b.sub(exponent, even)?;
    let odd = b.plus(odd, 62.0)?;
    exponent = b.min(exponent, odd)?;
    let (mut square, mut power) = (x, b.scalar(dtype, 1.0));
    for digit in 0..6 {
        let half = b.div(exponent, two)?;
        let even = b.mul(half, two)?;
        let whole = b.equal(even, exponent)?;
        let more = b.mul(power, square)?;
        power = b.select(whole, power, more)?;
        exponent = half;
        if digit < 5 {
            square = b.mul(square, square)?;
        }
    }
    let known = b.known(given).and_then(Tensor::as_i64s);
    if known.is_some_and(|exponents| exponents.iter().all(|&exponent| exponent >= 0)) {
        return Ok(power);
    }
    let wide = b.cast(x, DType::I64)?;
    let size = b.abs(wide)?;
    let (zero, one) = (b.like(given, 0.0), b.like(given, 1.0));
    let (negative, unit) = (b.less(given, zero)?, b.equal(size, one)?);
    let (other, nothing) = (b.not(unit)?, b.like(power, 0.0));
    let rounded_off = b.and(negative, other)?;
    b.select(rounded_off, nothing, power)
}
