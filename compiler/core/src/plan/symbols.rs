//! The symbols of a plan: each with the values that range and guards leave, each determined by an input.

use super::{Plan, Symbol};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_ir::{Graph, Range};
use m4c_ops::{Dim, DimView, Guard, GuardKind};
use std::collections::BTreeSet;

/// The symbols of all sizes in a plan, those of inputs first.
pub(super) fn symbols(plan: &Plan) -> Result<Vec<Symbol>, Diagnostics> {
    let mut names: Vec<String> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut add = |dim: &Dim| {
        for name in dim.symbols() {
            if seen.insert(name.clone()) {
                names.push(name);
            }
        }
    };
    plan.inputs.iter().flat_map(|port| &port.fact.shape).for_each(&mut add);
    let states = plan.states.iter().flat_map(|state| [&state.read, &state.write]).flatten();
    plan.outputs.iter().chain(states).flat_map(|port| &port.fact.shape).for_each(&mut add);
    for step in &plan.steps {
        let tensors = step.operands.iter().flatten().chain([&step.result]);
        tensors.flat_map(|tensor| &tensor.fact.shape).chain(&step.params).for_each(&mut add);
    }
    plan.guards.iter().flat_map(|guard| [&guard.left, &guard.right]).for_each(&mut add);

    let mut diagnostics = Diagnostics::new();
    let mut symbols = Vec::with_capacity(names.len());
    for name in names {
        let declared = plan.graph.ranges.get(&name).copied().unwrap_or_default();
        match narrowed(&name, declared, &plan.guards) {
            Some(range) => symbols.push(Symbol { name, range }),
            None => {
                let message = format!("no value of `{name}` in {declared} meets what the model relies on");
                diagnostics.push(with_guards(Diagnostic::error(codes::GUARD_IMPOSSIBLE, message), &name, &plan.guards));
            }
        }
    }
    for symbol in &symbols {
        let fixed = symbol.range.high == Some(symbol.range.low);
        if !fixed && !is_determined(&symbol.name, &plan.graph) {
            diagnostics.push(undetermined(&symbol.name, plan));
        }
    }
    if diagnostics.is_empty() { Ok(symbols) } else { Err(diagnostics) }
}

/// Whether the size of an input alone tells the symbol's value.
fn is_determined(name: &str, graph: &Graph) -> bool {
    let dims = graph.inputs().iter().flat_map(|&input| &graph.fact(input).shape);
    dims.filter_map(affine).any(|affine| affine.symbol == name)
}

fn undetermined(name: &str, plan: &Plan) -> Diagnostic {
    let message = format!("no size of an input alone determines `{name}`");
    let start = Diagnostic::error(codes::SIZE_UNDETERMINED, message);
    let uses = |dims: &[Dim]| dims.iter().any(|dim| dim.symbols().iter().any(|symbol| symbol == name));
    let step = plan.steps.iter().find(|step| uses(&step.result.fact.shape) || uses(&step.params));
    let start = match step {
        Some(step) => start.note(format!("`{}` gives {} {}", step.op, step.result.fact, step.scope)),
        None => start,
    };
    with_guards(start, name, &plan.guards).help(format!("give it a value: --dim {name}=..."))
}

fn with_guards(start: Diagnostic, name: &str, guards: &[Guard]) -> Diagnostic {
    let of = |guard: &&Guard| [&guard.left, &guard.right].iter().any(|dim| dim.symbols().iter().any(|s| s == name));
    guards.iter().filter(of).fold(start, |all, guard| all.note(format!("the model relies on {guard}")))
}

/// The values of a range that guards over this symbol alone leave; `None` where there is none.
fn narrowed(name: &str, declared: Range, guards: &[Guard]) -> Option<Range> {
    let (mut low, mut high) = (declared.low, declared.high.unwrap_or(i64::MAX));
    for guard in guards {
        for (left, right) in comparisons(guard) {
            // left <= right is 0 <= scale * symbol + offset.
            let Some(Affine { scale, symbol, offset }) = affine(&(right - left)) else { continue };
            if symbol != name {
                continue;
            }
            if scale > 0 {
                low = low.max(offset.div_euclid(scale).saturating_neg());
            } else {
                high = high.min(offset.div_euclid(scale.saturating_neg()));
            }
        }
    }
    let step = declared.step.max(1);
    // Steps count from the low end, so both ends stay on the grid of the declared range.
    low = declared.low.checked_add(low.checked_sub(declared.low)?.checked_add(step - 1)? / step * step)?;
    if low > high {
        return None;
    }
    let high = (high != i64::MAX).then_some(high - (high - low) % step);
    Some(Range { low, high, step: declared.step })
}

/// What a guard says as `left <= right`, one pair a part.
fn comparisons(guard: &Guard) -> Vec<(Dim, Dim)> {
    let (left, right) = (&guard.left, &guard.right);
    let at_most = |left: &Dim, right: &Dim| -> Vec<(Dim, Dim)> {
        let parts = |dim: &Dim, max: bool| match dim.view() {
            DimView::Max(of) if max => of,
            DimView::Min(of) if !max => of,
            _ => vec![dim.clone()],
        };
        let rights = parts(right, false);
        let pairs = parts(left, true).into_iter();
        pairs.flat_map(|left| rights.iter().map(move |right| (left.clone(), right.clone()))).collect()
    };
    match guard.kind {
        GuardKind::AtMost => at_most(left, right),
        GuardKind::Equal => [at_most(left, right), at_most(right, left)].concat(),
        GuardKind::Divides => Vec::new(),
    }
}

/// `scale * symbol + offset`, the scale not 0.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Affine {
    scale: i64,
    symbol: String,
    offset: i64,
}

fn affine(dim: &Dim) -> Option<Affine> {
    let names = dim.symbols();
    let [symbol] = &*names else { return None };
    let (scale, offset) = terms(dim)?;
    (scale != 0).then(|| Affine { scale, symbol: symbol.clone(), offset })
}

/// Scale and offset of a size over one symbol that is built of sums and products.
fn terms(dim: &Dim) -> Option<(i64, i64)> {
    match dim.view() {
        DimView::Const(value) => Some((0, value)),
        DimView::Symbol(_) => Some((1, 0)),
        DimView::Add(of) => of.iter().try_fold((0i64, 0i64), |sum, dim| {
            let (scale, offset) = terms(dim)?;
            Some((sum.0.checked_add(scale)?, sum.1.checked_add(offset)?))
        }),
        DimView::Mul(of) => of.iter().try_fold((0i64, 1i64), |product, dim| {
            let factor = terms(dim)?;
            let (scaled, by) = match (product.0, factor.0) {
                (0, _) => (factor, product.1),
                (_, 0) => (product, factor.1),
                _ => return None,
            };
            Some((scaled.0.checked_mul(by)?, scaled.1.checked_mul(by)?))
        }),
        DimView::Div(..) | DimView::Min(_) | DimView::Max(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_ops::Symbols;

    #[track_caller]
    fn check(declared: &str, guards: &[&str], expect: &str) {
        let symbols = Symbols::default();
        let dim = |text: &str| Dim::parse(text, &symbols).unwrap();
        let guards: Vec<Guard> = guards
            .iter()
            .map(|text| match text.split_once("<=") {
                Some((left, right)) => Guard { kind: GuardKind::AtMost, left: dim(left), right: dim(right) },
                None => {
                    let (left, right) = text.split_once('=').unwrap();
                    Guard { kind: GuardKind::Equal, left: dim(left), right: dim(right) }
                }
            })
            .collect();
        let numbers: Vec<i64> = declared.split(' ').map(|number| number.parse().unwrap()).collect();
        let high = (numbers[1] >= 0).then_some(numbers[1]);
        let range = Range { low: numbers[0], high, step: numbers[2] };
        let found = narrowed("s", range, &guards).map_or("none".into(), |range| range.to_string());
        assert_eq!(found, expect, "{guards:?}");
    }

    #[test]
    fn guards_narrow_ranges() {
        check("0 -1 1", &[], "0..:1");
        check("0 -1 1", &["s <= 512"], "0..512:1");
        check("1 600 1", &["s + 2 <= 512", "3 <= s"], "3..510:1");
        check("0 -1 1", &["2*s <= 9"], "0..4:1");
        check("0 -1 1", &["7 <= 2*s"], "4..:1");
        check("0 -1 1", &["s = 8"], "8..8:1");
        check("0 -1 1", &["s <= min(t, 20)"], "0..20:1");
        check("0 -1 1", &["s <= t", "t <= 3"], "0..:1");
        check("2 20 4", &["3 <= s", "s <= 17"], "6..14:4");
        check("2 20 4", &["s = 7"], "none");
        check("0 10 1", &["11 <= s"], "none");
    }
}
