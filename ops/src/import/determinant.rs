//! `Det`: the determinant of square matrices of a known size, by elimination with partial pivoting.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::{argmax, gather};

/// `Det`.
pub static IMPORT: &[OnnxImport] = &[from("Det", 11, import)];

/// Columns are written out one by one; more would make a graph that nobody can read.
const LARGEST: i64 = 64;

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let [outer @ .., rows, columns] = &fact.shape[..] else {
        return Err(ImportError::Operand { index: 0, found: format!("is {fact}, not a matrix") });
    };
    let size = rows.as_i64().filter(|size| (1..=LARGEST).contains(size) && columns.is(*size));
    let size = size.ok_or(ImportError::NotConstant { index: 0, sets: "the size of small square matrices" })?;
    let wide = b.wide(x)?;
    let mut rest = b.reshape(wide, &[Dim::product(outer), Dim::from(size), Dim::from(size)])?;
    let (zero, one) = (b.like(rest, 0.0), b.like(rest, 1.0));
    let mut product: Option<Value> = None;
    let all = |b: &mut dyn Build, x: Value, rows: Value| {
        b.op(&gather::OP, &[x, rows], Attrs::none().int("axis", 1).int("batch_dims", 1))
    };
    for left in (1..=size).rev() {
        let column = b.at(rest, 2, Dim::from(0))?;
        let sizes = b.abs(column)?;
        // [matrices, 1]
        let pivot = b.op(&argmax::OP, &[sizes], Attrs::none().int("axis", 1))?;
        let pivot = b.with_axis(pivot, 1)?;
        let row = all(b, rest, pivot)?;
        let head = b.cut(row, 2, Dim::from(0), Dim::from(1))?;
        // A row that moves up over an odd number of others turns the sign.
        let two = b.like(pivot, 2.0);
        let half = b.div(pivot, two)?;
        let doubled = b.mul(half, two)?;
        let even = b.equal(doubled, pivot)?;
        let even = b.with_axis(even, 2)?;
        let turned = b.negated(head)?;
        let factor = b.select(even, head, turned)?;
        product = Some(match product {
            Some(before) => b.mul(before, factor)?,
            None => factor,
        });
        if left == 1 {
            break;
        }
        let place = b.count(2, 1, Dim::from(left - 1), DType::I64)?;
        let above = b.less(place, pivot)?;
        let next = b.plus(place, 1.0)?;
        let others = b.select(above, place, next)?;
        let others = all(b, rest, others)?;
        let none = b.equal(head, zero)?;
        let divisor = b.select(none, one, head)?;
        let first = b.cut(others, 2, Dim::from(0), Dim::from(1))?;
        let times = b.div(first, divisor)?;
        let row = b.cut(row, 2, Dim::from(1), Dim::from(left - 1))?;
        let others = b.cut(others, 2, Dim::from(1), Dim::from(left - 1))?;
        let taken = b.mul(times, row)?;
        rest = b.sub(others, taken)?;
    }
    let result = b.reshape(product.unwrap_or(one), outer)?;
    Ok(vec![b.cast(result, fact.dtype)?])
}
