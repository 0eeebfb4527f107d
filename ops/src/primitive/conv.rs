//! Convolution over any number of spatial axes, in groups.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::FLOAT;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from};
use crate::op::{
    EvalError, Evaluate, Facts, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::primitive::add;
use crate::tensor::{Data, Tensor, indices, strides};

/// Convolution over any number of spatial axes, in groups.
pub static OP: Op = Op {
    name: "conv",
    summary: "Convolution of x [batch, channels, spatial…] with w [filters, channels / groups, window…]; zeros lie outside.",
    operands: &[operand("x", "T"), operand("w", "T")],
    attrs: &[
        attr("strides", AttrKind::Ints, "distance of neighboring windows along each spatial axis"),
        attr("dilations", AttrKind::Ints, "distance of neighboring window elements along each spatial axis"),
        attr("pads", AttrKind::Ints, "zeros before each spatial axis, then after each"),
        attr("groups", AttrKind::Int, "number of groups that channels and filters are divided into"),
    ],
    types: &[types("T", FLOAT)],
    constraints: &[
        constraint(
            "spatial",
            "x and w have one rank of at least 3, and the attributes one entry for each spatial axis",
        ),
        constraint("positive", "strides, dilations and groups are at least 1, pads at least 0"),
        constraint("channels", "w has channels / groups channels, and groups divides its filters"),
        constraint("window-fits", "the dilated window is not longer than the padded operand"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Accumulated,
    flops,
    import: &[from("Conv", 1, import)],
    export: Export::Nodes(|g, node| {
        let list = |name| OnnxAttr::Ints(node.attrs.get_ints(name).to_vec());
        let attrs = [
            ("strides", list("strides")),
            ("dilations", list("dilations")),
            ("pads", list("pads")),
            ("group", OnnxAttr::Int(node.attrs.get_int("groups"))),
        ];
        g.node("Conv", node.operands, &attrs)
    }),
    samples: &[
        Sample {
            name: "padded, one axis",
            operands: &["f32[1, 1, 3] 1 2 3", "f32[1, 1, 3] 1 10 100"],
            attrs: &["strides = [1]", "dilations = [1]", "pads = [1, 1]", "groups = 1"],
            result: "f32[1, 1, 3] 210 321 32",
        },
        Sample {
            name: "groups, stride and dilation",
            operands: &["f32[1, 2, 5] 1 2 3 4 5 6 7 8 9 10", "f32[2, 1, 2] 1 1 1 -1"],
            attrs: &["strides = [2]", "dilations = [2]", "pads = [0, 0]", "groups = 2"],
            result: "f32[1, 2, 2] 4 8 -2 -2",
        },
    ],
    refusals: &[
        Refusal {
            constraint: "spatial",
            operands: &["f32[1, 1]", "f32[1, 1]"],
            attrs: &["strides = []", "dilations = []", "pads = []", "groups = 1"],
        },
        Refusal {
            constraint: "positive",
            operands: &["f32[1, 1, 3]", "f32[1, 1, 3]"],
            attrs: &["strides = [0]", "dilations = [1]", "pads = [0, 0]", "groups = 1"],
        },
        Refusal {
            constraint: "channels",
            operands: &["f32[1, 2, 3]", "f32[1, 1, 3]"],
            attrs: &["strides = [1]", "dilations = [1]", "pads = [0, 0]", "groups = 1"],
        },
        Refusal {
            constraint: "window-fits",
            operands: &["f32[1, 1, 3]", "f32[1, 1, 4]"],
            attrs: &["strides = [1]", "dilations = [1]", "pads = [0, 0]", "groups = 1"],
        },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, w, attrs) = (infer.operand(0), infer.operand(1), infer.attrs);
    let (strides, dilations, pads) = (attrs.get_ints("strides"), attrs.get_ints("dilations"), attrs.get_ints("pads"));
    let groups = attrs.get_int("groups");
    let spatial = x.rank().saturating_sub(2);
    if spatial == 0
        || w.rank() != x.rank()
        || [strides.len(), dilations.len(), pads.len()] != [spatial, spatial, 2 * spatial]
    {
        return Err(OP.refuse("spatial", format!("{x}, {w} and {attrs}")));
    }
    if groups < 1 || strides.iter().chain(dilations).any(|&n| n < 1) || pads.iter().any(|&n| n < 0) {
        return Err(OP.refuse("positive", format!("{attrs}")));
    }
    let channels = || OP.refuse("channels", format!("{x} and {w} in {groups} groups"));
    infer.same(&x.shape[1], &(w.shape[1].clone() * Dim::from(groups))).ok_or_else(channels)?;
    infer.quotient(&w.shape[0], &Dim::from(groups)).ok_or_else(channels)?;
    let mut shape = vec![x.shape[0].clone(), w.shape[0].clone()];
    for i in 0..spatial {
        let padded = x.shape[2 + i].clone() + Dim::from(pads[i].saturating_add(pads[spatial + i]));
        let reach = (w.shape[2 + i].clone() - Dim::from(1)) * Dim::from(dilations[i]) + Dim::from(1);
        if !infer.at_most(&reach, &padded) {
            return Err(OP.refuse("window-fits", format!("{reach} along {padded}, spatial axis {i}")));
        }
        shape.push((padded - reach).floor_div(strides[i]) + Dim::from(1));
    }
    Ok(Fact { dtype: x.dtype, shape })
}

fn flops(facts: &Facts<'_>, result: &Fact) -> Dim {
    let window = facts.operands[1].map_or(Dim::from(0), |w| Dim::product(&w.shape[1.min(w.rank())..]));
    result.elements() * window * Dim::from(2)
}

/// Sums in `f64`, channel by channel and window element by window element.
fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, w) = (x.operand(0), x.operand(1));
    let (facts, mut none) = ([Some(&tensor.fact()), Some(&w.fact())].map(|f| f.cloned()), Vec::new());
    let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
    let inferred = OP.infer(&facts, x.attrs, &crate::Symbols::default(), &mut none);
    let shape = inferred.ok().and_then(|fact| fact.sizes()).ok_or(EvalError::Symbolic)?;
    let (steps, dilations, pads) =
        (x.attrs.get_ints("strides"), x.attrs.get_ints("dilations"), x.attrs.get_ints("pads"));
    let (values, weights) = (tensor.as_f64s().ok_or(EvalError::Symbolic)?, w.as_f64s().ok_or(EvalError::Symbolic)?);
    let (x_strides, w_strides) = (strides(tensor.shape()), strides(w.shape()));
    let filters_a_group = w.shape()[0] / x.attrs.get_int("groups") as usize;
    let channels = w.shape()[1];
    let window = &w.shape()[2..];
    let sums = indices(&shape).map(|at| {
        let (batch, filter) = (at[0], at[1]);
        let first = filter / filters_a_group.max(1) * channels;
        let mut sum = 0f64;
        for channel in 0..channels {
            for offset in indices(window) {
                let place = |i: usize| at[2 + i] as i64 * steps[i] + offset[i] as i64 * dilations[i] - pads[i];
                if (0..window.len()).any(|i| !(0..tensor.shape()[2 + i] as i64).contains(&place(i))) {
                    continue;
                }
                let inner: usize = (0..window.len()).map(|i| place(i) as usize * x_strides[2 + i]).sum();
                let weight: usize = (0..window.len()).map(|i| offset[i] * w_strides[2 + i]).sum();
                sum += values[batch * x_strides[0] + (first + channel) * x_strides[1] + inner]
                    * weights[filter * w_strides[0] + channel * w_strides[1] + weight];
            }
        }
        sum
    });
    let data = Data::from_f64(tensor.dtype(), sums.collect::<Vec<_>>().into_iter());
    Tensor::new(shape, data).ok_or(EvalError::Symbolic)
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, w) = (node.operand(0)?, node.operand(1)?);
    let (x_fact, w_fact) = (b.fact(x).clone(), b.fact(w).clone());
    let spatial = x_fact.rank().saturating_sub(2);
    let strides = node.ints("strides")?.unwrap_or_else(|| vec![1; spatial]);
    let dilations = node.ints("dilations")?.unwrap_or_else(|| vec![1; spatial]);
    let pads = match node.text("auto_pad")?.unwrap_or("NOTSET") {
        "NOTSET" => node.ints("pads")?.unwrap_or_else(|| vec![0; 2 * spatial]),
        "VALID" => vec![0; 2 * spatial],
        mode @ ("SAME_UPPER" | "SAME_LOWER") => {
            same_pads(&x_fact, &w_fact, &strides, &dilations, mode == "SAME_LOWER")?
        }
        mode => return Err(ImportError::Attribute { name: "auto_pad".into(), found: format!("is `{mode}`") }),
    };
    let attrs = Attrs::none()
        .ints("strides", strides)
        .ints("dilations", dilations)
        .ints("pads", pads)
        .int("groups", node.int("group")?.unwrap_or(1));
    let mut result = b.op(&OP, &[x, w], attrs)?;
    if let Some(bias) = node.optional(2) {
        let mut shape = b.fact(bias).shape.clone();
        shape.extend(vec![Dim::from(1); spatial]);
        let bias = b.reshape(bias, &shape)?;
        result = b.plain(&add::OP, &[result, bias])?;
    }
    Ok(vec![result])
}

/// Pads so that the result has size / stride elements, rounded up.
fn same_pads(x: &Fact, w: &Fact, strides: &[i64], dilations: &[i64], lower: bool) -> Result<Vec<i64>, ImportError> {
    let unknown = || ImportError::Unsupported("`auto_pad` needs sizes that are known when compiling".into());
    let spatial = x.rank().saturating_sub(2);
    let mut pads = vec![0; 2 * spatial];
    for i in 0..spatial.min(strides.len()).min(dilations.len()) {
        let size = x.shape[2 + i].as_i64().ok_or_else(unknown)?;
        let window = w.shape.get(2 + i).and_then(Dim::as_i64).ok_or_else(unknown)?;
        let steps = size.saturating_add(strides[i].max(1) - 1) / strides[i].max(1);
        let reach = (window - 1).saturating_mul(dilations[i]).saturating_add(1);
        let total = (steps - 1).saturating_mul(strides[i]).saturating_add(reach).saturating_sub(size).max(0);
        let (small, large) = (total / 2, total - total / 2);
        (pads[i], pads[spatial + i]) = if lower { (large, small) } else { (small, large) };
    }
    Ok(pads)
}
