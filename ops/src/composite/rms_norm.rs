//! Elements scaled to mean square 1 over the inner axes, then by a learned scale.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, FLOAT};
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types};
use crate::primitive::{add, div, mul, reduce_sum, sqrt};
use crate::tensor::Tensor;

/// Elements scaled to mean square 1 over the inner axes, then by a learned scale.
pub static OP: Op = Op {
    name: "rms_norm",
    summary: "x / sqrt(mean of squares + epsilon) * scale, the mean over the axes from `axis` on.",
    operands: &[operand("x", "T"), operand("scale", "T"), operand("epsilon", "f32")],
    attrs: &[attr("axis", AttrKind::Int, "the first normalized axis")],
    types: &[types("T", FLOAT)],
    constraints: &[
        constraint("axis-in-range", "the axis is below the rank"),
        constraint("scalar-epsilon", "epsilon has no axes"),
    ],
    meaning: Meaning::Composite { variants: &["scale"], decompose },
    numerics: Numerics::Accumulated,
    flops: |_, result| result.elements() * Dim::from(5),
    import: &[
        from("RMSNormalization", 23, import),
        // onnxruntime writes it with the standard domain.
        from("SimplifiedLayerNormalization", 1, simplified),
    ],
    export: Export::Decompose,
    samples: &[Sample {
        name: "rows",
        operands: &["f32[2, 2] 3 4 0 0", "f32[2] 1 2", "f32[] 12.5"],
        attrs: &["axis = 1"],
        result: "f32[2, 2] 0.6 1.6 0 0",
    }],
    refusals: &[
        Refusal { constraint: "axis-in-range", operands: &["f32[2]", "f32[2]", "f32[]"], attrs: &["axis = 1"] },
        Refusal { constraint: "scalar-epsilon", operands: &["f32[2]", "f32[2]", "f32[2]"], attrs: &["axis = 0"] },
    ],
};

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    let [Some(x), Some(scale), Some(epsilon)] = operands[..] else {
        return Err(OP.refuse("arity", "x, scale and epsilon"));
    };
    let (fact, axis) = (b.fact(x).clone(), attrs.get_int("axis"));
    if !(0..fact.rank() as i64).contains(&axis) {
        return Err(OP.refuse("axis-in-range", format!("axis {axis} of {fact}")));
    }
    if b.fact(epsilon).rank() != 0 {
        return Err(OP.refuse("scalar-epsilon", b.fact(epsilon).to_string()));
    }
    if b.fact(x).dtype.is_narrow() {
        return b.widened(&OP, operands, attrs);
    }
    let squared = b.plain(&mul::OP, &[x, x])?;
    let mean = reduce_sum::mean(b, squared, (axis..fact.rank() as i64).collect(), true)?;
    let mean = b.plain(&add::OP, &[mean, epsilon])?;
    let root = b.plain(&sqrt::OP, &[mean])?;
    let normal = b.plain(&div::OP, &[x, root])?;
    b.plain(&mul::OP, &[normal, scale])
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    if let Some(stash) = node.int("stash_type")?.filter(|stash| *stash != 1) {
        return Err(ImportError::Attribute { name: "stash_type".into(), found: format!("is {stash}, not 1 (f32)") });
    }
    let (x, scale) = (node.operand(0)?, node.operand(1)?);
    let fact = b.fact(x);
    let given = node.int("axis")?.unwrap_or(-1);
    let axis = fact.axis(given).ok_or_else(|| OP.refuse("axis-in-range", format!("axis {given} of {fact}")))?;
    let epsilon = b.constant(Tensor::scalar_f32(node.float("epsilon")?.unwrap_or(1e-5)));
    Ok(vec![b.op(&OP, &[x, scale, epsilon], Attrs::none().int("axis", axis as i64))?])
}

/// The same with the inverse root as a second result.
fn simplified(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let mut results = import(b, node)?;
    if node.results > 1 {
        let x = node.operand(0)?;
        let axis = b.fact(x).axis(node.int("axis")?.unwrap_or(-1)).unwrap_or(0);
        results.push(inverse_root(b, x, axis as i64, node.float("epsilon")?.unwrap_or(1e-5))?);
    }
    Ok(results)
}

/// `1 / sqrt(mean of squares + epsilon)` in `f32`, the axes from `axis` on kept as size 1.
///
/// # Errors
/// The constraint that it breaks.
pub fn inverse_root(b: &mut dyn Build, x: Value, axis: i64, epsilon: f32) -> Result<Value, Violation> {
    let x = b.cast(x, DType::F32)?;
    let squared = b.plain(&mul::OP, &[x, x])?;
    let axes = (axis..b.fact(x).rank() as i64).collect();
    let mean = reduce_sum::mean(b, squared, axes, true)?;
    let (epsilon, one) = (b.scalar(DType::F32, f64::from(epsilon)), b.scalar(DType::F32, 1.0));
    let mean = b.plain(&add::OP, &[mean, epsilon])?;
    let root = b.plain(&sqrt::OP, &[mean])?;
    b.plain(&div::OP, &[one, root])
}
