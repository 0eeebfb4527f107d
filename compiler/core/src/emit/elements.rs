//! The bytes of values that are known when compiling: read where they are stored, or computed by the operators' own meaning.
//!
//! Nothing outlives its last use, and what moves large weights works on bytes.

use crate::plan::constants::recipe;
use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::{Attrs, Binding, Fact, Op, Tensor, primitive};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Elements that are converted at a time; even, so that 4-bit elements stay in pairs.
const CHUNK: usize = 1 << 20;

/// The row-major little-endian elements of a value that is known when compiling.
pub(super) fn elements(graph: &Graph, value: ValueId) -> Result<Cow<'_, [u8]>, String> {
    let order = recipe(graph, value);
    let mut last_use: BTreeMap<ValueId, usize> = BTreeMap::new();
    for (at, &node) in order.iter().enumerate() {
        last_use.extend(graph.operands(node).into_iter().flatten().map(|operand| (operand, at)));
    }
    let mut held: BTreeMap<ValueId, Cow<'_, [u8]>> = BTreeMap::new();
    for (at, &node) in order.iter().enumerate() {
        let fact = graph.fact(node);
        let bytes = match &graph.node(node).kind {
            NodeKind::Input(name) => return Err(format!("it depends on input `{name}`")),
            NodeKind::Scan(_) | NodeKind::Result(_) => return Err("it depends on a loop".into()),
            NodeKind::Constant(constant) => constant.bytes(fact).ok_or("its bytes do not fit its sizes")?,
            NodeKind::Apply { op, attrs } => {
                let operands = graph.operands(node);
                let facts: Vec<Option<&Fact>> = operands.iter().map(|operand| operand.map(|v| graph.fact(v))).collect();
                if let [Some(operand)] = *operands
                    && last_use.get(&operand) == Some(&at)
                    && op.name == primitive::reshape::OP.name
                {
                    held.remove(&operand).ok_or("an operand was dropped too early")?
                } else {
                    let bytes: Vec<Option<&[u8]>> =
                        operands.iter().map(|operand| operand.and_then(|v| held.get(&v)).map(|b| &**b)).collect();
                    Cow::Owned(apply(op, attrs, &facts, &bytes, fact)?)
                }
            }
        };
        for operand in graph.operands(node).into_iter().flatten() {
            if last_use.get(&operand) == Some(&at) {
                held.remove(&operand);
            }
        }
        held.insert(node, bytes);
    }
    held.remove(&value).ok_or_else(|| "it is not among its own values".into())
}

fn apply(
    op: &'static Op,
    attrs: &Attrs,
    facts: &[Option<&Fact>],
    bytes: &[Option<&[u8]>],
    result: &Fact,
) -> Result<Vec<u8>, String> {
    if op.name == primitive::concat::OP.name && result.dtype.bits() >= 8 {
        let axis = usize::try_from(attrs.get_int("axis")).unwrap_or(usize::MAX);
        return concat(axis, facts, bytes, result).ok_or_else(|| "parts do not fit the whole".into());
    }
    if let ([Some(fact)], [Some(bytes)]) = (facts, bytes) {
        let sizes = fact.sizes().ok_or("an operand has a symbolic size")?;
        if op.name == primitive::reshape::OP.name {
            return Ok(bytes.to_vec());
        }
        if op.name == primitive::transpose::OP.name && fact.dtype.bits() >= 8 {
            return transpose(&sizes, attrs.get_ints("perm"), fact.dtype.bits() / 8, bytes)
                .ok_or_else(|| "a permutation does not fit".into());
        }
        if op.name == primitive::cast::OP.name {
            let length = result.dtype.bytes(sizes.iter().product()).unwrap_or_default();
            return in_chunks(op, attrs, fact, bytes, length);
        }
    }
    let tensor = |(fact, bytes): (&Option<&Fact>, &Option<&[u8]>)| match (fact, bytes) {
        (Some(fact), Some(bytes)) => {
            let sizes = fact.sizes().ok_or("an operand has a symbolic size")?;
            let tensor = Tensor::from_bytes(fact.dtype, sizes, bytes);
            tensor.map(Some).ok_or("an operand's bytes do not fit its sizes")
        }
        _ => Ok(None),
    };
    let tensors: Vec<Option<Tensor>> = facts.iter().zip(bytes).map(tensor).collect::<Result<_, _>>()?;
    let tensors: Vec<Option<&Tensor>> = tensors.iter().map(Option::as_ref).collect();
    let attrs = attrs.bind(&Binding::new()).ok_or("a size is not bound")?;
    let computed = op.eval(&tensors, &attrs).map_err(|error| format!("`{}`: {error}", op.name))?;
    if computed.fact() != *result {
        return Err(format!("`{}` gives {}, not {result}", op.name, computed.fact()));
    }
    computed.to_bytes().ok_or_else(|| "a size is not a number".into())
}

/// An elementwise operator of one operand, so many elements at a time: the reference's own numbers are several times as
/// large as the stored ones.
fn in_chunks(op: &'static Op, attrs: &Attrs, fact: &Fact, bytes: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let step = CHUNK / 8 * fact.dtype.bits();
    let total = fact.sizes().unwrap_or_default().iter().product::<usize>();
    let mut result = Vec::with_capacity(length);
    for (index, chunk) in bytes.chunks(step).enumerate() {
        let count = CHUNK.min(total - index * CHUNK);
        let tensor = Tensor::from_bytes(fact.dtype, vec![count], chunk).ok_or("bytes do not fit the sizes")?;
        let computed = op.eval(&[Some(&tensor)], attrs).map_err(|error| error.to_string())?;
        result.extend(computed.to_bytes().ok_or("a size is not a number")?);
    }
    Ok(result)
}

/// Parts side by side along an axis.
fn concat(axis: usize, facts: &[Option<&Fact>], parts: &[Option<&[u8]>], result: &Fact) -> Option<Vec<u8>> {
    let sizes = result.sizes()?;
    let rows = sizes.get(..axis)?.iter().product::<usize>();
    let width = result.dtype.bits() / 8;
    let mut runs = Vec::with_capacity(parts.len());
    for (fact, bytes) in facts.iter().zip(parts) {
        let run = fact.as_ref()?.sizes()?.get(axis..)?.iter().product::<usize>() * width;
        let bytes = bytes.as_ref()?;
        runs.push((bytes.len() == rows * run).then_some((bytes, run))?);
    }
    let length = sizes.iter().product::<usize>() * width;
    let mut out = Vec::with_capacity(length);
    for row in 0..rows {
        for (bytes, run) in &runs {
            out.extend_from_slice(&bytes[row * run..(row + 1) * run]);
        }
    }
    (out.len() == length).then_some(out)
}

/// Axes in another order, for elements of so many bytes.
fn transpose(sizes: &[usize], perm: &[i64], width: usize, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut distances = vec![width; sizes.len()];
    for axis in (1..sizes.len()).rev() {
        distances[axis - 1] = distances[axis] * sizes[axis];
    }
    let axes: Vec<usize> = perm.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<_>>()?;
    let mut out = Vec::with_capacity(bytes.len());
    let Some((&inner, outer)) = axes.split_last() else { return Some(bytes.to_vec()) };
    let (inner_size, inner_step) = (*sizes.get(inner)?, *distances.get(inner)?);
    let mut index = vec![0usize; outer.len()];
    let mut start = 0usize;
    if sizes.contains(&0) {
        return Some(out);
    }
    loop {
        for i in 0..inner_size {
            let at = start + i * inner_step;
            out.extend_from_slice(bytes.get(at..at + width)?);
        }
        // The next row of the result: an odometer over all axes but the innermost.
        let mut axis = outer.len();
        loop {
            let Some(next) = axis.checked_sub(1) else { return Some(out) };
            axis = next;
            let (size, distance) = (*sizes.get(outer[axis])?, *distances.get(outer[axis])?);
            index[axis] += 1;
            start += distance;
            if index[axis] < size {
                break;
            }
            start -= size * distance;
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_ir::Constant;
    use m4c_ops::{Attr, DType, Data};
    use std::sync::Arc;

    fn numbers(dtype: DType, sizes: &[usize]) -> Tensor {
        let count: usize = sizes.iter().product();
        Tensor::new(sizes.to_vec(), Data::from_i64(dtype, (0..count as i64).map(|i| i % 7))).unwrap()
    }

    #[track_caller]
    fn check(op: &'static Op, tensor: Tensor, attrs: Attrs) {
        let mut graph = Graph::new("test");
        let expected = op.eval(&[Some(&tensor)], &attrs).unwrap();
        let constant = graph.add_constant(Constant::Inline(Arc::new(tensor.clone())), tensor.fact());
        let value = graph.add_apply(op, &[Some(constant)], attrs, expected.fact());
        let bytes = elements(&graph, value).unwrap();
        assert!(*bytes == *expected.to_bytes().unwrap(), "{} of {}", op.name, tensor.fact());
    }

    #[test]
    fn shortcuts_give_what_the_operators_mean() {
        for dtype in [DType::U8, DType::F16, DType::F32, DType::I64, DType::I4] {
            for (sizes, perm) in [
                (vec![2, 3, 4], vec![2, 0, 1]),
                (vec![2, 3, 4], vec![0, 2, 1]),
                (vec![5], vec![0]),
                (vec![], vec![]),
                (vec![3, 0], vec![1, 0]),
                (vec![1, 4, 1, 3], vec![3, 1, 0, 2]),
            ] {
                check(&primitive::transpose::OP, numbers(dtype, &sizes), Attrs::none().ints("perm", perm));
            }
            let group = m4c_ops::Group { take: 2, give: vec![None] };
            let attrs = Attrs::none().with("groups", Attr::Groups(vec![group]));
            check(&primitive::reshape::OP, numbers(dtype, &[3, 5]), attrs);
            for to in [DType::F32, DType::I4, DType::Bool] {
                check(&primitive::cast::OP, numbers(dtype, &[CHUNK + 3]), Attrs::none().dtype("to", to));
            }
        }
        check(&primitive::exp::OP, numbers(DType::F32, &[3, 5]), Attrs::none());
    }
}
