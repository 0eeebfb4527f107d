//! Largest element in a window that slides over the spatial axes; NaN wins.

use crate::attr::{AttrKind, Attrs};
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::{DType, FLOAT};
use crate::fact::Fact;
use crate::import::pool;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, from};
use crate::op::{
    EvalError, Evaluate, Facts, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::tensor::{Data, Tensor, indices, strides};
use crate::window::{self, Window};

/// Largest element in a window that slides over the spatial axes; NaN wins.
pub static OP: Op = Op {
    name: "max_pool",
    summary: "Largest element in a window that slides over the spatial axes of x [batch, channels, spatial…]; NaN wins, and what lies outside never does.",
    operands: &[operand("x", "T")],
    attrs: &[
        attr("window", AttrKind::Ints, "size of the window along each spatial axis"),
        attr("strides", AttrKind::Ints, "distance of neighboring windows along each spatial axis"),
        attr("dilations", AttrKind::Ints, "distance of neighboring window elements along each spatial axis"),
        attr("pads", AttrKind::Ints, "how far windows reach out before each spatial axis, then after each"),
    ],
    types: &[types("T", FLOAT)],
    constraints: &[
        constraint("spatial", "x has a rank of at least 3, and the attributes one entry for each spatial axis"),
        constraint("positive", "window, strides and dilations are at least 1, pads at least 0"),
        constraint("window-fits", "the dilated window is not longer than the padded operand"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops,
    import: &[from("MaxPool", 1, import)],
    export: Export::Nodes(|g, node| {
        let list = |name| OnnxAttr::Ints(node.attrs.get_ints(name).to_vec());
        let attrs = [
            ("kernel_shape", list("window")),
            ("strides", list("strides")),
            ("dilations", list("dilations")),
            ("pads", list("pads")),
        ];
        g.node("MaxPool", node.operands, &attrs)
    }),
    samples: &[
        Sample {
            name: "padded, one axis",
            operands: &["f32[1, 2, 3] 1 3 2 -5 NaN -4"],
            attrs: &["window = [2]", "strides = [1]", "dilations = [1]", "pads = [1, 0]"],
            result: "f32[1, 2, 3] 1 3 3 -5 NaN NaN",
        },
        Sample {
            name: "stride and dilation, two axes",
            operands: &["f32[1, 1, 3, 5] 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"],
            attrs: &["window = [1, 2]", "strides = [2, 1]", "dilations = [1, 3]", "pads = [0, 0, 0, 0]"],
            result: "f32[1, 1, 2, 2] 4 5 14 15",
        },
    ],
    refusals: &[
        Refusal {
            constraint: "spatial",
            operands: &["f32[1, 1]"],
            attrs: &["window = []", "strides = []", "dilations = []", "pads = []"],
        },
        Refusal {
            constraint: "positive",
            operands: &["f32[1, 1, 3]"],
            attrs: &["window = [0]", "strides = [1]", "dilations = [1]", "pads = [0, 0]"],
        },
        Refusal {
            constraint: "window-fits",
            operands: &["f32[1, 1, 3]"],
            attrs: &["window = [4]", "strides = [1]", "dilations = [1]", "pads = [0, 0]"],
        },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let (x, attrs) = (infer.operand(0), infer.attrs);
    let (window, strides) = (attrs.get_ints("window"), attrs.get_ints("strides"));
    let (dilations, pads) = (attrs.get_ints("dilations"), attrs.get_ints("pads"));
    let spatial = x.rank().saturating_sub(2);
    let lengths = [window.len(), strides.len(), dilations.len(), pads.len()];
    if spatial == 0 || lengths != [spatial, spatial, spatial, 2 * spatial] {
        return Err(OP.refuse("spatial", format!("{x} and {attrs}")));
    }
    if window.iter().chain(strides).chain(dilations).any(|&n| n < 1) || pads.iter().any(|&n| n < 0) {
        return Err(OP.refuse("positive", format!("{attrs}")));
    }
    let mut shape = x.shape[..2].to_vec();
    for i in 0..spatial {
        let padded = x.shape[2 + i].clone() + Dim::from(pads[i].saturating_add(pads[spatial + i]));
        let reach = Dim::from((window[i] - 1).saturating_mul(dilations[i]).saturating_add(1));
        if !infer.at_most(&reach, &padded) {
            return Err(OP.refuse("window-fits", format!("{reach} along {padded}, spatial axis {i}")));
        }
        shape.push((padded - reach).floor_div(strides[i]) + Dim::from(1));
    }
    Ok(Fact { dtype: x.dtype, shape })
}

fn flops(facts: &Facts<'_>, result: &Fact) -> Dim {
    let window = facts.attrs.get_ints("window").iter().copied().fold(1, i64::saturating_mul);
    result.elements() * Dim::from(window)
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    let tensor = x.operand(0);
    let shape = x.result_sizes(&OP)?;
    let (steps, dilations, pads) =
        (x.attrs.get_ints("strides"), x.attrs.get_ints("dilations"), x.attrs.get_ints("pads"));
    let window: Vec<usize> = x.attrs.get_ints("window").iter().map(|&size| size as usize).collect();
    let (sizes, places) = (tensor.shape(), strides(tensor.shape()));
    let values = tensor.as_f64s().ok_or(EvalError::Symbolic)?;
    let largest = indices(&shape).map(|at| {
        let mut best = f64::NEG_INFINITY;
        // What lies beyond the last element is nothing, however large the window is.
        let start = |i: usize| (at[2 + i] as i64).saturating_mul(steps[i]).saturating_sub(pads[i]);
        let reached = |i: usize| {
            let last = (sizes[2 + i] as i64 - 1).saturating_sub(start(i)).max(-1);
            window[i].min(usize::try_from(last.div_euclid(dilations[i]) + 1).unwrap_or(0))
        };
        let skipped = |i: usize| start(i).saturating_neg().max(0) / dilations[i];
        let inside: Vec<usize> = (0..window.len()).map(|i| reached(i).saturating_sub(skipped(i) as usize)).collect();
        for offset in indices(&inside) {
            let place = |i: usize| start(i) + (skipped(i) + offset[i] as i64) * dilations[i];
            if (0..window.len()).any(|i| !(0..sizes[2 + i] as i64).contains(&place(i))) {
                continue;
            }
            let inner: usize = (0..window.len()).map(|i| place(i) as usize * places[2 + i]).sum();
            let value = values[at[0] * places[0] + at[1] * places[1] + inner];
            if !best.is_nan() && (value.is_nan() || value > best) {
                best = value;
            }
        }
        best
    });
    let data = Data::from_f64(tensor.dtype(), largest.collect::<Vec<_>>().into_iter());
    Tensor::new(shape, data).ok_or(EvalError::Symbolic)
}

/// Integers of up to 16 bits are whole real numbers.
fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let windows: Vec<Dim> = node.ints("kernel_shape")?.unwrap_or_default().into_iter().map(Dim::from).collect();
    let dtype = b.fact(node.operand(0)?).dtype;
    // Places are counted without a frame.
    let framed = node.results == 1 && dtype.is_float();
    let node = &if framed { window::framed(b, node, &windows, f64::NEG_INFINITY)? } else { node.clone() };
    let given = node.operand(0)?;
    let fact = b.fact(given).clone();
    let x = if fact.dtype.is_float() { given } else { b.cast(given, DType::F32)? };
    let window = Window::of_pool(node, &fact)?;
    let mut results = Vec::new();
    if node.results > 1 {
        let columns_first = node.int("storage_order")?.unwrap_or(0) != 0;
        results.push(pool::places_of_largest(b, x, &window, columns_first)?);
    }
    let pads = window.all_pads();
    let attrs = Attrs::none()
        .ints("window", window.size)
        .ints("strides", window.strides)
        .ints("dilations", window.dilations)
        .ints("pads", pads);
    let largest = b.op(&OP, &[x], attrs)?;
    results.insert(0, b.cast(largest, fact.dtype)?);
    Ok(results)
}
