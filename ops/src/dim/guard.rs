//! What must hold of sizes for a graph to mean what it says. Collected at import, checked whenever sizes are bound.

use super::{Binding, Dim, DimView};
use std::fmt;

/// The relation of a [`Guard`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GuardKind {
    /// Both sides are equal.
    Equal,
    /// The left side is at most the right side.
    AtMost,
    /// The left side divides the right side.
    Divides,
}

/// A relation between two sizes that the graph relies on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Guard {
    /// The relation.
    pub kind: GuardKind,
    /// Left side.
    pub left: Dim,
    /// Right side.
    pub right: Dim,
}

impl Guard {
    /// `a = b`, in the most telling form: `x = min(x, y)` is `x <= y`.
    pub fn equal(a: &Dim, b: &Dim) -> Guard {
        for (one, other) in [(a, b), (b, a)] {
            if let DimView::Min(of) = one.view()
                && let Some(at) = of.iter().position(|dim| dim == other)
            {
                let rest: Vec<Dim> = of.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, d)| d.clone()).collect();
                if let Some(bound) = rest.into_iter().reduce(|x, y| x.minimum(&y)) {
                    return Guard { kind: GuardKind::AtMost, left: other.clone(), right: bound };
                }
            }
        }
        let (left, right) = if a.complexity() <= b.complexity() { (a, b) } else { (b, a) };
        Guard { kind: GuardKind::Equal, left: left.clone(), right: right.clone() }
    }

    /// Whether the guard holds, or `None` where a symbol is not bound.
    pub fn holds(&self, binding: &Binding) -> Option<bool> {
        let (left, right) = (self.left.eval(binding)?, self.right.eval(binding)?);
        Some(match self.kind {
            GuardKind::Equal => left == right,
            GuardKind::AtMost => left <= right,
            GuardKind::Divides => right.checked_rem(left) == Some(0) || left == -1,
        })
    }

    /// Whether the guard holds for every binding, where that is known.
    pub fn known(&self) -> Option<bool> {
        match self.kind {
            GuardKind::Equal if self.left == self.right => Some(true),
            GuardKind::Equal if self.left.differs(&self.right) => Some(false),
            GuardKind::AtMost if self.left.is_at_most(&self.right) => Some(true),
            GuardKind::Divides if self.right.div_exact(&self.left).is_some() => Some(true),
            _ => self.holds(&Binding::new()),
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            GuardKind::Equal => write!(f, "{} = {}", self.left, self.right),
            GuardKind::AtMost => write!(f, "{} <= {}", self.left, self.right),
            GuardKind::Divides => write!(f, "{} | {}", self.left, self.right),
        }
    }
}
