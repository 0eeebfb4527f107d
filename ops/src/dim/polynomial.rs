//! The normal form of sizes: polynomials with integer coefficients over symbols, quotients, minima and maxima.
//!
//! Equal polynomials have one form, so equality is structural. Quotients are floors for every dividend, as Python's `//`.

#![allow(clippy::mutable_key_type, reason = "symbols compare by name; their ranges take no part")]

use super::bounds::Interval;
use super::{Dim, Symbol};
use std::collections::BTreeMap;

/// Products of more terms than this are kept as products.
const MAX_TERMS: usize = 256;

/// Coefficients by product of atoms, none of them 0; the product of nothing is the constant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct Polynomial {
    terms: BTreeMap<Vec<Atom>, i64>,
}

/// What a polynomial is over. Factors of a term are sorted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Atom {
    Symbol(Symbol),
    /// The floor of the quotient by a number of at least 2.
    Quotient(Dim, i64),
    /// At least two, sorted, none known to be redundant.
    Min(Vec<Dim>),
    /// The same.
    Max(Vec<Dim>),
    /// A product that would have too many terms.
    Product(Dim, Dim),
}

impl Polynomial {
    pub(super) fn constant(value: i64) -> Polynomial {
        let mut terms = BTreeMap::new();
        if value != 0 {
            terms.insert(Vec::new(), value);
        }
        Polynomial { terms }
    }

    pub(super) fn atom(atom: Atom) -> Polynomial {
        Polynomial { terms: BTreeMap::from([(vec![atom], 1)]) }
    }

    pub(super) fn as_constant(&self) -> Option<i64> {
        match self.terms.len() {
            0 => Some(0),
            1 => self.terms.get(&Vec::new()).copied(),
            _ => None,
        }
    }

    /// Factors and coefficients, the constant last.
    pub(super) fn terms(&self) -> impl Iterator<Item = (&[Atom], i64)> {
        let constant = self.terms.get(&Vec::new()).map(|value| (&[][..], *value));
        let others = self.terms.iter().filter(|(atoms, _)| !atoms.is_empty());
        others.map(|(atoms, value)| (atoms.as_slice(), *value)).chain(constant)
    }

    fn constant_term(&self) -> i64 {
        self.terms.get(&Vec::new()).copied().unwrap_or(0)
    }

    fn without_constant(&self) -> Polynomial {
        let mut rest = self.clone();
        rest.terms.remove(&Vec::new());
        rest
    }

    pub(super) fn plus(mut self, other: &Polynomial, times: i64) -> Polynomial {
        for (atoms, value) in &other.terms {
            let entry = self.terms.entry(atoms.clone()).or_insert(0);
            *entry = entry.saturating_add(value.saturating_mul(times));
            if *entry == 0 {
                self.terms.remove(atoms);
            }
        }
        self
    }

    pub(super) fn times(&self, other: &Polynomial) -> Polynomial {
        if self.terms.len().saturating_mul(other.terms.len()) > MAX_TERMS {
            let (a, b) = if self <= other { (self, other) } else { (other, self) };
            return Polynomial::atom(Atom::Product(Dim::of(a.clone()), Dim::of(b.clone())));
        }
        let mut product: BTreeMap<Vec<Atom>, i64> = BTreeMap::new();
        for (a, x) in &self.terms {
            for (b, y) in &other.terms {
                let mut atoms = [a.as_slice(), b.as_slice()].concat();
                atoms.sort();
                let entry = product.entry(atoms).or_insert(0);
                *entry = entry.saturating_add(x.saturating_mul(*y));
            }
        }
        product.retain(|_, value| *value != 0);
        Polynomial { terms: product }
    }

    /// The floor of the quotient by a positive number.
    ///
    /// Whole multiples of the divisor leave the quotient, then common factors cancel: `floor((g*p + c) / (g*k))` is
    /// `floor((p + floor(c / g)) / k)` for integers, whatever their sign.
    pub(super) fn floor_div(&self, divisor: i64) -> Polynomial {
        if divisor == 1 {
            return self.clone();
        }
        let (mut whole, mut rest) = (Polynomial::default(), Polynomial::default());
        for (atoms, value) in &self.terms {
            for (part, value) in [(&mut whole, value.div_euclid(divisor)), (&mut rest, value.rem_euclid(divisor))] {
                if value != 0 {
                    part.terms.insert(atoms.clone(), value);
                }
            }
        }
        if rest.as_constant().is_some() {
            // A constant that is left is at least 0 and below the divisor.
            return whole;
        }
        let common = rest.terms().filter(|(atoms, _)| !atoms.is_empty()).fold(divisor, |g, (_, value)| gcd(g, value));
        let constant = rest.constant_term().div_euclid(common);
        let mut rest = rest.without_constant();
        rest.terms.values_mut().for_each(|value| *value /= common);
        let rest = rest.plus(&Polynomial::constant(constant), 1);
        let divisor = divisor / common;
        let quotient = if divisor == 1 { rest } else { rest.merged_quotient(divisor) };
        whole.plus(&quotient, 1)
    }

    /// `floor((floor(x / a) + c) / b)` is `floor((x + a*c) / (a*b))`.
    fn merged_quotient(self, divisor: i64) -> Polynomial {
        let constant = self.constant_term();
        let inner = self.without_constant();
        if let Some((atoms, 1)) = inner.terms.first_key_value().map(|(atoms, value)| (atoms.as_slice(), *value))
            && inner.terms.len() == 1
            && let [Atom::Quotient(dividend, by)] = atoms
            && let (Some(by_both), Some(offset)) = (by.checked_mul(divisor), constant.checked_mul(*by))
        {
            return dividend.clone().into_polynomial().plus(&Polynomial::constant(offset), 1).floor_div(by_both);
        }
        Polynomial::atom(Atom::Quotient(Dim::of(self), divisor))
    }

    /// The quotient by another polynomial, where it divides: long division by the leading term, and whatever the order of
    /// terms is, a remainder of 0 proves the result.
    pub(super) fn div_exact(&self, divisor: &Polynomial) -> Option<Polynomial> {
        let (lead, lead_value) = divisor.terms.last_key_value()?;
        let (mut quotient, mut rest) = (Polynomial::default(), self.clone());
        for _ in 0..=MAX_TERMS {
            let Some((atoms, value)) = rest.terms.last_key_value() else { return Some(quotient) };
            let factors = without(atoms, lead)?;
            if value.checked_rem(*lead_value)? != 0 {
                return None;
            }
            let term = Polynomial { terms: BTreeMap::from([(factors, value / lead_value)]) };
            rest = rest.plus(&term.times(divisor), -1);
            quotient = quotient.plus(&term, 1);
        }
        None
    }

    pub(super) fn bounds(&self) -> Interval {
        self.terms().fold(Interval::exactly(0), |sum, (atoms, value)| {
            let product = atoms.iter().fold(Interval::exactly(value), |product, atom| product * atom.bounds());
            sum + product
        })
    }
}

impl Atom {
    fn bounds(&self) -> Interval {
        match self {
            Atom::Symbol(symbol) => symbol.bounds(),
            Atom::Quotient(dividend, divisor) => dividend.bounds().floor_div(*divisor),
            Atom::Min(of) => of.iter().map(Dim::bounds).reduce(Interval::min).unwrap_or_default(),
            Atom::Max(of) => of.iter().map(Dim::bounds).reduce(Interval::max).unwrap_or_default(),
            Atom::Product(a, b) => a.bounds() * b.bounds(),
        }
    }
}

/// The smallest (or largest) of sizes: nested ones merged, redundant ones dropped.
pub(super) fn extreme(of: &[&Dim], largest: bool) -> Dim {
    let mut all: Vec<Dim> = Vec::new();
    for dim in of {
        match (dim.sole_atom(), largest) {
            (Some(Atom::Min(inner)), false) | (Some(Atom::Max(inner)), true) => all.extend(inner.iter().cloned()),
            _ => all.push((*dim).clone()),
        }
    }
    // Numbers last, where people write them.
    all.sort_by(|a, b| (a.as_i64().is_some(), a).cmp(&(b.as_i64().is_some(), b)));
    all.dedup();
    let covers = |kept: &Dim, other: &Dim| if largest { other.is_at_most(kept) } else { kept.is_at_most(other) };
    let mut kept: Vec<Dim> = Vec::new();
    for dim in all {
        if kept.iter().any(|known| covers(known, &dim)) {
            continue;
        }
        kept.retain(|known| !covers(&dim, known));
        kept.push(dim);
    }
    match kept.len() {
        1 => kept.remove(0),
        _ if largest => Dim::of(Polynomial::atom(Atom::Max(kept))),
        _ => Dim::of(Polynomial::atom(Atom::Min(kept))),
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.saturating_abs() } else { gcd(b, a % b) }
}

/// Sorted factors without some of them, where all of these are there.
fn without(atoms: &[Atom], taken: &[Atom]) -> Option<Vec<Atom>> {
    let mut rest = atoms.to_vec();
    for atom in taken {
        let at = rest.iter().position(|known| known == atom)?;
        rest.remove(at);
    }
    Some(rest)
}
