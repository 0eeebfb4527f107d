//! Rotary position embedding: pairs of elements turned by an angle that depends on the position.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::heads::{merge, split};
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from, microsoft};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types};
use crate::primitive::{add, concat, gather, iota, mul, slice, sub};

/// Rotary position embedding: pairs of elements turned by an angle that depends on the position.
pub static OP: Op = Op {
    name: "rope",
    summary: "The first elements of x [batch, heads, positions, width] turned in pairs: (a * cos - b * sin, a * sin + b * cos).",
    operands: &[operand("x", "T"), operand("cos", "T"), operand("sin", "T")],
    attrs: &[attr("interleaved", AttrKind::Flag, "whether neighbors are a pair; else the two halves pair up")],
    types: &[types("T", FLOAT)],
    constraints: &[constraint("turned", "x has 4 axes, cos and sin 3; their last is known and at most half of x's")],
    meaning: Meaning::Composite { variants: &["halves", "interleaved"], decompose },
    numerics: Numerics::Rounded,
    flops: |_, result| result.elements() * Dim::from(3),
    import: &[from("RotaryEmbedding", 23, import), microsoft("RotaryEmbedding", by_position)],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "halves, a rest stays",
            operands: &["f32[1, 1, 1, 5] 1 2 3 4 9", "f32[1, 1, 2] 0 1", "f32[1, 1, 2] 1 0"],
            attrs: &["interleaved = false"],
            result: "f32[1, 1, 1, 5] -3 2 1 4 9",
        },
        Sample {
            name: "interleaved",
            operands: &["f32[1, 1, 1, 4] 1 2 3 4", "f32[1, 1, 2] 0 1", "f32[1, 1, 2] 1 0"],
            attrs: &["interleaved = true"],
            result: "f32[1, 1, 1, 4] -2 1 3 4",
        },
    ],
    refusals: &[Refusal {
        constraint: "turned",
        operands: &["f32[1, 1, 1, 2]", "f32[1, 1, 2]", "f32[1, 1, 2]"],
        attrs: &["interleaved = false"],
    }],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(cos), Some(sin)] = operands[..] else { return Err(OP.refuse("arity", "x, cos and sin")) };
    let (fact, angles) = (b.fact(x).clone(), b.fact(cos).clone());
    let (width, pairs) = (fact.shape.last().and_then(Dim::as_i64), angles.shape.last().and_then(Dim::as_i64));
    let (Some(width), Some(pairs), 4, [batch, positions, _]) = (width, pairs, fact.rank(), &angles.shape[..]) else {
        return Err(OP.refuse("turned", format!("{fact} by {angles}")));
    };
    if b.fact(sin).rank() != 3 || pairs > width / 2 {
        return Err(OP.refuse("turned", format!("{fact} by {angles} and {}", b.fact(sin))));
    }
    let one_head = [batch.clone(), Dim::from(1), positions.clone(), Dim::from(pairs)];
    let (cos, sin) = (b.reshape(cos, &one_head)?, b.reshape(sin, &one_head)?);
    let interleaved = attrs.get_flag("interleaved");
    let (left, right) = match interleaved {
        true => (part(b, x, 0, pairs, 2)?, part(b, x, 1, pairs, 2)?),
        false => (part(b, x, 0, pairs, 1)?, part(b, x, pairs, pairs, 1)?),
    };
    let product = |b: &mut dyn Build, x: Value, by: Value| b.plain(&mul::OP, &[x, by]);
    let (left_cos, right_sin) = (product(b, left, cos)?, product(b, right, sin)?);
    let (left_sin, right_cos) = (product(b, left, sin)?, product(b, right, cos)?);
    let new_left = b.plain(&sub::OP, &[left_cos, right_sin])?;
    let new_right = b.plain(&add::OP, &[left_sin, right_cos])?;
    let rest = (2 * pairs < width).then(|| part(b, x, 2 * pairs, width - 2 * pairs, 1)).transpose()?;
    let mut parts = vec![new_left, new_right];
    if interleaved {
        let shape = b.fact(new_left).shape.clone();
        let single = [&shape[..], &[Dim::from(1)]].concat();
        let (left, right) = (b.reshape(new_left, &single)?, b.reshape(new_right, &single)?);
        let pair = b.op(&concat::OP, &[left, right], Attrs::none().int("axis", 4))?;
        parts = vec![b.reshape(pair, &[&shape[..3], &[Dim::from(2 * pairs)]].concat())?];
    }
    parts.extend(rest);
    match parts[..] {
        [only] => Ok(only),
        _ => b.op(&concat::OP, &parts, Attrs::none().int("axis", 3)),
    }
}

/// So many elements of each row, from `start` on by `step`.
fn part(b: &mut dyn Build, x: Value, start: i64, count: i64, step: i64) -> Result<Value, Violation> {
    let mut sizes = b.fact(x).shape.clone();
    let (mut starts, mut steps) = (vec![Dim::from(0); sizes.len()], vec![1; sizes.len()]);
    let none = || OP.refuse("arity", "a table without axes");
    let last = sizes.len().checked_sub(1).ok_or_else(none)?;
    (starts[last], sizes[last], steps[last]) = (Dim::from(start), Dim::from(count), step);
    slice::apply(b, x, starts, sizes, steps)
}

/// Positions before tables; a single position is that of the first row.
fn by_position(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    if node.int("is_packed_batching")?.unwrap_or(0) != 0 || node.float("scale")?.unwrap_or(1.0) != 1.0 {
        return Err(ImportError::Unsupported("packed batches and scaled positions are not supported".into()));
    }
    let (x, mut at) = (node.operand(0)?, node.operand(1)?);
    let shape = b.fact(x).shape.clone();
    let merged = shape.len() == 3;
    let rows = shape.get(if merged { 1 } else { 2 }).cloned().unwrap_or(Dim::from(1));
    if b.fact(at).rank() == 1 {
        let integer = b.fact(at).dtype;
        let place = iota::apply(b, rows.clone(), integer)?;
        let place = b.plain(&add::OP, &[place, at])?;
        at = b.reshape(place, &[Dim::from(1), rows])?;
    }
    let by_row = || Attrs::none().int("axis", 0).int("batch_dims", 0);
    let cos = b.op(&gather::OP, &[node.operand(2)?, at], by_row())?;
    let sin = b.op(&gather::OP, &[node.operand(3)?, at], by_row())?;
    let interleaved = Attrs::none().flag("interleaved", node.int("interleaved")?.unwrap_or(0) != 0);
    if !merged {
        return Ok(vec![b.op(&OP, &[x, cos, sin], interleaved)?]);
    }
    let pairs = b.fact(cos).shape.last().cloned().unwrap_or(Dim::from(1));
    let heads = match node.int("num_heads")?.filter(|heads| *heads > 0) {
        Some(heads) => Some(heads),
        // The tables turn whole heads where their number is not given.
        None => shape[2].div_exact(&(pairs * Dim::from(2))).and_then(|heads| heads.as_i64()),
    };
    let missing = || ImportError::Attribute { name: "num_heads".into(), found: "is missing".into() };
    let by_head = split(b, x, heads.ok_or_else(missing)?)?;
    let turned = b.op(&OP, &[by_head, cos, sin], interleaved)?;
    Ok(vec![merge(b, turned)?])
}

/// Angles come by position, or from a table by the positions' numbers; heads may be merged into the rows.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, mut cos, mut sin) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    if let Some(positions) = node.optional(3) {
        let attrs = || Attrs::none().int("axis", 0).int("batch_dims", 0);
        cos = b.op(&gather::OP, &[cos, positions], attrs())?;
        sin = b.op(&gather::OP, &[sin, positions], attrs())?;
    }
    let turned = node.int("rotary_embedding_dim")?.unwrap_or(0);
    if turned > 0 && b.fact(cos).rank() == 3 {
        cos = part(b, cos, 0, turned / 2, 1)?;
        sin = part(b, sin, 0, turned / 2, 1)?;
    }
    let attrs = Attrs::none().flag("interleaved", node.int("interleaved")?.unwrap_or(0) != 0);
    if b.fact(x).rank() != 3 {
        return Ok(vec![b.op(&OP, &[x, cos, sin], attrs)?]);
    }
    let missing = || ImportError::Attribute { name: "num_heads".into(), found: "is missing".into() };
    let heads = node.int("num_heads")?.filter(|heads| *heads > 0).ok_or_else(missing)?;
    let by_head = split(b, x, heads)?;
    let result = b.op(&OP, &[by_head, cos, sin], attrs)?;
    Ok(vec![merge(b, result)?])
}
