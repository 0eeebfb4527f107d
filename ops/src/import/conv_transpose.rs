//! `ConvTranspose` and `Col2Im`: convolutions by the window run backward, of the operand with zeros between its elements or, to
//! spare products with them, one for each place between elements.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::fact::Fact;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{add, conv, pad, slice};
use crate::tensor::{Data, Tensor};
use crate::window;

/// `ConvTranspose` and `Col2Im`.
pub static IMPORT: &[OnnxImport] = &[from("ConvTranspose", 1, import), from("Col2Im", 18, col2im)];

/// What sets where windows lie.
struct Spread {
    strides: Vec<i64>,
    dilations: Vec<i64>,
    /// Cut before each spatial axis of the result, then after each; less is zeros.
    pads: Vec<i64>,
    groups: i64,
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let (x, w) = (node.operand(0)?, node.operand(1)?);
    let (fact, w_fact) = (b.fact(x).clone(), b.fact(w).clone());
    let spatial = fact.rank().saturating_sub(2);
    let groups = node.int("group")?.unwrap_or(1);
    let list = |name: &str, default: i64| -> Result<Vec<i64>, ImportError> {
        let given = node.ints(name)?.unwrap_or_else(|| vec![default; spatial]);
        let found = || ImportError::Attribute { name: name.into(), found: format!("is {given:?} for {fact}") };
        if given.len() == spatial { Ok(given) } else { Err(found()) }
    };
    let (strides, dilations, more) = (list("strides", 1)?, list("dilations", 1)?, list("output_padding", 0)?);
    if spatial == 0 || w_fact.rank() != fact.rank() {
        return Err(conv::OP.refuse("spatial", format!("{fact} and {w_fact}")).into());
    }
    let fits = |least: i64| move |n: &i64| (least..=window::LARGEST).contains(n);
    if groups < 1 || !strides.iter().chain(&dilations).all(fits(1)) || !more.iter().all(fits(-window::LARGEST)) {
        return Err(conv::OP.refuse("positive", format!("{groups} groups, strides {strides:?}")).into());
    }
    let mut windows = w_fact.shape[2..].iter().filter_map(Dim::as_i64);
    if let Some(size) = windows.find(|size| !fits(0)(size)) {
        return Err(conv::OP.refuse("spatial", format!("a window of {size} elements")).into());
    }
    let mut pads = pads(node, &fact, &w_fact, &strides, &dilations, &more)?;
    for (i, more) in more.iter().enumerate() {
        pads[spatial + i] = pads[spatial + i].saturating_sub(*more);
    }
    if pads.len() != 2 * spatial || !pads.iter().all(fits(-window::LARGEST)) {
        return Err(conv::OP.refuse("spatial", format!("{fact}, {w_fact} and pads {pads:?}")).into());
    }
    let result = apply(b, x, w, &Spread { strides, dilations, pads, groups })?;
    let Some(bias) = node.optional(2) else { return Ok(vec![result]) };
    let mut shape = b.fact(bias).shape.clone();
    shape.resize(spatial + 1, Dim::from(1));
    let bias = b.reshape(bias, &shape)?;
    Ok(vec![b.plain(&add::OP, &[result, bias])?])
}

/// The pads of a node, given or by the shape of the result. Where they differ by one, the larger is before the elements but
/// for `SAME_UPPER`.
fn pads(
    node: &OnnxNode,
    x: &Fact,
    w: &Fact,
    strides: &[i64],
    dilations: &[i64],
    more: &[i64],
) -> Result<Vec<i64>, ImportError> {
    let spatial = strides.len();
    let mode = node.text("auto_pad")?.unwrap_or("NOTSET");
    let output = node.ints("output_shape")?;
    let given = match (mode, &output) {
        ("NOTSET", None) => Some(node.ints("pads")?.unwrap_or_else(|| vec![0; 2 * spatial])),
        ("VALID", None) => Some(vec![0; 2 * spatial]),
        ("NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER", _) => None,
        (mode, _) => {
            return Err(ImportError::Attribute { name: "auto_pad".into(), found: format!("is `{mode}`") });
        }
    };
    if let Some(pads) = given {
        let found = || ImportError::Attribute { name: "pads".into(), found: format!("is {pads:?} for {x}") };
        return if pads.len() == 2 * spatial { Ok(pads) } else { Err(found()) };
    }
    let output = match output {
        // Some models give the outer sizes, too.
        Some(sizes) if sizes.len() == x.rank() => Some(sizes[2..].to_vec()),
        other => other,
    };
    let mut pads = vec![0; 2 * spatial];
    for i in 0..spatial {
        let window = w.shape[2 + i].as_i64().ok_or(ImportError::NotConstant { index: 1, sets: "the window" })?;
        let reach = (window - 1).saturating_mul(dilations[i]).saturating_add(1);
        // The result without pads, less that with them.
        let total = match &output {
            None => reach.saturating_add(more[i]).saturating_sub(strides[i]),
            Some(sizes) => {
                let unknown = ImportError::NotConstant { index: 0, sets: "the pads that make `output_shape`" };
                let size = x.shape[2 + i].as_i64().ok_or(unknown)?;
                let wanted = sizes.get(i).copied().unwrap_or(0);
                strides[i]
                    .saturating_mul(size.saturating_sub(1))
                    .saturating_add(more[i])
                    .saturating_add(reach)
                    .saturating_sub(wanted)
            }
        };
        let (small, large) = (total.div_euclid(2), total - total.div_euclid(2));
        (pads[i], pads[spatial + i]) = if mode == "SAME_UPPER" { (small, large) } else { (large, small) };
    }
    Ok(pads)
}

/// The convolution, by weights `[channels, filters / groups, window…]`.
fn apply(b: &mut dyn Build, x: Value, w: Value, spread: &Spread) -> Result<Value, ImportError> {
    if spread.strides.iter().any(|&stride| stride > 1) && spread.dilations.iter().all(|&dilation| dilation == 1) {
        return by_phase(b, x, w, spread);
    }
    let (fact, w_fact) = (b.fact(x).clone(), b.fact(w).clone());
    let spatial = spread.strides.len();
    // A window element reaches this far; what lies outside of the pads is cut off afterward where they are wider.
    let (mut frame, mut starts, mut cut) = (vec![0; 2 * spatial], vec![0; spatial], vec![0; spatial]);
    for i in 0..spatial {
        let window = w_fact.shape[2 + i].as_i64().ok_or(ImportError::NotConstant { index: 1, sets: "the window" })?;
        let reach = window.saturating_sub(1).saturating_mul(spread.dilations[i]);
        let (low, high) = (reach.saturating_sub(spread.pads[i]), reach.saturating_sub(spread.pads[spatial + i]));
        (frame[i], frame[spatial + i]) = (low.max(0), high.max(0));
        let before = low.saturating_neg().max(0);
        (starts[i], cut[i]) = (before, before.saturating_add(high.saturating_neg().max(0)));
    }
    let zero = b.scalar(fact.dtype, 0.0);
    let none = vec![Dim::from(0); fact.rank()];
    let interior = [0, 0].into_iter().chain(spread.strides.iter().map(|stride| stride - 1)).collect();
    let apart = pad::apply(b, x, zero, none.clone(), none.clone(), interior)?;
    let w = turned(b, w, spread.groups)?;
    let attrs = Attrs::none()
        .ints("strides", vec![1; spatial])
        .ints("dilations", spread.dilations.clone())
        .ints("pads", frame)
        .int("groups", spread.groups);
    let result = b.op(&conv::OP, &[apart, w], attrs)?;
    if cut.iter().all(|&size| size == 0) {
        return Ok(result);
    }
    let mut sizes = b.fact(result).shape.clone();
    let mut from = none;
    for i in 0..spatial {
        from[2 + i] = Dim::from(starts[i]);
        sizes[2 + i] = sizes[2 + i].clone() - Dim::from(cut[i]);
    }
    Ok(slice::apply(b, result, from, sizes, vec![1; fact.rank()])?)
}

/// Elements of the result whose places leave the same rest by the stride, a phase, meet the same elements of the window. So each
/// phase is a convolution with its part of the window, all of them are one with as many filters, and then lie side by side.
fn by_phase(b: &mut dyn Build, x: Value, w: Value, spread: &Spread) -> Result<Value, ImportError> {
    let (fact, w_fact) = (b.fact(x).clone(), b.fact(w).clone());
    let spatial = spread.strides.len();
    let above = |size: i64, stride: i64| -(-size).div_euclid(stride);
    let (mut low, mut high, mut starts, mut sizes) = (vec![], vec![], vec![Dim::from(0); 2], vec![]);
    let mut fill = vec![Dim::from(0); fact.rank()];
    // `[channels, filters / groups, then of each axis the elements of a phase, the phases]`.
    let mut split = w_fact.shape[..2].to_vec();
    for (i, &stride) in spread.strides.iter().enumerate() {
        let window = w_fact.shape[2 + i].as_i64().ok_or(ImportError::NotConstant { index: 1, sets: "the window" })?;
        let (cut, cut_end) = (spread.pads[i], spread.pads[spatial + i]);
        let taps = above(window, stride);
        fill[2 + i] = Dim::from(taps * stride - window);
        split.extend([Dim::from(taps), Dim::from(stride)]);
        low.push((taps - 1 - cut.div_euclid(stride)).max(0));
        high.push((above(window - cut_end, stride) - 1).max(0));
        starts.push(Dim::from(cut - (taps - 1 - low[i]) * stride));
        let size = fact.shape[2 + i].clone();
        sizes.push((size - Dim::from(1)) * Dim::from(stride) + Dim::from(window - cut - cut_end));
    }
    let zero = b.scalar(w_fact.dtype, 0.0);
    let none = vec![Dim::from(0); fact.rank()];
    let w = pad::apply(b, w, zero, none, fill, vec![0; fact.rank()])?;
    let w = b.reshape(w, &split)?;
    let (taps, phases): (Vec<i64>, Vec<i64>) = (0..spatial as i64).map(|i| (2 + 2 * i, 3 + 2 * i)).unzip();
    let w = b.transpose(w, [&[0, 1], &phases[..], &taps[..]].concat())?;
    let filters = spread.strides.iter().fold(w_fact.shape[1].clone(), |filters, &stride| filters * Dim::from(stride));
    let mut shape = vec![w_fact.shape[0].clone(), filters];
    shape.extend(taps.iter().map(|&axis| split[axis as usize].clone()));
    let w = b.reshape(w, &shape)?;
    let w = turned(b, w, spread.groups)?;
    let attrs = Attrs::none()
        .ints("strides", vec![1; spatial])
        .ints("dilations", vec![1; spatial])
        .ints("pads", [low, high].concat())
        .int("groups", spread.groups);
    let result = b.op(&conv::OP, &[x, w], attrs)?;
    let shape = b.fact(result).shape.clone();
    let filters = w_fact.shape[1].clone() * Dim::from(spread.groups);
    let lead = [shape[0].clone(), filters];
    let strides: Vec<Dim> = spread.strides.iter().copied().map(Dim::from).collect();
    let result = b.reshape(result, &[&lead[..], &strides, &shape[2..]].concat())?;
    let count = spatial as i64;
    let sides = (0..count).flat_map(|i| [2 + count + i, 2 + i]);
    let result = b.transpose(result, [0, 1].into_iter().chain(sides).collect())?;
    let merged = shape[2..].iter().zip(&strides).map(|(size, stride)| size.clone() * stride.clone());
    let merged: Vec<Dim> = lead.iter().cloned().chain(merged).collect();
    let result = b.reshape(result, &merged)?;
    let sizes = [&lead[..], &sizes].concat();
    if merged == sizes {
        return Ok(result);
    }
    Ok(slice::apply(b, result, starts, sizes, vec![1; fact.rank()])?)
}

/// `[channels, filters / groups, window…]` as `[filters, channels / groups, window backward…]`.
fn turned(b: &mut dyn Build, w: Value, groups: i64) -> Result<Value, Violation> {
    let shape = b.fact(w).shape.clone();
    let mut w = w;
    for axis in 2..shape.len() {
        w = slice::reversed(b, w, axis)?;
    }
    let groups = Dim::from(groups);
    let each = shape[0].div_exact(&groups);
    let each = each.ok_or_else(|| conv::OP.refuse("channels", format!("{} channels in {groups} groups", shape[0])))?;
    let of_group = |a: &Dim, b: &Dim| [&[groups.clone(), a.clone(), b.clone()], &shape[2..]].concat();
    let split = b.reshape(w, &of_group(&each, &shape[1]))?;
    let perm = [0, 2, 1].into_iter().chain(3..=shape.len() as i64).collect();
    let swapped = b.transpose(split, perm)?;
    let merged = [&[groups.clone() * shape[1].clone(), each.clone()], &shape[2..]].concat();
    b.reshape(swapped, &merged)
}

/// Columns of windows' elements are added where they lie: each element of the window is a channel of its own, whose window has
/// a one there.
fn col2im(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let image = node.sizes(b, 1, "the shape of the image")?;
    let block = node.numbers(b, 2, "the shape of a window")?;
    let spatial = block.len();
    let list = |name: &str, default: i64, count: usize| -> Result<Vec<i64>, ImportError> {
        let list = node.ints(name)?.unwrap_or_else(|| vec![default; count]);
        let found = || ImportError::Attribute { name: name.into(), found: format!("is {list:?}") };
        let fits = list.len() == count && list.iter().all(|n| (default..=1 << 20).contains(n));
        if fits { Ok(list) } else { Err(found()) }
    };
    let (strides, dilations) = (list("strides", 1, spatial)?, list("dilations", 1, spatial)?);
    let given = list("pads", 0, 2 * spatial)?;
    let elements = block.iter().try_fold(1i64, |product, &size| product.checked_mul(size).filter(|_| size > 0));
    let elements = elements.filter(|elements| (1..=4096).contains(elements));
    let (Some(elements), [batch, channels, _]) = (elements, &fact.shape[..]) else {
        return Err(ImportError::Operand { index: 2, found: format!("is {block:?} for {fact}") });
    };
    if image.len() != spatial {
        return Err(ImportError::Operand { index: 1, found: format!("has {} sizes, not {spatial}", image.len()) });
    }
    let (mut counts, mut pads) = (Vec::new(), given.clone());
    for i in 0..spatial {
        let reach = (block[i] - 1) * dilations[i] + 1;
        let span = image[i].clone() + Dim::from(given[i] + given[spatial + i] - reach);
        let count = span.floor_div(strides[i]) + Dim::from(1);
        // Windows may end before the image does.
        let rest = span - (count.clone() - Dim::from(1)) * Dim::from(strides[i]);
        let rest = rest.as_i64().or((strides[i] == 1).then_some(0));
        let unknown = ImportError::NotConstant { index: 1, sets: "what windows leave over" };
        pads[spatial + i] -= rest.ok_or(unknown)?;
        counts.push(count);
    }
    let each = channels.floor_div(elements);
    let outer = batch.clone() * each.clone();
    let rows = b.reshape(x, &[&[outer, Dim::from(elements)], &counts[..]].concat())?;
    let count = elements as usize;
    let ones = (0..count * count).map(|i| if i / count == i % count { 1.0 } else { 0.0 });
    let data = Data::from_f64(fact.dtype, ones.collect::<Vec<_>>().into_iter());
    let shape = [count, 1].into_iter().chain(block.iter().map(|&size| size as usize)).collect();
    let window = Tensor::new(shape, data).ok_or_else(|| ImportError::Unsupported("Col2Im without a window".into()))?;
    let window = b.constant(window);
    let image_of = apply(b, rows, window, &Spread { strides, dilations, pads, groups: 1 })?;
    Ok(vec![b.reshape(image_of, &[&[batch.clone(), each], &image[..]].concat())?])
}
