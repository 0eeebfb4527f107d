//! The elements in another storage type. Never saturates by itself.

use crate::attr::AttrKind;
use crate::build::{Build, Value};
use crate::dtype::ALL;
use crate::element::Element;
use crate::element::convert::{Conversion, Power, convert};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, dtype_to_onnx, from};
use crate::op::{EvalError, Meaning, Op, Sample, attr, operand, types};
use crate::table::no_flops;

/// The elements in another storage type. Never saturates by itself.
pub static OP: Op = Op {
    name: "cast",
    summary: "The elements in another storage type; integers wrap, real numbers round to nearest or truncate to integers, anything but zero is true.",
    operands: &[operand("x", "T")],
    attrs: &[attr("to", AttrKind::DType, "type of the result")],
    types: &[types("T", ALL)],
    constraints: &[],
    meaning: Meaning::Primitive {
        infer: |infer| Ok(Fact { dtype: infer.attrs.get_dtype("to"), shape: infer.operand(0).shape.clone() }),
        eval: |x| x.operand(0).cast(x.attrs.get_dtype("to")).ok_or(EvalError::Symbolic),
    },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[from("Cast", 6, import), from("CastLike", 15, |b, node| converted(b, node, node.element(1)?))],
    export: Export::Nodes(|g, node| {
        let to = dtype_to_onnx(node.attrs.get_dtype("to"));
        g.node("Cast", node.operands, &[("to", OnnxAttr::Int(to))])
    }),
    samples: &[
        Sample { name: "truncates", operands: &["f32[3] 1.7 -1.7 0.2"], attrs: &["to = i64"], result: "i64[3] 1 -1 0" },
        Sample {
            name: "to bool",
            operands: &["i64[3] 0 1 -5"],
            attrs: &["to = bool"],
            result: "bool[3] false true true",
        },
        Sample {
            name: "rounds to f16",
            operands: &["f32[2] 0.1 100000"],
            attrs: &["to = f16"],
            result: "f16[2] 0.099975586 inf",
        },
    ],
    refusals: &[],
};

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let number = node.int("to")?.unwrap_or(0);
    let to = Element::from_number(number).ok_or_else(|| ImportError::Attribute {
        name: "to".into(),
        found: format!("is type {number}, which has no storage type here"),
    })?;
    converted(b, node, to)
}

fn converted(b: &mut dyn Build, node: &OnnxNode, to: Element) -> Result<Vec<Value>, ImportError> {
    let power = match node.text("round_mode")?.unwrap_or("up") {
        "up" => Power::Up,
        "down" => Power::Down,
        "nearest" => Power::Nearest,
        other => {
            let found = format!("is `{other}`, none of up, down, nearest");
            return Err(ImportError::Attribute { name: "round_mode".into(), found });
        }
    };
    let how = Conversion { saturate: node.int("saturate")?.unwrap_or(1) != 0, power };
    Ok(vec![convert(b, node.operand(0)?, node.element(0)?, to, how)?])
}
