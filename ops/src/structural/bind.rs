//! A number that only a run knows as a size.

use crate::attr::AttrKind;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::Export;
use crate::op::{EvalError, Meaning, Op, Refusal, Sample, attr, constraint, operand};
use crate::table::no_flops;

/// A number that only a run knows as a size.
pub static OP: Op = Op {
    name: "bind",
    summary: "The operand; from here on the symbol `size` has its value, which is checked against range and guards.",
    operands: &[operand("value", "i64")],
    attrs: &[attr("size", AttrKind::Dims, "the symbol; where it has a value already, the operand must be that")],
    types: &[],
    constraints: &[
        constraint("scalar", "the operand has no axes"),
        constraint("one-size", "size is one symbol or number"),
    ],
    meaning: Meaning::Primitive {
        infer: |infer| {
            let (value, size) = (infer.operand(0), infer.attrs.get_dims("size"));
            if value.rank() != 0 {
                return Err(OP.refuse("scalar", value.to_string()));
            }
            match size {
                [size] if size.as_symbol().is_some() || size.as_usize().is_some() => Ok(Fact::clone(value)),
                _ => Err(OP.refuse("one-size", infer.attrs.to_string())),
            }
        },
        eval: |x| {
            let (value, size) = (x.operand(0), x.attrs.get_dims("size").first().and_then(crate::Dim::as_i64));
            match (value.as_i64s().as_deref(), size) {
                (Some([value]), Some(size)) if *value != size => {
                    Err(EvalError::Domain(format!("{value} is bound to a size of {size}")))
                }
                _ => Ok(value.clone()),
            }
        },
    },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[],
    export: Export::Nodes(|g, node| g.node("Identity", node.operands, &[])),
    samples: &[Sample {
        name: "a size that is known",
        operands: &["i64[] 3"],
        attrs: &["size = [3]"],
        result: "i64[] 3",
    }],
    refusals: &[
        Refusal { constraint: "scalar", operands: &["i64[1]"], attrs: &["size = [n]"] },
        Refusal { constraint: "one-size", operands: &["i64[]"], attrs: &["size = [n + 1]"] },
        Refusal { constraint: "one-size", operands: &["i64[]"], attrs: &["size = [n, n]"] },
    ],
};
