//! Matrix product with a matrix that is stored as small integers, a scale and a zero point for each block.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::dequantize;
use crate::dim::Dim;
use crate::dtype::{DType, FLOAT};
use crate::fact::Fact;
use crate::heads::part;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, microsoft};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, constraint, operand, optional, types};
use crate::primitive::{add, concat, div, matmul, mul, sub};

/// Matrix product with a matrix that is stored as small integers, a scale and a zero point for each block.
pub static OP: Op = Op {
    name: "weight_only_matmul",
    summary: "x [.., k] times the transpose of (w - zero_point) * scale, where w [columns, blocks, block] has a scale and a zero point [columns, blocks] for each block of the depth k.",
    operands: &[operand("x", "T"), operand("w", "W"), operand("scale", "T"), optional("zero_point", "W")],
    attrs: &[],
    types: &[types("T", FLOAT), types("W", &[DType::I4, DType::U4, DType::I8, DType::U8])],
    constraints: &[
        constraint("blocked", "w has three axes, scale and zero point the first two of them"),
        constraint("same-depth", "x has at least two axes and is as deep as w, or ends in the last block"),
    ],
    meaning: Meaning::Composite { variants: &["scale", "scale and zero point"], decompose },
    numerics: Numerics::Accumulated,
    flops: |facts, result| {
        let depth = facts.operands[0].and_then(|x| x.shape.last().cloned());
        result.elements() * depth.unwrap_or(Dim::from(0)) * Dim::from(2)
    },
    import: &[microsoft("MatMulNBits", import)],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "two blocks, the last of which is not full",
            operands: &[
                "f32[2, 3] 1 2 3 0 1 0",
                "u4[2, 2, 2] 9 8 7 15 0 1 2 3",
                "f32[2, 2] 1 0.5 2 1",
                "u4[2, 2] 8 8 0 0",
            ],
            attrs: &[],
            result: "f32[2, 2] -0.5 10 0 2",
        },
        Sample {
            name: "no zero point",
            operands: &["f32[1, 2] 1 2", "i8[1, 1, 2] -128 127", "f32[1, 1] 0.5", "-"],
            attrs: &[],
            result: "f32[1, 1] 63",
        },
    ],
    refusals: &[
        Refusal { constraint: "blocked", operands: &["f32[1, 2]", "i8[1, 1, 2]", "f32[1, 2]", "i8[1, 1]"], attrs: &[] },
        Refusal {
            constraint: "same-depth",
            operands: &["f32[1, 3]", "i8[1, 1, 2]", "f32[1, 1]", "i8[1, 1]"],
            attrs: &[],
        },
    ],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], _: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(w), Some(scale), zero_point] = operands[..] else {
        return Err(OP.refuse("arity", "x, w and scale"));
    };
    let blocked = |b: &dyn Build| OP.refuse("blocked", format!("{} and {}", b.fact(w), b.fact(scale)));
    let [columns, blocks, block] = &b.fact(w).shape.clone()[..] else { return Err(blocked(b)) };
    let beside = [columns.clone(), blocks.clone()];
    let fits = |value: Value| b.fact(value).shape == beside;
    if !fits(scale) || !zero_point.is_none_or(fits) {
        return Err(blocked(b));
    }
    let whole = blocks.clone() * block.clone();
    let depth = b.fact(x).shape.last().cloned().unwrap_or(Dim::from(0));
    let shallow = || OP.refuse("same-depth", format!("{} and {}", b.fact(x), b.fact(w)));
    let numbers = [depth.as_i64(), whole.as_i64(), block.as_i64()];
    let [Some(deep), Some(stored), Some(a_block)] = numbers else { return Err(shallow()) };
    if b.fact(x).rank() < 2 || deep > stored || deep <= stored - a_block {
        return Err(shallow());
    }
    let beside = [columns.clone(), blocks.clone(), Dim::from(1)];
    let scale = b.reshape(scale, &beside)?;
    let zero_point = zero_point.map(|zero| b.reshape(zero, &beside)).transpose()?;
    let real = dequantize::apply(b, w, scale, zero_point)?;
    let real = b.reshape(real, &[columns.clone(), whole])?;
    let real = part(b, real, Dim::from(0), depth)?;
    let real = b.transpose(real, vec![1, 0])?;
    b.plain(&matmul::OP, &[x, real])
}

/// Rows, packed integers `[N, blocks, bytes]`, scales, zero points packed or as real numbers, an order of the depth, a bias.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    if node.optional(4).is_some() {
        return Err(ImportError::Unsupported("an order of the depth (`g_idx`) is not supported".into()));
    }
    let positive = |name: &str| -> Result<i64, ImportError> {
        let found = || ImportError::Attribute { name: name.into(), found: "is missing or not positive".into() };
        node.int(name)?.filter(|size| (1..=1 << 40).contains(size)).ok_or_else(found)
    };
    let (columns, depth, block) = (positive("N")?, positive("K")?, positive("block_size")?);
    let blocks = (depth + block - 1) / block;
    let bits = node.int("bits")?.unwrap_or(4);
    let packed = |b: &mut dyn Build, value: Value, row: i64| unpacked(b, value, bits, columns, row);
    let (x, w) = (node.operand(0)?, node.operand(1)?);
    let w = packed(b, w, blocks * block)?;
    let w = b.reshape(w, &[columns, blocks, block].map(Dim::from))?;
    let beside = [columns, blocks].map(Dim::from);
    let scale = b.reshape(node.operand(2)?, &beside)?;
    let product = match node.optional(3) {
        Some(zero) if b.fact(zero).dtype.is_float() => {
            let zero = b.reshape(zero, &beside)?;
            with_real_zeros(b, x, w, scale, zero, depth)?
        }
        Some(zero) => {
            let zeros_a_byte = 8 / bits;
            let row = (blocks + zeros_a_byte - 1) / zeros_a_byte * zeros_a_byte;
            let zero = packed(b, zero, row)?;
            let zero = part(b, zero, Dim::from(0), Dim::from(blocks))?;
            b.apply(&OP, &[Some(x), Some(w), Some(scale), Some(zero)], Attrs::none())?
        }
        None => {
            let middle = b.scalar(b.fact(w).dtype, (1i64 << (bits - 1)) as f64);
            let zero =
                b.op(&crate::primitive::broadcast::OP, &[middle], Attrs::none().dims("sizes", beside.to_vec()))?;
            b.apply(&OP, &[Some(x), Some(w), Some(scale), Some(zero)], Attrs::none())?
        }
    };
    Ok(vec![match node.optional(5) {
        Some(bias) => b.plain(&add::OP, &[product, bias])?,
        None => product,
    }])
}

/// Integers of so many bits that lie in bytes, the first in the lowest bits, as `[columns, row]`.
fn unpacked(b: &mut dyn Build, bytes: Value, bits: i64, columns: i64, row: i64) -> Result<Value, ImportError> {
    let fact = |dtype| Fact::new(dtype, [columns, row]);
    let what = |found: String| ImportError::Operand { index: 1, found };
    match bits {
        8 => Ok(b.reshape(bytes, &fact(DType::U8).shape)?),
        4 => {
            let given = b.fact(bytes).to_string();
            let constant = b.reinterpreted(bytes, fact(DType::U4));
            constant.ok_or_else(|| what(format!("is {given}, no constant of {}", fact(DType::U4))))
        }
        2 => {
            let bytes = b.reshape(bytes, &[columns, row / 4, 1].map(Dim::from))?;
            let mut rest = b.cast(bytes, DType::I32)?;
            let four = b.scalar(DType::I32, 4.0);
            let mut quarters = Vec::new();
            for _ in 0..4 {
                let shifted = b.plain(&div::OP, &[rest, four])?;
                let above = b.plain(&mul::OP, &[shifted, four])?;
                quarters.push(b.plain(&sub::OP, &[rest, above])?);
                rest = shifted;
            }
            let all = b.op(&concat::OP, &quarters, Attrs::none().int("axis", 2))?;
            let all = b.cast(all, DType::U8)?;
            Ok(b.reshape(all, &fact(DType::U8).shape)?)
        }
        other => Err(ImportError::Attribute { name: "bits".into(), found: format!("is {other}, not 2, 4 or 8") }),
    }
}

/// Zero points that are real numbers are taken off after the integers became real.
fn with_real_zeros(
    b: &mut dyn Build,
    x: Value,
    w: Value,
    scale: Value,
    zero: Value,
    depth: i64,
) -> Result<Value, ImportError> {
    let [columns, blocks, block] = &b.fact(w).shape.clone()[..] else {
        return Err(ImportError::Operand { index: 1, found: format!("is {}", b.fact(w)) });
    };
    let beside = [columns.clone(), blocks.clone(), Dim::from(1)];
    let (scale, zero) = (b.reshape(scale, &beside)?, b.reshape(zero, &beside)?);
    let dtype = b.fact(x).dtype;
    let steps = b.cast(w, dtype)?;
    let steps = b.plain(&sub::OP, &[steps, zero])?;
    let real = b.plain(&mul::OP, &[steps, scale])?;
    let real = b.reshape(real, &[columns.clone(), blocks.clone() * block.clone()])?;
    let real = b.cut(real, 1, Dim::from(0), Dim::from(depth))?;
    let real = b.transpose(real, vec![1, 0])?;
    Ok(b.plain(&matmul::OP, &[x, real])?)
}
