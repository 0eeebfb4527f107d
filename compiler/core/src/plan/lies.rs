//! Where the elements of a value lie in another one, of which it is a slice, a transposition, a reshape, or several of
//! these.

use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::attr::Group;
use m4c_ops::{Dim, primitive};
use m4c_target::Lie;
use std::collections::{BTreeSet, VecDeque};

/// Elements of an axis, or of a part of it: so many, so far apart.
#[derive(Clone, Debug)]
struct Stretch {
    size: Dim,
    step: Dim,
}

/// The axes of a value in another one.
#[derive(Clone, Debug)]
struct Axes {
    first: Dim,
    /// Each axis from outside to inside; none where it has size 1.
    axes: Vec<Vec<Stretch>>,
}

/// The value whose memory holds a value, and where in it; the value itself where it is no part of another one.
pub(super) fn find(graph: &Graph, value: ValueId, known: &BTreeSet<ValueId>) -> (ValueId, Lie) {
    let (root, axes) = trace(graph, value, known);
    match axes.lie() {
        Some(lie) => (root, lie),
        None => (value, Lie::row_major(&graph.fact(value).shape)),
    }
}

fn trace(graph: &Graph, value: ValueId, known: &BTreeSet<ValueId>) -> (ValueId, Axes) {
    through(graph, value, known).unwrap_or_else(|| (value, Axes::row_major(&graph.fact(value).shape)))
}

fn through(graph: &Graph, value: ValueId, known: &BTreeSet<ValueId>) -> Option<(ValueId, Axes)> {
    let NodeKind::Apply { op, attrs } = &graph.node(value).kind else { return None };
    let moves = [primitive::reshape::OP.name, primitive::transpose::OP.name, primitive::slice::OP.name];
    if known.contains(&value) || !moves.contains(&op.name) {
        return None;
    }
    let (root, axes) = trace(graph, graph.operands(value).first().copied().flatten()?, known);
    let axes = if op.name == primitive::reshape::OP.name {
        axes.regrouped(attrs.get_groups("groups"), &graph.fact(value).shape)?
    } else if op.name == primitive::transpose::OP.name {
        let order = attrs.get_ints("perm").iter().map(|&axis| axes.axes.get(usize::try_from(axis).ok()?).cloned());
        Axes { first: axes.first, axes: order.collect::<Option<_>>()? }
    } else {
        axes.sliced(attrs.get_dims("starts"), attrs.get_ints("steps"), &graph.fact(value).shape)?
    };
    Some((root, axes))
}

impl Axes {
    fn row_major(shape: &[Dim]) -> Axes {
        let Lie { first, steps } = Lie::row_major(shape);
        let axes = shape.iter().zip(steps).map(|(size, step)| axis(size.clone(), step)).collect();
        Axes { first, axes }
    }

    fn lie(self) -> Option<Lie> {
        let step = |axis: Vec<Stretch>| {
            let mut parts = axis.into_iter().rev();
            let Some(Stretch { mut size, step }) = parts.next() else { return Some(Dim::from(0)) };
            for part in parts {
                if part.step != size.clone() * step.clone() {
                    return None;
                }
                size = size * part.size;
            }
            Some(step)
        };
        Some(Lie { first: self.first, steps: self.axes.into_iter().map(step).collect::<Option<_>>()? })
    }

    fn sliced(self, starts: &[Dim], steps: &[i64], shape: &[Dim]) -> Option<Axes> {
        let mut first = self.first;
        let mut axes = Vec::with_capacity(shape.len());
        for (((parts, start), &by), size) in self.axes.into_iter().zip(starts).zip(steps).zip(shape) {
            match &*parts {
                _ if start.is(0)
                    && by == 1
                    && parts.iter().map(|part| &part.size).fold(Dim::from(1), |a, b| a * b.clone()) == *size =>
                {
                    axes.push(parts);
                }
                [] => axes.push(parts),
                [Stretch { step, .. }] if by > 0 => {
                    first = first + start.clone() * step.clone();
                    axes.push(axis(size.clone(), step.clone() * Dim::from(by)));
                }
                _ => return None,
            }
        }
        Some(Axes { first, axes })
    }

    /// The same elements under the sizes of a reshape.
    fn regrouped(self, groups: &[Group], shape: &[Dim]) -> Option<Axes> {
        let (mut taken, mut given) = (self.axes.into_iter(), shape.iter());
        let mut axes = Vec::with_capacity(shape.len());
        for group in groups {
            let mut parts: VecDeque<Stretch> = taken.by_ref().take(group.take).flatten().collect();
            for size in given.by_ref().take(group.give.len()) {
                axes.push(outermost(&mut parts, size)?);
            }
            parts.is_empty().then_some(())?;
        }
        Some(Axes { first: self.first, axes })
    }
}

fn axis(size: Dim, step: Dim) -> Vec<Stretch> {
    if size.is(1) { Vec::new() } else { vec![Stretch { size, step }] }
}

/// Takes so many elements' worth of axes from the outside; one axis may be cut in two.
fn outermost(parts: &mut VecDeque<Stretch>, size: &Dim) -> Option<Vec<Stretch>> {
    let (mut missing, mut axis) = (size.clone(), Vec::new());
    while !missing.is(1) {
        let part = parts.pop_front()?;
        if let Some(rest) = missing.div_exact(&part.size) {
            missing = rest;
            axis.push(part);
        } else {
            let inner = part.size.div_exact(&missing)?;
            axis.push(Stretch { size: missing, step: inner.clone() * part.step.clone() });
            parts.push_front(Stretch { size: inner, step: part.step });
            missing = Dim::from(1);
        }
    }
    Some(axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_ir::text;

    /// The lie of the last value of a graph, and the number of the value that it lies in.
    fn lie(lines: &str) -> (u32, String) {
        let source = format!("graph \"main\" {{\n symbol \"b\" 1..:1\n{lines}\n}}\n");
        let graph = text::parse(&source, &|_| None).unwrap_or_else(|error| panic!("{error:?}"));
        let (root, lie) = find(&graph, graph.outputs()[0].value, &BTreeSet::new());
        let steps: Vec<String> = lie.steps.iter().map(ToString::to_string).collect();
        (root.0, format!("{}: {}", lie.first, steps.join(", ")))
    }

    #[test]
    fn parts_of_packed_heads_lie_where_they_are_packed() {
        let found = lie(
            "%0 = input \"x\" : f32[17, b, 60]\n%1 = reshape %0 {groups = [1>_, 1>_, 1>_; 20]} : f32[17, b, 3, 20]\n\
             %2 = transpose %1 {perm = [2, 0, 1, 3]} : f32[3, 17, b, 20]\n\
             %3 = slice %2 {starts = [1, 0, 0, 0], sizes = [1, 17, b, 20], steps = [1, 1, 1, 1]} : f32[1, 17, b, 20]\n\
             %4 = reshape %3 {groups = [2>_, 1>_, 1>_]} : f32[17, b, 20]\n%5 = reshape %4 {groups = [1>_, 2>_; 10]} : f32[17, 2*b, 10]\n\
             %6 = transpose %5 {perm = [1, 0, 2]} : f32[2*b, 17, 10]\n\
             %7 = reshape %6 {groups = [1>_; 2, 1>_, 1>_]} : f32[b, 2, 17, 10]\noutput \"y\" = %7",
        );
        assert_eq!(found, (0, "20: 60, 10, 60*b, 1".to_owned()));
    }

    #[test]
    fn what_lies_in_no_steps_is_a_value_of_its_own() {
        let merged = "%0 = input \"x\" : f32[2, b, 3]\n%1 = transpose %0 {perm = [1, 0, 2]} : f32[b, 2, 3]\n\
             %2 = reshape %1 {groups = [2>_, 1>_]} : f32[2*b, 3]\noutput \"y\" = %2";
        assert_eq!(lie(merged), (2, "0: 3, 1".to_owned()));
        let split = "%0 = input \"x\" : f32[1, b, 6]\n%1 = slice %0 {starts = [0, 0, 1], sizes = [1, b, 4], steps = [1, 1, 1]} : f32[1, b, 4]\n\
             %2 = reshape %1 {groups = [2>_, 1>_; 2]} : f32[b, 2, 2]\noutput \"y\" = %2";
        assert_eq!(lie(split), (0, "1: 6, 2, 1".to_owned()));
    }
}
