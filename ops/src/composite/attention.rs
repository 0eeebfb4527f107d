//! Values weighted by how well queries and keys agree.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::composite::softmax;
use crate::dim::Dim;
use crate::dtype::{DType, FLOAT};
use crate::fact::Fact;
use crate::heads;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxNode, from};
use crate::op::{Facts, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, optional, types};
use crate::primitive::{concat, iota};
use crate::tensor::Tensor;

/// Values weighted by how well queries and keys agree.
pub static OP: Op = Op {
    name: "attention",
    summary: "softmax(q * k^T * scale + mask) * v of q, k and v [batch, heads, positions, width]; several heads of q may share one of k and v, and false in a mask hides; a row that sees nothing attends to all alike.",
    operands: &[
        operand("q", "T"),
        operand("k", "T"),
        operand("v", "T"),
        optional("mask", "M"),
        operand("scale", "f32"),
        optional("softcap", "f32"),
    ],
    attrs: &[
        attr(
            "causal",
            AttrKind::Dims,
            "empty, or how many keys lie before that of the first query: later keys are hidden",
        ),
        attr(
            "guarded",
            AttrKind::Flag,
            "whether weights that are NaN count as 0, as those of a row are whose scores are all minus infinity",
        ),
    ],
    types: &[types("T", FLOAT), types("M", &[DType::Bool, DType::F16, DType::BF16, DType::F32])],
    constraints: &[
        constraint("four-axes", "q, k and v have 4 axes each, and causal at most one entry"),
        constraint("heads", "the numbers of heads are known, and that of k and v divides that of q"),
        constraint("scalar-scale", "scale and softcap have no axes"),
    ],
    meaning: Meaning::Composite {
        variants: &["plain", "mask", "causal", "guarded", "grouped heads", "softcap"],
        decompose,
    },
    numerics: Numerics::Accumulated,
    flops,
    import: &[from("Attention", 23, import)],
    export: Export::Decompose,
    samples: &[
        Sample {
            name: "two heads share keys and values, later keys are hidden",
            operands: &["f32[1, 2, 2, 1] 1 0 1 0", "f32[1, 1, 2, 1] 5 7", "f32[1, 1, 2, 1] 2 4", "-", "f32[] 1", "-"],
            attrs: &["causal = [0]", "guarded = false"],
            result: "f32[1, 2, 2, 1] 2 3 2 3",
        },
        Sample {
            name: "a mask of truth values",
            operands: &[
                "f32[1, 1, 1, 1] 0",
                "f32[1, 1, 3, 1] 1 2 3",
                "f32[1, 1, 3, 1] 2 4 9",
                "bool[3] true true false",
                "f32[] 0.5",
                "f32[] 10",
            ],
            attrs: &["causal = []", "guarded = false"],
            result: "f32[1, 1, 1, 1] 3",
        },
        Sample {
            name: "scores of minus infinity, guarded",
            operands: &[
                "f32[1, 1, 2, 1] 0 0",
                "f32[1, 1, 2, 1] 1 2",
                "f32[1, 1, 2, 1] 2 4",
                "f32[2, 2] -inf -inf 0 -inf",
                "f32[] 1",
                "-",
            ],
            attrs: &["causal = []", "guarded = true"],
            result: "f32[1, 1, 2, 1] 0 2",
        },
        Sample {
            name: "scores of minus infinity, not guarded",
            operands: &[
                "f32[1, 1, 2, 1] 0 0",
                "f32[1, 1, 2, 1] 1 2",
                "f32[1, 1, 2, 1] 2 4",
                "f32[2, 2] -inf -inf 0 -inf",
                "f32[] 1",
                "-",
            ],
            attrs: &["causal = []", "guarded = false"],
            result: "f32[1, 1, 2, 1] NaN 2",
        },
    ],
    refusals: &[
        Refusal {
            constraint: "four-axes",
            operands: &["f32[2, 2]", "f32[2, 2]", "f32[2, 2]", "f32[]", "f32[]", "f32[]"],
            attrs: &["causal = []", "guarded = false"],
        },
        Refusal {
            constraint: "heads",
            operands: &["f32[1, 3, 1, 1]", "f32[1, 2, 1, 1]", "f32[1, 2, 1, 1]", "f32[]", "f32[]", "f32[]"],
            attrs: &["causal = []", "guarded = false"],
        },
        Refusal {
            constraint: "scalar-scale",
            operands: &["f32[1, 1, 1, 1]", "f32[1, 1, 1, 1]", "f32[1, 1, 1, 1]", "f32[]", "f32[1]", "f32[]"],
            attrs: &["causal = []", "guarded = false"],
        },
    ],
};

/// Of the pairs of a query and a key that it sees.
fn flops(facts: &Facts<'_>, result: &Fact) -> Dim {
    let size = |operand: usize, axis: usize| {
        facts.operands[operand].and_then(|fact| fact.shape.get(axis)).cloned().unwrap_or(Dim::from(0))
    };
    let heads = Dim::product(&result.shape[..2.min(result.rank())]);
    let (queries, keys) = (size(0, 2), size(1, 2));
    let all = queries.clone() * keys;
    let pairs = match facts.attrs.get_dims("causal") {
        [before] => {
            let own = (queries.clone() * (queries.clone() + Dim::from(1))).floor_div(2);
            all.minimum(&(queries * before.clone() + own))
        }
        _ => all,
    };
    heads * pairs * (size(0, 3) * Dim::from(2) + size(2, 3) * Dim::from(2) + Dim::from(6))
}

/// The lowest number of a floating-point type, which stands for what a mask hides.
pub fn lowest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => half::f16::MIN.to_f64(),
        DType::BF16 => half::bf16::MIN.to_f64(),
        _ => f64::from(f32::MIN),
    }
}

fn decompose(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
    // Not infinity: padding may hide a whole row, whose NaN would reach every other row in the next layer.
    let hidden = lowest(operands.first().copied().flatten().map_or(DType::F32, |q| b.fact(q).dtype));
    Ok(stages(b, operands, attrs, hidden)?.result)
}

/// What attention computes on its way.
struct Stages {
    /// Queries by keys, scaled.
    scores: Value,
    /// The same, bent by the cap.
    capped: Value,
    /// The same, masked.
    masked: Value,
    /// Their softmax, guarded.
    weights: Value,
    result: Value,
}

fn stages(b: &mut dyn Build, operands: &[Option<Value>], attrs: &Attrs, hidden: f64) -> Result<Stages, Violation> {
    let [Some(q), Some(k), Some(v), mask, Some(scale), softcap] = operands[..] else {
        return Err(OP.refuse("arity", "q, k, v and scale"));
    };
    let (queries, keys, values) = (b.fact(q).clone(), b.fact(k).clone(), b.fact(v).clone());
    let causal = attrs.get_dims("causal");
    if [queries.rank(), keys.rank(), values.rank()] != [4; 3] || causal.len() > 1 {
        return Err(OP.refuse("four-axes", format!("{queries}, {keys} and {values}")));
    }
    if b.fact(scale).rank() != 0 || softcap.is_some_and(|cap| b.fact(cap).rank() != 0) {
        return Err(OP.refuse("scalar-scale", b.fact(scale).to_string()));
    }
    let heads = [&queries, &keys, &values].map(|fact| fact.shape[1].as_i64());
    let groups = match heads {
        [Some(own), Some(shared), Some(same)] if shared == same && shared > 0 && own % shared == 0 => own / shared,
        _ => return Err(OP.refuse("heads", format!("{queries}, {keys} and {values}"))),
    };
    // Heads that share keys become an axis of their own.
    let grouped = |b: &mut dyn Build, x: Value, groups_here: i64| {
        let shape = b.fact(x).shape.clone();
        let shared = [shape[0].clone(), keys.shape[1].clone(), Dim::from(groups_here)];
        if groups == 1 { Ok(x) } else { b.reshape(x, &[&shared, &shape[2..]].concat()) }
    };
    let dtype = queries.dtype;
    let scale = b.cast(scale, dtype)?;
    let q = b.mul(q, scale)?;
    let k = b.transpose(k, vec![0, 1, 3, 2])?;
    let (q, k) = (grouped(b, q, groups)?, grouped(b, k, 1)?);
    let scores = b.matmul(q, k)?;
    let (rows, columns) = (queries.shape[2].clone(), keys.shape[2].clone());
    let by_head = [queries.shape[0].clone(), queries.shape[1].clone(), rows.clone(), columns.clone()];
    let scores = b.reshape(scores, &by_head)?;
    let mut capped = scores;
    if let Some(cap) = softcap {
        let cap = b.cast(cap, dtype)?;
        let bent = b.div(scores, cap)?;
        let bent = b.tanh(bent)?;
        capped = b.mul(bent, cap)?;
    }
    let mut masked = capped;
    let hidden = b.scalar(dtype, hidden);
    if let Some(mask) = mask {
        masked = if b.fact(mask).dtype == DType::Bool {
            b.select(mask, masked, hidden)?
        } else {
            let mask = b.cast(mask, dtype)?;
            b.add(masked, mask)?
        };
    }
    if let [before] = causal {
        let row = b.count(2, 0, rows, DType::I64)?;
        let before = b.size(before.clone() + Dim::from(1));
        let limit = b.add(row, before)?;
        let column = iota::apply(b, columns, DType::I64)?;
        let seen = b.less(column, limit)?;
        masked = b.select(seen, masked, hidden)?;
    }
    let mut weights = b.op(&softmax::OP, &[masked], Attrs::none().int("axis", 3))?;
    if attrs.get_flag("guarded") {
        let number = b.equal(weights, weights)?;
        let none = b.not(number)?;
        let zero = b.scalar(dtype, 0.0);
        weights = b.select(none, zero, weights)?;
    }
    let (shared, v) = (grouped(b, weights, groups)?, grouped(b, v, 1)?);
    let result = b.matmul(shared, v)?;
    let shape = [&queries.shape[..3], &values.shape[3..]].concat();
    Ok(Stages { scores, capped, masked, weights, result: b.reshape(result, &shape)? })
}

/// Heads may be merged into the rows, and earlier keys and values come before the given ones.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let merged = b.fact(node.operand(0)?).rank() == 3;
    let q = by_head(b, node, 0, "q_num_heads")?;
    let mut k = by_head(b, node, 1, "kv_num_heads")?;
    let mut v = by_head(b, node, 2, "kv_num_heads")?;
    let mut before = Dim::from(0);
    if let (Some(past_k), Some(past_v)) = (node.optional(4), node.optional(5)) {
        before = b.fact(past_k).shape.get(2).cloned().unwrap_or(before);
        k = b.op(&concat::OP, &[past_k, k], Attrs::none().int("axis", 2))?;
        v = b.op(&concat::OP, &[past_v, v], Attrs::none().int("axis", 2))?;
    }
    let scale = heads::scale(b, node, q)?;
    let cap = node.float("softcap")?.filter(|cap| *cap != 0.0);
    let cap = cap.map(|cap| b.constant(Tensor::scalar_f32(cap)));
    let causal = if node.int("is_causal")?.unwrap_or(0) != 0 { vec![before] } else { Vec::new() };
    let mask = mask(b, node, k)?;
    let operands = [Some(q), Some(k), Some(v), mask, Some(scale), cap];
    let attrs = Attrs::none().dims("causal", causal).flag("guarded", false);
    let (mut result, scores) = if node.results > 3 {
        // Masked scores are an output here, and have infinities as the specification says.
        let stages = stages(b, &operands, &attrs, f64::NEG_INFINITY)?;
        let chosen = match node.int("qk_matmul_output_mode")?.unwrap_or(0) {
            0 => stages.scores,
            1 => stages.capped,
            2 => stages.masked,
            3 => stages.weights,
            mode => {
                let found = format!("is {mode}, not 0 to 3");
                return Err(ImportError::Attribute { name: "qk_matmul_output_mode".into(), found });
            }
        };
        (stages.result, Some(chosen))
    } else {
        (b.apply(&OP, &operands, attrs)?, None)
    };
    if merged {
        result = heads::merge(b, result)?;
    }
    Ok([result, k, v].into_iter().chain(scores).collect())
}

/// The mask of a node. What it lacks behind is hidden, and so is what lies behind the lengths of padded keys.
fn mask(b: &mut dyn Build, node: &OnnxNode, k: Value) -> Result<Option<Value>, ImportError> {
    let keys = b.fact(k).shape.get(2).cloned().unwrap_or(Dim::from(0));
    let mut mask = node.optional(3);
    if let Some(given) = mask {
        let fact = b.fact(given).clone();
        let lacking = fact.shape.last().map(|last| keys.clone() - last.clone()).and_then(|rest| rest.as_i64());
        if let Some(lacking) = lacking.filter(|lacking| *lacking > 0) {
            let hides = if fact.dtype == DType::Bool { 0.0 } else { f64::NEG_INFINITY };
            mask = Some(b.framed(given, fact.rank() - 1, Dim::from(0), Dim::from(lacking), hides)?);
        }
    }
    let Some(lengths) = node.optional(6) else { return Ok(mask) };
    let [batch] = &b.fact(lengths).shape.clone()[..] else {
        return Err(ImportError::Operand { index: 6, found: format!("is {}", b.fact(lengths)) });
    };
    let one = Dim::from(1);
    let lengths = b.reshape(lengths, &[batch.clone(), one.clone(), one.clone(), one])?;
    let places = b.count(4, 3, keys, b.fact(lengths).dtype)?;
    let seen = b.less(places, lengths)?;
    Ok(Some(match mask {
        None => seen,
        Some(mask) => {
            let hides = if b.fact(mask).dtype == DType::Bool { 0.0 } else { f64::NEG_INFINITY };
            let hides = b.like(mask, hides);
            b.select(seen, mask, hides)?
        }
    }))
}

/// An operand as [batch, heads, positions, width].
fn by_head(b: &mut dyn Build, node: &OnnxNode, index: usize, count: &str) -> Result<Value, ImportError> {
    let x = node.operand(index)?;
    if b.fact(x).rank() != 3 {
        return Ok(x);
    }
    let missing = || ImportError::Attribute { name: count.into(), found: "is missing".into() };
    heads::split(b, x, node.int(count)?.filter(|heads| *heads > 0).ok_or_else(missing)?)
}
