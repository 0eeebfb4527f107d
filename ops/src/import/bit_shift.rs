//! `BitShift`: unsigned integers times or divided by powers of two.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::element::{Element, halved, wrapped};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::gather;
use crate::tensor::Tensor;

/// `BitShift`.
pub static IMPORT: &[OnnxImport] = &[from("BitShift", 11, import)];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, by, element) = (node.operand(0)?, node.operand(1)?, node.element(0)?);
    let dtype = b.fact(x).dtype;
    let (x, by) = (b.cast(x, DType::I64)?, b.cast(by, DType::I64)?);
    let shifted = match node.text("direction")? {
        Some("LEFT") => {
            let factor = power(b, by)?;
            let product = b.mul(x, factor)?;
            wrapped(b, product, element)?
        }
        Some("RIGHT") if element == Element::Uint64 => {
            // The first place makes room for a sign.
            let half = halved(b, x)?;
            let rest = b.plus(by, -1.0)?;
            let divisor = power(b, rest)?;
            let quotient = b.div(half, divisor)?;
            let zero = b.like(by, 0.0);
            let none = b.equal(by, zero)?;
            b.select(none, x, quotient)?
        }
        Some("RIGHT") => {
            let divisor = power(b, by)?;
            b.div(x, divisor)?
        }
        found => {
            let found = format!("is `{}`, neither LEFT nor RIGHT", found.unwrap_or_default());
            return Err(ImportError::Attribute { name: "direction".into(), found });
        }
    };
    Ok(vec![b.cast(shifted, dtype)?])
}

/// Two to the power of a number from 0 to 63, as the bits of a `uint64`. Larger shifts are undefined in the standard.
fn power(b: &mut dyn Build, exponent: Value) -> Result<Value, Violation> {
    let (zero, last) = (b.like(exponent, 0.0), b.like(exponent, 63.0));
    let exponent = b.max(exponent, zero)?;
    let exponent = b.min(exponent, last)?;
    let powers = b.constant(Tensor::list_i64((0..64).map(|bit| (1u64 << bit).cast_signed()).collect()));
    b.op(&gather::OP, &[powers, exponent], Attrs::none().int("axis", 0).int("batch_dims", 0))
}
