//! `BitwiseAnd`, `BitwiseOr`, `BitwiseXor`, `BitwiseNot`: on integers, through the bits of one of them.
//!
//! Only the common bits of two numbers need their bits: `x | y = x + y - (x & y)` and `x ^ y = x + y - 2 (x & y)`.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::element::{Element, wrapped};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::reduce_sum;
use crate::tensor::Tensor;

/// The operators on bits.
pub static IMPORT: &[OnnxImport] = &[
    from("BitwiseAnd", 18, |b, node| pair(b, node, |_, _, common| Ok(common))),
    from("BitwiseOr", 18, |b, node| pair(b, node, |b, sum, common| b.sub(sum, common))),
    from("BitwiseXor", 18, |b, node| {
        pair(b, node, |b, sum, common| {
            let rest = b.sub(sum, common)?;
            b.sub(rest, common)
        })
    }),
    from("BitwiseNot", 18, |b, node| {
        let (x, element) = (node.operand(0)?, node.element(0)?);
        // All bits set: the largest of an unsigned type, -1 of a signed one.
        let all = match element {
            Element::Uint8 => 255.0,
            Element::Uint16 => 65535.0,
            Element::Uint32 => 4_294_967_295.0,
            _ => -1.0,
        };
        let all = b.like(x, all);
        Ok(vec![b.sub(all, x)?])
    }),
];

/// Bits that are taken at a time: sums of them fit an `i64` beside a sign.
const WORD: u32 = 32;

fn pair(
    b: &mut dyn Build,
    node: &OnnxNode,
    result: fn(&mut dyn Build, Value, Value) -> Result<Value, Violation>,
) -> Result<Vec<Value>, ImportError> {
    let (x, y) = (node.operand(0)?, node.operand(1)?);
    let dtype = b.fact(x).dtype;
    let (x, y) = (b.cast(x, DType::I64)?, b.cast(y, DType::I64)?);
    let bits = node.element(0)?.bits() as u32;
    let ((x_low, x_high), (y_low, y_high)) = (words(b, x)?, words(b, y)?);
    let mut common = shared_bits(b, x_low, y_low, bits.min(WORD))?;
    if bits > WORD {
        let high = shared_bits(b, x_high, y_high, WORD)?;
        let high = b.times(high, 4_294_967_296.0)?;
        common = b.add(common, high)?;
    }
    let sum = b.add(x, y)?;
    let combined = result(b, sum, common)?;
    // What a narrower carrier drops are copies of the sign.
    Ok(vec![b.cast(combined, dtype)?])
}

/// The lower and the higher 32 bits, neither with a sign.
fn words(b: &mut dyn Build, x: Value) -> Result<(Value, Value), Violation> {
    let low = wrapped(b, x, Element::Uint32)?;
    let rest = b.sub(x, low)?;
    let size = b.like(x, 4_294_967_296.0);
    let high = b.div(rest, size)?;
    Ok((low, wrapped(b, high, Element::Uint32)?))
}

/// The sum of the powers of two that both numbers have; they have no sign.
fn shared_bits(b: &mut dyn Build, x: Value, y: Value, bits: u32) -> Result<Value, Violation> {
    let powers = b.constant(Tensor::list_i64((0..bits).map(|bit| 1i64 << bit).collect()));
    let (x, y) = (digits(b, x, powers)?, digits(b, y, powers)?);
    let both = b.mul(x, y)?;
    let parts = b.mul(both, powers)?;
    let axis = b.fact(parts).rank() as i64 - 1;
    b.op(&reduce_sum::OP, &[parts], Attrs::none().ints("axes", vec![axis]).flag("keep", false))
}

/// The binary digits along a new last axis.
fn digits(b: &mut dyn Build, x: Value, powers: Value) -> Result<Value, Violation> {
    let mut shape = b.fact(x).shape.clone();
    shape.push(Dim::from(1));
    let column = b.reshape(x, &shape)?;
    let shifted = b.div(column, powers)?;
    let two = b.like(x, 2.0);
    let half = b.div(shifted, two)?;
    let even = b.mul(half, two)?;
    b.sub(shifted, even)
}
