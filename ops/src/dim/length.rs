//! How long an expression is. Shape arithmetic of a hostile model doubles it with every node; what walks it has no other end.

use super::polynomial::Atom;
use super::{Dim, Repr};

/// Sizes of more symbols, numbers and operations are refused.
const MOST_PARTS: usize = 1024;
/// Sizes of more operations inside of each other are refused.
const MOST_NESTED: usize = 64;

impl Dim {
    /// Whether the expression is longer, or deeper, than those of any sensible model.
    pub fn is_too_long(&self) -> bool {
        let mut left = MOST_PARTS;
        !spend(self, MOST_NESTED, &mut left)
    }
}

/// Takes the parts of an expression from what is left; false where there is too little.
fn spend(dim: &Dim, depth: usize, left: &mut usize) -> bool {
    let Repr::Expr(polynomial) = &dim.0 else { return take(left) };
    let Some(depth) = depth.checked_sub(1) else { return false };
    polynomial.terms().all(|(atoms, _)| {
        take(left)
            && atoms.iter().all(|atom| match atom {
                Atom::Symbol(_) => take(left),
                Atom::Quotient(of, _) => spend(of, depth, left),
                Atom::Min(of) | Atom::Max(of) => of.iter().all(|dim| spend(dim, depth, left)),
                Atom::Product(a, b) => spend(a, depth, left) && spend(b, depth, left),
            })
    })
}

fn take(left: &mut usize) -> bool {
    match left.checked_sub(1) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dim::{Dim, Symbols};

    #[test]
    fn expressions_that_double_become_too_long() {
        let symbols = Symbols::default();
        let mut product = symbols.get("n");
        let mut nested = symbols.get("n");
        let steps = |dim: &mut Dim, next: &dyn Fn(&Dim) -> Dim| {
            (0..1000).find(|_| {
                *dim = next(dim);
                dim.is_too_long()
            })
        };
        assert_eq!(steps(&mut product, &|dim| dim.clone() * dim.clone()), Some(9));
        assert!(steps(&mut nested, &|dim| (dim.clone() * dim.clone() + Dim::from(1)).floor_div(3)).is_some());
        let long = (0..300).fold(Dim::from(0), |sum, i| sum + symbols.get(&format!("n{i}")));
        assert!(!long.is_too_long());
        assert!(!Dim::from(7).is_too_long());
    }
}
