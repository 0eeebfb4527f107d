//! Symbolic sizes: quasi-affine expressions over named symbols, always in normal form.

mod bounds;
mod guard;
mod length;
mod polynomial;
mod text;

pub use guard::{Guard, GuardKind};
pub use text::DimSyntax;

use bounds::Interval;
use polynomial::{Atom, Polynomial, extreme};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::ops;
use std::sync::{Arc, Mutex, PoisonError};

/// A size: a number or an expression over [`Symbols`].
///
/// Sums and products are multiplied out, quotients and extremes reduced when they are made, so two spellings of one size
/// are equal. Clones are cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Dim(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Repr {
    Const(i64),
    Expr(Arc<Polynomial>),
}

/// A name with what is known of its values. Symbols of one name are one symbol.
#[derive(Clone, Debug)]
struct Symbol {
    name: Arc<str>,
    range: Arc<Mutex<(i64, Option<i64>)>>,
}

impl Symbol {
    fn bounds(&self) -> Interval {
        let (low, high) = *self.range.lock().unwrap_or_else(PoisonError::into_inner);
        Interval::between(low, high)
    }
}

impl PartialEq for Symbol {
    fn eq(&self, other: &Symbol) -> bool {
        self.name == other.name
    }
}

impl Eq for Symbol {}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Symbol) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Symbol {
    fn cmp(&self, other: &Symbol) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Hash for Symbol {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// One level of a [`Dim`], for code that translates expressions.
#[derive(Clone, Debug)]
pub enum DimView {
    /// A number.
    Const(i64),
    /// A symbol by name.
    Symbol(String),
    /// The sum of the terms.
    Add(Vec<Dim>),
    /// The product of the factors.
    Mul(Vec<Dim>),
    /// The floor of the quotient by a number of at least 2.
    Div(Dim, i64),
    /// The smallest.
    Min(Vec<Dim>),
    /// The largest.
    Max(Vec<Dim>),
}

/// Values of symbols by name.
pub type Binding = BTreeMap<String, i64>;

/// The symbols of one graph. Clones share the same symbols.
#[derive(Clone, Debug, Default)]
pub struct Symbols(Arc<Mutex<BTreeMap<String, Symbol>>>);

impl Symbols {
    /// The symbol of that name, made on first use. Every symbol is assumed to be at least 0.
    ///
    /// Characters that expressions cannot hold become `_`.
    pub fn get(&self, name: &str) -> Dim {
        Dim::of(Polynomial::atom(Atom::Symbol(self.symbol(&legal_name(name)))))
    }

    /// Lets proofs use that a symbol lies in a range. Sizes that are already made stay as they are.
    pub fn limit(&self, name: &str, low: i64, high: Option<i64>) {
        let symbol = self.symbol(&legal_name(name));
        *symbol.range.lock().unwrap_or_else(PoisonError::into_inner) = (low.max(0), high);
    }

    /// Whether a symbol of that name exists.
    pub fn contains(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&legal_name(name))
    }

    fn symbol(&self, name: &str) -> Symbol {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Symbol { name: name.into(), range: Arc::new(Mutex::new((0, None))) };
        known.entry(name.to_string()).or_insert_with(make).clone()
    }
}

fn legal_name(name: &str) -> String {
    let mut legal: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if !legal.starts_with(|c: char| c.is_ascii_alphabetic()) {
        legal.insert(0, 's');
    }
    legal
}

impl Dim {
    /// The number, where this is one.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Const(value) => Some(*value),
            Repr::Expr(_) => None,
        }
    }

    /// The number as a size, where this is one that is not negative.
    pub fn as_usize(&self) -> Option<usize> {
        usize::try_from(self.as_i64()?).ok()
    }

    /// Whether this is exactly the number `value`.
    pub fn is(&self, value: i64) -> bool {
        self.as_i64() == Some(value)
    }

    /// The symbol's name, where this is a bare symbol.
    pub fn as_symbol(&self) -> Option<String> {
        match self.sole_atom() {
            Some(Atom::Symbol(symbol)) => Some(symbol.name.to_string()),
            _ => None,
        }
    }

    /// The outermost operation.
    pub fn view(&self) -> DimView {
        let Repr::Expr(polynomial) = &self.0 else { return DimView::Const(self.as_i64().unwrap_or(0)) };
        let mut terms = polynomial.terms();
        match (terms.next(), terms.next()) {
            (Some(([atom], 1)), None) => view_atom(atom),
            (Some((atoms, value)), None) => {
                let factors = atoms.iter().map(|atom| Dim::of(Polynomial::atom(atom.clone())));
                let number = (value != 1).then(|| Dim::from(value));
                DimView::Mul(number.into_iter().chain(factors).collect())
            }
            _ => DimView::Add(polynomial.terms().map(|(atoms, value)| term(atoms, value)).collect()),
        }
    }

    /// Names of all symbols, sorted.
    pub fn symbols(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.collect_symbols(&mut names);
        names.sort();
        names.dedup();
        names
    }

    fn collect_symbols(&self, names: &mut Vec<String>) {
        match self.view() {
            DimView::Const(_) => {}
            DimView::Symbol(name) => names.push(name),
            DimView::Div(of, _) => of.collect_symbols(names),
            DimView::Add(of) | DimView::Mul(of) | DimView::Min(of) | DimView::Max(of) => {
                of.iter().for_each(|dim| dim.collect_symbols(names));
            }
        }
    }

    /// The value under a binding, or `None` where a symbol is not bound or the value does not fit.
    pub fn eval(&self, binding: &Binding) -> Option<i64> {
        match self.view() {
            DimView::Const(value) => Some(value),
            DimView::Symbol(name) => binding.get(&name).copied(),
            DimView::Add(terms) => terms.iter().try_fold(0i64, |sum, term| sum.checked_add(term.eval(binding)?)),
            DimView::Mul(factors) => {
                factors.iter().try_fold(1i64, |product, factor| product.checked_mul(factor.eval(binding)?))
            }
            DimView::Div(dividend, divisor) => dividend.eval(binding)?.checked_div_euclid(divisor),
            DimView::Min(of) => of.iter().map(|dim| dim.eval(binding)).try_fold(i64::MAX, |m, v| Some(m.min(v?))),
            DimView::Max(of) => of.iter().map(|dim| dim.eval(binding)).try_fold(i64::MIN, |m, v| Some(m.max(v?))),
        }
    }

    /// The expression with symbols replaced.
    pub fn substitute(&self, replace: &BTreeMap<String, Dim>) -> Dim {
        if replace.is_empty() {
            return self.clone();
        }
        let all = |of: &[Dim]| of.iter().map(|dim| dim.substitute(replace)).collect::<Vec<_>>();
        match self.view() {
            DimView::Const(_) => self.clone(),
            DimView::Symbol(name) => replace.get(&name).unwrap_or(self).clone(),
            DimView::Add(terms) => all(&terms).into_iter().fold(Dim::from(0), |sum, term| sum + term),
            DimView::Mul(factors) => all(&factors).into_iter().fold(Dim::from(1), |product, factor| product * factor),
            DimView::Div(dividend, divisor) => dividend.substitute(replace).floor_div(divisor),
            DimView::Min(of) => extreme(&all(&of).iter().collect::<Vec<_>>(), false),
            DimView::Max(of) => extreme(&all(&of).iter().collect::<Vec<_>>(), true),
        }
    }

    /// The floor of the quotient by a positive number.
    ///
    /// # Panics
    /// Where the divisor is not positive.
    pub fn floor_div(&self, divisor: i64) -> Dim {
        assert!(divisor > 0, "sizes are divided by positive numbers, not by {divisor}");
        match &self.0 {
            Repr::Const(value) => Dim::from(value.div_euclid(divisor)),
            Repr::Expr(polynomial) => Dim::of(polynomial.floor_div(divisor)),
        }
    }

    /// The quotient, where the division is known to leave no remainder.
    pub fn div_exact(&self, divisor: &Dim) -> Option<Dim> {
        self.polynomial().div_exact(&divisor.polynomial()).map(Dim::of)
    }

    /// The smaller of the two.
    pub fn minimum(&self, other: &Dim) -> Dim {
        extreme(&[self, other], false)
    }

    /// The larger of the two.
    pub fn maximum(&self, other: &Dim) -> Dim {
        extreme(&[self, other], true)
    }

    /// Whether the two are known to differ for every value of their symbols.
    pub fn differs(&self, other: &Dim) -> bool {
        let difference = (self.clone() - other.clone()).bounds();
        difference.low.is_some_and(|low| low > 0) || difference.high.is_some_and(|high| high < 0)
    }

    /// Whether this is known to be at most `other` for every value of their symbols.
    pub fn is_at_most(&self, other: &Dim) -> bool {
        if (other.clone() - self.clone()).is_not_negative() {
            return true;
        }
        match (self.sole_atom(), other.sole_atom()) {
            (Some(Atom::Min(of)), _) if of.iter().any(|dim| dim.is_at_most(other)) => true,
            (_, Some(Atom::Max(of))) if of.iter().any(|dim| self.is_at_most(dim)) => true,
            (Some(Atom::Max(of)), _) => of.iter().all(|dim| dim.is_at_most(other)),
            (_, Some(Atom::Min(of))) => of.iter().all(|dim| self.is_at_most(dim)),
            _ => false,
        }
    }

    /// Whether the value is known to be at least 0.
    pub fn is_not_negative(&self) -> bool {
        self.bounds().low.is_some_and(|low| low >= 0)
    }

    /// The product of all, 1 for none.
    pub fn product<'a>(dims: impl IntoIterator<Item = &'a Dim>) -> Dim {
        dims.into_iter().fold(Dim::from(1), |product, dim| product * dim.clone())
    }

    /// A rank for choosing between equal sizes: numbers before symbols before longer expressions.
    pub fn complexity(&self) -> usize {
        match self.view() {
            DimView::Const(_) => 0,
            DimView::Symbol(_) => 1,
            DimView::Div(of, _) => 2 + of.complexity(),
            DimView::Add(of) | DimView::Mul(of) | DimView::Min(of) | DimView::Max(of) => {
                2 + of.iter().map(Dim::complexity).sum::<usize>()
            }
        }
    }

    fn of(polynomial: Polynomial) -> Dim {
        match polynomial.as_constant() {
            Some(value) => Dim(Repr::Const(value)),
            None => Dim(Repr::Expr(Arc::new(polynomial))),
        }
    }

    fn polynomial(&self) -> std::borrow::Cow<'_, Polynomial> {
        match &self.0 {
            Repr::Const(value) => std::borrow::Cow::Owned(Polynomial::constant(*value)),
            Repr::Expr(polynomial) => std::borrow::Cow::Borrowed(polynomial),
        }
    }

    fn into_polynomial(self) -> Polynomial {
        match self.0 {
            Repr::Const(value) => Polynomial::constant(value),
            Repr::Expr(polynomial) => Arc::unwrap_or_clone(polynomial),
        }
    }

    fn bounds(&self) -> Interval {
        match &self.0 {
            Repr::Const(value) => Interval::exactly(*value),
            Repr::Expr(polynomial) => polynomial.bounds(),
        }
    }

    fn sole_atom(&self) -> Option<&Atom> {
        let Repr::Expr(polynomial) = &self.0 else { return None };
        let mut terms = polynomial.terms();
        match (terms.next(), terms.next()) {
            (Some(([atom], 1)), None) => Some(atom),
            _ => None,
        }
    }
}

fn term(atoms: &[Atom], value: i64) -> Dim {
    let product =
        atoms.iter().fold(Polynomial::constant(1), |product, atom| product.times(&Polynomial::atom(atom.clone())));
    Dim::of(product.times(&Polynomial::constant(value)))
}

fn view_atom(atom: &Atom) -> DimView {
    match atom {
        Atom::Symbol(symbol) => DimView::Symbol(symbol.name.to_string()),
        Atom::Quotient(dividend, divisor) => DimView::Div(dividend.clone(), *divisor),
        Atom::Min(of) => DimView::Min(of.clone()),
        Atom::Max(of) => DimView::Max(of.clone()),
        Atom::Product(a, b) => DimView::Mul(vec![a.clone(), b.clone()]),
    }
}

impl From<i64> for Dim {
    fn from(value: i64) -> Dim {
        Dim(Repr::Const(value))
    }
}

impl From<i32> for Dim {
    fn from(value: i32) -> Dim {
        Dim(Repr::Const(value.into()))
    }
}

impl From<usize> for Dim {
    fn from(value: usize) -> Dim {
        Dim(Repr::Const(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl ops::Add for Dim {
    type Output = Dim;

    fn add(self, other: Dim) -> Dim {
        match (&self.0, &other.0) {
            (Repr::Const(a), Repr::Const(b)) => Dim::from(a.saturating_add(*b)),
            _ => Dim::of(self.into_polynomial().plus(&other.polynomial(), 1)),
        }
    }
}

impl ops::Sub for Dim {
    type Output = Dim;

    fn sub(self, other: Dim) -> Dim {
        match (&self.0, &other.0) {
            (Repr::Const(a), Repr::Const(b)) => Dim::from(a.saturating_sub(*b)),
            _ => Dim::of(self.into_polynomial().plus(&other.polynomial(), -1)),
        }
    }
}

impl ops::Mul for Dim {
    type Output = Dim;

    fn mul(self, other: Dim) -> Dim {
        match (&self.0, &other.0) {
            (Repr::Const(a), Repr::Const(b)) => Dim::from(a.saturating_mul(*b)),
            _ => Dim::of(self.polynomial().times(&other.polynomial())),
        }
    }
}
