//! Symbolic sizes as ONNX nodes that compute them from the shapes of the inputs.

use super::Out;
use m4c_ops::onnx::{OnnxAttr, OnnxGraph, OnnxValue};
use m4c_ops::{Dim, DimView, Tensor};

/// Sizes as a one-dimensional value.
pub(super) fn list(out: &mut Out<'_>, dims: &[Dim]) -> OnnxValue {
    if let Some(numbers) = dims.iter().map(Dim::as_i64).collect::<Option<Vec<i64>>>() {
        return out.constant(&Tensor::list_i64(numbers));
    }
    let parts: Vec<Option<OnnxValue>> = dims.iter().map(|dim| Some(one(out, dim))).collect();
    if parts.len() == 1 {
        parts[0].unwrap_or(OnnxValue(0))
    } else {
        out.node("Concat", &parts, &[("axis", OnnxAttr::Int(0))])
    }
}

/// One size as a value of shape `[1]`, computed once.
fn one(out: &mut Out<'_>, dim: &Dim) -> OnnxValue {
    let key = dim.to_string();
    if let Some(value) = out.sizes.get(&key) {
        return *value;
    }
    let value = match dim.view() {
        DimView::Const(value) => out.constant(&Tensor::list_i64(vec![value])),
        DimView::Symbol(name) => symbol(out, &name),
        DimView::Add(terms) => fold(out, "Add", &terms),
        DimView::Mul(factors) => fold(out, "Mul", &factors),
        DimView::Min(of) => fold(out, "Min", &of),
        DimView::Max(of) => fold(out, "Max", &of),
        DimView::Div(dividend, divisor) => {
            let (dividend, divisor) = (one(out, &dividend), one(out, &Dim::from(divisor)));
            out.node("Div", &[Some(dividend), Some(divisor)], &[])
        }
    };
    out.sizes.insert(key, value);
    value
}

fn fold(out: &mut Out<'_>, op_type: &str, of: &[Dim]) -> OnnxValue {
    let mut values = of.iter().map(|dim| one(out, dim)).collect::<Vec<_>>().into_iter();
    let first = values.next().unwrap_or(OnnxValue(0));
    values.fold(first, |left, right| out.node(op_type, &[Some(left), Some(right)], &[]))
}

/// A symbol from the first input that has it as a size, or as a size plus a number.
fn symbol(out: &mut Out<'_>, name: &str) -> OnnxValue {
    if let Some(&scalar) = out.bound.get(name) {
        let one = out.constant(&Tensor::list_i64(vec![1]));
        return out.node("Reshape", &[Some(scalar), Some(one)], &[]);
    }
    let graph = out.graph;
    let mut places = graph.inputs().iter().enumerate().flat_map(|(position, &input)| {
        graph.fact(input).shape.iter().enumerate().map(move |(axis, dim)| (position, axis, dim.clone()))
    });
    let this = graph.symbols.get(name);
    let found = places.find_map(|(position, axis, dim)| {
        let offset = dim - this.clone();
        offset.as_i64().map(|offset| (position, axis, offset))
    });
    let Some((position, axis, offset)) = found else {
        // Every symbol of an imported graph stands in the shape of an input.
        return out.constant(&Tensor::list_i64(vec![0]));
    };
    let bounds = [("start", OnnxAttr::Int(axis as i64)), ("end", OnnxAttr::Int(axis as i64 + 1))];
    // Inputs are the first values that were named.
    let size = out.node("Shape", &[Some(OnnxValue(position as u32))], &bounds);
    if offset == 0 {
        return size;
    }
    let offset = out.constant(&Tensor::list_i64(vec![offset]));
    out.node("Sub", &[Some(size), Some(offset)], &[])
}
