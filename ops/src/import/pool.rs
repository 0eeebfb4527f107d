//! Pools that are sums over windows, and the places of the largest elements in them.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::{argmax, conv};
use crate::window::{self, Window};

/// `AveragePool`, `LpPool` and `GlobalLpPool`.
pub static IMPORT: &[OnnxImport] = &[
    from("AveragePool", 7, average_pool),
    from("LpPool", 2, |b, node| {
        let windows: Vec<Dim> = node.ints("kernel_shape")?.unwrap_or_default().into_iter().map(Dim::from).collect();
        let node = &window::framed(b, node, &windows, 0.0)?;
        let x = node.operand(0)?;
        let p = exponent(node)?;
        let powers = power(b, x, p)?;
        let window = Window::of_pool(node, b.fact(x))?;
        let sums = sums(b, powers, &window, window.all_pads())?;
        Ok(vec![root(b, sums, p)?])
    }),
    from("GlobalLpPool", 2, |b, node| {
        let x = node.operand(0)?;
        let p = exponent(node)?;
        let powers = power(b, x, p)?;
        let sums = b.sum(powers, (2..b.fact(x).rank() as i64).collect(), true)?;
        Ok(vec![root(b, sums, p)?])
    }),
];

fn exponent(node: &OnnxNode) -> Result<i64, ImportError> {
    let p = node.int("p")?.unwrap_or(2);
    let found = || ImportError::Attribute { name: "p".into(), found: format!("is {p}") };
    if p >= 1 { Ok(p) } else { Err(found()) }
}

/// The absolute value to this power.
fn power(b: &mut dyn Build, x: Value, p: i64) -> Result<Value, Violation> {
    if p == 2 {
        return b.mul(x, x);
    }
    let size = b.abs(x)?;
    let by = b.like(x, p as f64);
    if p == 1 { Ok(size) } else { b.pow(size, by) }
}

fn root(b: &mut dyn Build, x: Value, p: i64) -> Result<Value, Violation> {
    match p {
        1 => Ok(x),
        2 => b.sqrt(x),
        _ => {
            let by = b.like(x, 1.0 / p as f64);
            b.pow(x, by)
        }
    }
}

/// The sum over each window: a convolution by ones, channels apart.
fn sums(b: &mut dyn Build, x: Value, window: &Window, pads: Vec<i64>) -> Result<Value, Violation> {
    let fact = b.fact(x).clone();
    let (outer, inner) = fact.shape.split_at(2);
    let one = Dim::from(1);
    let ones: Vec<Dim> =
        [one.clone(), one.clone()].into_iter().chain(window.size.iter().copied().map(Dim::from)).collect();
    let w = b.filled(fact.dtype, 1.0, &ones)?;
    let apart = b.reshape(x, &[&[Dim::product(outer), one], inner].concat())?;
    let attrs = Attrs::none().ints("strides", window.strides.clone()).ints("dilations", window.dilations.clone());
    let sums = b.op(&conv::OP, &[apart, w], attrs.ints("pads", pads).int("groups", 1))?;
    let shape = [outer, &b.fact(sums).shape[2..]].concat();
    b.reshape(sums, &shape)
}

/// The sum divided by how many elements the window covers.
fn average_pool(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let fact = b.fact(x).clone();
    let window = Window::of_pool(node, &fact)?;
    let total = sums(b, x, &window, window.all_pads())?;
    let spatial = window.size.len();
    let mut covered = fact.shape[2..].to_vec();
    let mut beyond = window.all_pads();
    if node.int("count_include_pad")?.unwrap_or(0) != 0 {
        for axis in 0..spatial {
            // Pads count, what `ceil_mode` adds does not.
            let high = window.pads[spatial + axis] + window.extra[axis].min(0);
            covered[axis] = covered[axis].clone() + Dim::from(window.pads[axis] + high);
            (beyond[axis], beyond[spatial + axis]) = (0, window.extra[axis].max(0));
        }
    }
    let count = if beyond.iter().all(|&pad| pad == 0) {
        b.scalar(fact.dtype, window.size.iter().map(|&size| size as f64).product())
    } else {
        let one = Dim::from(1);
        let all = b.filled(fact.dtype, 1.0, &[&[one.clone(), one], &covered[..]].concat())?;
        sums(b, all, &window, beyond)?
    };
    Ok(vec![b.div(total, count)?])
}

/// For each window the place of its largest element among all of the operand, the first of equal ones. Under
/// `columns_first` the spatial axes count from the first on.
///
/// # Errors
/// The constraint that it breaks.
pub(crate) fn places_of_largest(
    b: &mut dyn Build,
    x: Value,
    window: &Window,
    columns_first: bool,
) -> Result<Value, Violation> {
    let fact = b.fact(x).clone();
    let (outer, inner) = fact.shape.split_at(2);
    let spatial = window.size.len();
    let (mut out, mut sizes) = (Vec::new(), Vec::new());
    // Places of windows' elements, on [out…, window…].
    let (mut place, mut named) = (b.size(Dim::from(0)), b.size(Dim::from(0)));
    let mut outside: Option<Value> = None;
    let (mut stride, mut steps) = (Dim::from(1), vec![Dim::from(1); spatial]);
    for axis in (0..spatial).map(|i| if columns_first { i } else { spatial - 1 - i }) {
        steps[axis] = stride.clone();
        stride = stride * inner[axis].clone();
    }
    let pads = window.all_pads();
    for axis in 0..spatial {
        let size = &inner[axis];
        let reach = (window.size[axis] - 1) * window.dilations[axis] + 1;
        let padded = size.clone() + Dim::from(pads[axis] + pads[spatial + axis] - reach);
        let count = padded.floor_div(window.strides[axis]) + Dim::from(1);
        let start = b.count(2 * spatial, axis, count.clone(), DType::I64)?;
        let start = b.times(start, window.strides[axis] as f64)?;
        let element = b.count(2 * spatial, spatial + axis, Dim::from(window.size[axis]), DType::I64)?;
        let element = b.times(element, window.dilations[axis] as f64)?;
        let element = b.plus(element, -pads[axis] as f64)?;
        let index = b.add(start, element)?;
        let (zero, last) = (b.like(index, 0.0), b.size(size.clone() - Dim::from(1)));
        let (before, behind) = (b.less(index, zero)?, b.less(last, index)?);
        let beyond = b.or(before, behind)?;
        outside = Some(match outside {
            Some(other) => b.or(other, beyond)?,
            None => beyond,
        });
        let index = b.max(index, zero)?;
        let index = b.min(index, last)?;
        let whole = b.size(size.clone());
        place = b.mul(place, whole)?;
        place = b.add(place, index)?;
        let step = b.size(steps[axis].clone());
        let part = b.mul(index, step)?;
        named = b.add(named, part)?;
        out.push(count);
        sizes.push(Dim::from(window.size[axis]));
    }
    let (windows, elements) = (Dim::product(&out), Dim::product(&sizes));
    let matrix = [windows.clone(), elements.clone()];
    let place = b.reshape(place, &matrix)?;
    let named = b.reshape(named, std::slice::from_ref(&(windows.clone() * elements.clone())))?;
    let rows = b.reshape(x, &[Dim::product(outer), Dim::product(inner)])?;
    let mut patches = b.pick(rows, place, 1)?;
    if let Some(outside) = outside {
        let outside = b.reshape(outside, &matrix)?;
        let least = b.like(x, f64::NEG_INFINITY);
        patches = b.select(outside, least, patches)?;
    }
    let largest = b.op(&argmax::OP, &[patches], Attrs::none().int("axis", 2))?;
    let first = b.count(2, 1, windows, DType::I64)?;
    let elements = b.size(elements);
    let first = b.mul(first, elements)?;
    let chosen = b.add(first, largest)?;
    let named = b.pick(named, chosen, 0)?;
    let row = b.count(2, 0, Dim::product(outer), DType::I64)?;
    let size = b.size(Dim::product(inner));
    let row = b.mul(row, size)?;
    let index = b.add(row, named)?;
    b.reshape(index, &[outer, &out].concat())
}
