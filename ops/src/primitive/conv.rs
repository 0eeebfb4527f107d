//! Convolution over any number of spatial axes, in groups.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::fact::Fact;
use crate::fused_activation;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from, microsoft};
use crate::op::{
    EvalError, Evaluate, Facts, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::primitive::add;
use crate::tensor::{Data, Tensor, indices, strides};
use crate::window;

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
    types: &[types("T", &[DType::I32, DType::F16, DType::BF16, DType::F32])],
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
    import: &[from("Conv", 1, import), microsoft("FusedConv", fused), microsoft("NhwcConv", channels_last)],
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

/// Multiplications and additions.
pub fn flops(facts: &Facts<'_>, result: &Fact) -> Dim {
    let window = facts.operands[1].map_or(Dim::from(0), |w| Dim::product(&w.shape[1.min(w.rank())..]));
    result.elements() * window * Dim::from(2)
}

/// Sums in `f64`, channel by channel and window element by window element.
fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let (tensor, w) = (x.operand(0), x.operand(1));
    let shape = x.result_sizes(&OP)?;
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
    let windows = b.fact(node.operand(1)?).shape.get(2..).unwrap_or_default().to_vec();
    let node = &window::framed(b, node, &windows, 0.0)?;
    let (x, w) = (node.operand(0)?, node.operand(1)?);
    let attrs = attrs(b, node, x, w)?;
    let result = b.op(&OP, &[x, w], attrs)?;
    Ok(vec![with_bias(b, result, node.optional(2))?])
}

/// With something added, and a function of that.
fn fused(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, w) = (node.operand(0)?, node.operand(1)?);
    let attrs = attrs(b, node, x, w)?;
    let result = b.op(&OP, &[x, w], attrs)?;
    let mut result = with_bias(b, result, node.optional(2))?;
    if let Some(added) = node.optional(3) {
        result = b.plain(&add::OP, &[result, added])?;
    }
    Ok(vec![fused_activation::apply(b, node, result)?])
}

/// Of `[batch, spatial…, channels]` and `[filters, window…, channels / groups]`.
fn channels_last(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let rank = b.fact(node.operand(0)?).rank() as i64;
    let to_front = |rank: i64| [0, rank - 1].into_iter().chain(1..rank - 1).collect::<Vec<i64>>();
    let x = b.transpose(node.operand(0)?, to_front(rank))?;
    let w = b.transpose(node.operand(1)?, to_front(rank))?;
    let attrs = attrs(b, node, x, w)?;
    let result = b.op(&OP, &[x, w], attrs)?;
    let result = with_bias(b, result, node.optional(2))?;
    let to_back = [0].into_iter().chain(2..rank).chain([1]).collect();
    Ok(vec![b.transpose(result, to_back)?])
}

/// The attributes of a node that convolves `x` with `w`.
///
/// # Errors
/// Where an attribute does not fit the operands.
pub fn attrs(b: &dyn Build, node: &OnnxNode, x: Value, w: Value) -> Result<Attrs, ImportError> {
    let (x_fact, w_fact) = (b.fact(x).clone(), b.fact(w).clone());
    let spatial = x_fact.rank().saturating_sub(2);
    let strides = node.ints("strides")?.unwrap_or_else(|| vec![1; spatial]);
    let dilations = node.ints("dilations")?.unwrap_or_else(|| vec![1; spatial]);
    let window = w_fact.shape.get(2..).unwrap_or_default();
    let pads = window::pads(node, &x_fact, window, &strides, &dilations)?;
    let groups = node.int("group")?.unwrap_or(1);
    Ok(Attrs::none().ints("strides", strides).ints("dilations", dilations).ints("pads", pads).int("groups", groups))
}

fn with_bias(b: &mut dyn Build, x: Value, bias: Option<Value>) -> Result<Value, ImportError> {
    let Some(bias) = bias else { return Ok(x) };
    let mut shape = b.fact(bias).shape.clone();
    shape.extend(vec![Dim::from(1); b.fact(x).rank().saturating_sub(2)]);
    let bias = b.reshape(bias, &shape)?;
    Ok(b.plain(&add::OP, &[x, bias])?)
}
