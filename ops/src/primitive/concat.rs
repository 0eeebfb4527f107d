//! The operands one after the other along an axis.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::ALL;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from};
use crate::op::{EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, many, types};
use crate::table::no_flops;
use crate::tensor::Tensor;

/// The operands one after the other along an axis.
pub static OP: Op = Op {
    name: "concat",
    summary: "The operands one after the other along an axis.",
    operands: &[many("parts", "T")],
    attrs: &[attr("axis", AttrKind::Int, "the axis")],
    types: &[types("T", ALL)],
    constraints: &[
        constraint("axis-in-range", "the axis is below the rank"),
        constraint("same-sizes", "the operands have one rank and equal sizes but along the axis"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[from("Concat", 4, import)],
    export: Export::Nodes(|g, node| {
        g.node("Concat", node.operands, &[("axis", OnnxAttr::Int(node.attrs.get_int("axis")))])
    }),
    samples: &[Sample {
        name: "along the inner axis",
        operands: &["i64[2, 1] 1 2", "i64[2, 0]", "i64[2, 2] 3 4 5 6"],
        attrs: &["axis = 1"],
        result: "i64[2, 3] 1 3 4 2 5 6",
    }],
    refusals: &[
        Refusal { constraint: "axis-in-range", operands: &["f32[2]"], attrs: &["axis = 1"] },
        Refusal { constraint: "same-sizes", operands: &["f32[2, 3]", "f32[3, 3]"], attrs: &["axis = 1"] },
        Refusal { constraint: "same-sizes", operands: &["f32[2, 3]", "f32[2]"], attrs: &["axis = 0"] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let first = infer.operand(0);
    let axis = infer.attrs.get_int("axis");
    let at = usize::try_from(axis).ok().filter(|at| *at < first.rank());
    let at = at.ok_or_else(|| OP.refuse("axis-in-range", format!("axis {axis} of {first}")))?;
    let mut result = first.clone();
    for part in infer.operands().skip(1) {
        let differs = || OP.refuse("same-sizes", format!("{first} and {part} along axis {axis}"));
        if part.rank() != first.rank() {
            return Err(differs());
        }
        for (i, size) in part.shape.iter().enumerate() {
            result.shape[i] = if i == at {
                // In place: there may be very many operands.
                std::mem::replace(&mut result.shape[i], Dim::from(0)) + size.clone()
            } else {
                infer.same(&result.shape[i].clone(), size).ok_or_else(differs)?
            };
        }
    }
    Ok(result)
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let parts = x.operands();
    let axis = x.attrs.get_int("axis") as usize;
    // Pooled end to end, element (outer, part, inner) lies at a computable place.
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let flat: Option<Vec<Tensor>> = parts.iter().map(|part| part.reshaped(vec![part.len()])).collect();
    let flat = flat.ok_or(EvalError::Symbolic)?;
    let pool = Tensor::join(vec![total], &flat.iter().collect::<Vec<_>>()).ok_or(EvalError::Symbolic)?;
    let mut shape = parts[0].shape().to_vec();
    shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    let outer: usize = shape[..axis].iter().product();
    let mut positions = Vec::with_capacity(total);
    for row in 0..outer {
        let mut base = 0;
        for part in &parts {
            let width: usize = part.shape()[axis..].iter().product();
            positions.extend((0..width).map(|i| base + row * width + i));
            base += part.len();
        }
    }
    pool.take(shape, positions.into_iter()).ok_or(EvalError::Symbolic)
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let parts = (0..node.operands.len()).map(|i| node.operand(i)).collect::<Result<Vec<_>, _>>()?;
    let fact = b.fact(node.operand(0)?);
    let given = node.int("axis")?.unwrap_or(0);
    let axis = fact
        .axis(given)
        .ok_or_else(|| ImportError::from(OP.refuse("axis-in-range", format!("axis {given} of {fact}"))))?;
    if parts.len() == 1 {
        return Ok(parts);
    }
    Ok(vec![b.op(&OP, &parts, Attrs::none().int("axis", axis as i64))?])
}
