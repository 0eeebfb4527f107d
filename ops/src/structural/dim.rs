//! Symbolic sizes as numbers that a program computes with.

use crate::attr::AttrKind;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{EvalError, Meaning, Op, Refusal, Sample, attr, constraint};
use crate::table::no_flops;
use crate::tensor::Tensor;

/// Symbolic sizes as numbers that a program computes with.
pub static OP: Op = Op {
    name: "dim",
    summary: "Sizes as a list of numbers, or one size as a scalar.",
    operands: &[],
    attrs: &[
        attr("sizes", AttrKind::Dims, "the sizes"),
        attr("scalar", AttrKind::Flag, "whether the result has no axes"),
    ],
    types: &[],
    constraints: &[constraint("one-scalar", "a scalar is one size")],
    meaning: Meaning::Primitive {
        infer: |infer| {
            let count = infer.attrs.get_dims("sizes").len();
            if !infer.attrs.get_flag("scalar") {
                return Ok(Fact::new(DType::I64, [count]));
            }
            if count != 1 {
                return Err(OP.refuse("one-scalar", format!("{count} sizes")));
            }
            Ok(Fact::new(DType::I64, [0usize; 0]))
        },
        eval: |x| {
            let sizes = x.attrs.get_dims("sizes").to_vec();
            let shape = if x.attrs.get_flag("scalar") { Vec::new() } else { vec![sizes.len()] };
            Tensor::dims(shape, sizes).ok_or(EvalError::Symbolic)
        },
    },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[from("Shape", 1, shape), from("Size", 1, size)],
    export: Export::Nodes(|g, node| {
        let sizes = g.sizes(node.attrs.get_dims("sizes"));
        if !node.attrs.get_flag("scalar") {
            return sizes;
        }
        let no_axes = g.constant(&Tensor::list_i64(Vec::new()));
        g.node("Reshape", &[Some(sizes), Some(no_axes)], &[])
    }),
    samples: &[Sample {
        name: "a list",
        operands: &[],
        attrs: &["sizes = [2, 3]", "scalar = false"],
        result: "i64[2] 2 3",
    }],
    refusals: &[Refusal { constraint: "one-scalar", operands: &[], attrs: &["sizes = [2, 3]", "scalar = true"] }],
};

fn shape(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let dims = b.fact(node.operand(0)?).shape.clone();
    let rank = dims.len() as i64;
    let bound = |name, default: i64| -> Result<usize, ImportError> {
        let value = node.int(name)?.unwrap_or(default);
        let value = if value < 0 { value.saturating_add(rank) } else { value };
        Ok(value.clamp(0, rank) as usize)
    };
    let (start, end) = (bound("start", 0)?, bound("end", rank)?);
    let chosen = dims.get(start..end).unwrap_or_default().to_vec();
    Ok(vec![b.sizes(chosen)])
}

fn size(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let elements = Dim::product(&b.fact(node.operand(0)?).shape);
    Ok(vec![b.size(elements)])
}
