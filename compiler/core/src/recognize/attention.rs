//! Attention: scores of queries and keys, scaled and masked, their softmax, times values.

use super::Site;
use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Attrs, DType, Dim, Op, Tensor, primitive};

pub(super) fn build(site: &mut Site<'_>, op: &'static Op) -> Option<Value> {
    let weights = site.node("w")?;
    let NodeKind::Apply { attrs, .. } = &site.graph.node(weights).kind else { return None };
    let rank = site.graph.fact(weights).rank();
    (attrs.get_int("axis") + 1 == rank as i64 && matches!(rank, 3 | 4)).then_some(())?;
    let [keys, values] = [site.node("k")?, site.node("v")?];
    let same_rank = [site.node("q")?, keys, values].iter().all(|&operand| site.graph.fact(operand).rank() == rank);
    same_rank.then_some(())?;
    let mask = match (site.value("shown"), site.value("mask")) {
        // What the composite hides behind truth values is the lowest number, not minus infinity.
        (Some(shown), _) => {
            let lowest = site.found.number("hidden") == Some(f64::from(f32::MIN));
            (lowest && site.builder.fact(shown).dtype == DType::Bool).then_some(Some(shown))?
        }
        (None, mask) => mask,
    };
    let scale = ["times", "q_times", "k_times"].iter().filter_map(|name| site.found.number(name)).product::<f64>()
        / ["over", "q_over", "k_over"].iter().filter_map(|name| site.found.number(name)).product::<f64>();
    let (q, v) = (site.value("q")?, site.value("v")?);
    let result = site.graph.fact(site.root).shape.clone();
    let k = swapped(site, keys)?;
    let b: &mut dyn Build = site.builder;
    let scale = b.constant(Tensor::scalar_f32(scale as f32));
    let (mut operands, mut mask) = ([q, k, v], mask);
    if rank == 3 {
        for operand in &mut operands {
            *operand = b.with_axis(*operand, 1).ok()?;
        }
        if let Some(given) = mask.filter(|given| b.fact(*given).rank() == 3) {
            mask = Some(b.with_axis(given, 1).ok()?);
        }
    }
    let [q, k, v] = operands;
    let operands = [Some(q), Some(k), Some(v), mask, Some(scale), None];
    let attended = b.apply(op, &operands, Attrs::none().dims("causal", Vec::new())).ok()?;
    b.reshape(attended, &result).ok()
}

/// A value with its last two axes exchanged. Transpositions of transpositions are one, and none where they cancel.
fn swapped(site: &mut Site<'_>, value: ValueId) -> Option<Value> {
    let fact = site.graph.fact(value).clone();
    let mut order: Vec<i64> = (0..fact.rank() as i64).collect();
    let last = order.len().checked_sub(2)?;
    order.swap(last, last + 1);
    if let Some((operand, attrs)) = applied(site.graph, value, &primitive::transpose::OP) {
        let first = attrs.get_ints("perm");
        let both = order.iter().map(|&axis| first.get(usize::try_from(axis).ok()?).copied());
        let operand = *site.values.get(&operand)?;
        let b: &mut dyn Build = site.builder;
        return b.transpose(operand, both.collect::<Option<_>>()?).ok();
    }
    if let Some((operand, _)) = applied(site.graph, value, &primitive::reshape::OP) {
        let inner = site.graph.fact(operand).clone();
        // Only leading axes are regrouped, so the exchange may come first.
        if inner.rank() >= 2 && inner.shape[inner.rank() - 2..] == fact.shape[last..] {
            let exchanged = swapped(site, operand)?;
            let shape: Vec<Dim> = order.iter().map(|&axis| fact.shape[axis as usize].clone()).collect();
            return regrouped(site, exchanged, &shape);
        }
    }
    let value = *site.values.get(&value)?;
    let b: &mut dyn Build = site.builder;
    b.transpose(value, order).ok()
}

/// A value in another shape; of one that was reshaped into its own, what it was reshaped from.
fn regrouped(site: &mut Site<'_>, value: Value, shape: &[Dim]) -> Option<Value> {
    let node = site.builder.node(value);
    let before = applied(site.builder.graph(), node, &primitive::reshape::OP).map(|(operand, _)| operand);
    if let Some(before) = before.filter(|before| site.builder.graph().fact(*before).shape == shape) {
        return Some(site.builder.import_node(before));
    }
    let b: &mut dyn Build = site.builder;
    b.reshape(value, shape).ok()
}

/// The only operand and the attributes of an application of this operator.
fn applied(graph: &Graph, value: ValueId, op: &Op) -> Option<(ValueId, Attrs)> {
    match &graph.node(value).kind {
        NodeKind::Apply { op: found, attrs } if found.name == op.name => {
            Some((graph.operands(value).first().copied().flatten()?, attrs.clone()))
        }
        _ => None,
    }
}
