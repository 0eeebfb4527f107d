//! Symbolic sizes: quasi-affine expressions over named symbols, always in simplified form.

mod guard;
mod text;

pub use guard::{Guard, GuardKind};
pub use text::DimSyntax;

use std::collections::BTreeMap;
use std::ops;
use std::sync::Arc;
use tract_data::internal::{DimLike, SymbolScope, TDim};

/// A size: a number or an expression over [`Symbols`].
///
/// The algebra is tract's `TDim`. Expressions are simplified when they are made and shared when they are cloned.
/// Equality is algebraic: two spellings of one polynomial are equal.
#[derive(Clone, Debug)]
pub struct Dim(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Const(i64),
    Expr(Arc<Expr>),
}

/// An expression keeps its symbols alive: on their own, `TDim`'s symbols lose their names with their scope.
#[derive(Debug)]
struct Expr {
    dim: TDim,
    symbols: Symbols,
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
    /// The quotient, rounded toward zero; sizes are never negative, so this is the floor.
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
pub struct Symbols(SymbolScope);

impl Symbols {
    /// The symbol of that name, made on first use. Every symbol is assumed to be at least 0.
    ///
    /// Characters that expressions cannot hold become `_`.
    pub fn get(&self, name: &str) -> Dim {
        let name = legal_name(name);
        let known = self.0.get(&name).is_some();
        let symbol = self.0.sym(&name);
        if !known {
            // Fails only on names that the assertion grammar cannot read, and then proves less, never more.
            let _ = self.0.add_assertion(format!("{name}>=0"));
        }
        Dim(Repr::Expr(Arc::new(Expr { dim: TDim::Sym(symbol), symbols: self.clone() })))
    }

    /// Lets simplification use that a symbol lies in a range.
    pub fn limit(&self, name: &str, low: i64, high: Option<i64>) {
        let Some(name) = self.get(name).as_symbol() else { return };
        for bound in [Some(format!("{name}>={low}")), high.map(|high| format!("{name}<={high}"))].into_iter().flatten()
        {
            // Fails only on names that the assertion grammar cannot read, and then proves less, never more.
            let _ = self.0.add_assertion(bound);
        }
    }

    /// Whether a symbol of that name exists.
    pub fn contains(&self, name: &str) -> bool {
        self.0.get(&legal_name(name)).is_some()
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
        match &self.0 {
            Repr::Expr(expr) => match &expr.dim {
                TDim::Sym(symbol) => Some(symbol.to_string()),
                _ => None,
            },
            Repr::Const(_) => None,
        }
    }

    /// The outermost operation.
    pub fn view(&self) -> DimView {
        match &self.0 {
            Repr::Const(value) => DimView::Const(*value),
            Repr::Expr(expr) => view(&expr.dim, &expr.symbols),
        }
    }

    /// Names of all symbols, sorted.
    pub fn symbols(&self) -> Vec<String> {
        match &self.0 {
            Repr::Const(_) => Vec::new(),
            Repr::Expr(expr) => {
                let mut names: Vec<String> = expr.dim.symbols().iter().map(ToString::to_string).collect();
                names.sort();
                names
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
            DimView::Div(dividend, divisor) => dividend.eval(binding)?.checked_div(divisor),
            DimView::Min(of) => of.iter().map(|dim| dim.eval(binding)).try_fold(i64::MAX, |m, v| Some(m.min(v?))),
            DimView::Max(of) => of.iter().map(|dim| dim.eval(binding)).try_fold(i64::MIN, |m, v| Some(m.max(v?))),
        }
    }

    /// The expression with symbols replaced.
    pub fn substitute(&self, replace: &BTreeMap<String, Dim>) -> Dim {
        if replace.is_empty() {
            return self.clone();
        }
        match self.view() {
            DimView::Const(_) => self.clone(),
            DimView::Symbol(name) => replace.get(&name).unwrap_or(self).clone(),
            DimView::Add(terms) => terms.iter().fold(Dim::from(0), |sum, term| sum + term.substitute(replace)),
            DimView::Mul(factors) => factors.iter().fold(Dim::from(1), |p, factor| p * factor.substitute(replace)),
            DimView::Div(dividend, divisor) => dividend.substitute(replace).floor_div(divisor),
            DimView::Min(of) => {
                of.iter().map(|d| d.substitute(replace)).reduce(|a, b| a.min(&b)).unwrap_or(self.clone())
            }
            DimView::Max(of) => {
                of.iter().map(|d| d.substitute(replace)).reduce(|a, b| a.max(&b)).unwrap_or(self.clone())
            }
        }
    }

    /// The quotient by a positive number, rounded toward zero.
    pub fn floor_div(&self, divisor: i64) -> Dim {
        match &self.0 {
            Repr::Const(value) => Dim::from(value / divisor),
            Repr::Expr(expr) => Dim::made(expr.dim.clone() / divisor, &expr.symbols),
        }
    }

    /// The quotient, where the division is known to leave no remainder.
    pub fn div_exact(&self, divisor: &Dim) -> Option<Dim> {
        if let (Some(a), Some(b)) = (self.as_i64(), divisor.as_i64()) {
            return (b != 0 && a % b == 0).then(|| Dim::from(a / b));
        }
        if self == divisor {
            return Some(Dim::from(1));
        }
        let (quotient, rest) = self.tdim().maybe_div(&divisor.tdim()).ok()?;
        (rest == 1).then(|| self.with_symbols_of(divisor, quotient))
    }

    /// The smaller of the two.
    pub fn min(&self, other: &Dim) -> Dim {
        match (self.as_i64(), other.as_i64()) {
            (Some(a), Some(b)) => Dim::from(a.min(b)),
            _ => self.with_symbols_of(other, TDim::Min(vec![self.tdim(), other.tdim()])),
        }
    }

    /// The larger of the two.
    pub fn max(&self, other: &Dim) -> Dim {
        match (self.as_i64(), other.as_i64()) {
            (Some(a), Some(b)) => Dim::from(a.max(b)),
            _ => self.with_symbols_of(other, TDim::Max(vec![self.tdim(), other.tdim()])),
        }
    }

    /// Whether the two are known to differ for every value of their symbols.
    pub fn differs(&self, other: &Dim) -> bool {
        match (self.as_i64(), other.as_i64()) {
            (Some(a), Some(b)) => a != b,
            _ => {
                let difference = self.clone() - other.clone();
                match difference.as_i64() {
                    Some(value) => value != 0,
                    None => {
                        let one = Dim::from(1);
                        (difference.clone() - one.clone()).is_not_negative()
                            || (Dim::from(0) - difference - one).is_not_negative()
                    }
                }
            }
        }
    }

    /// Whether this is known to be at most `other` for every value of their symbols.
    pub fn is_at_most(&self, other: &Dim) -> bool {
        match (self.view(), other.view()) {
            (DimView::Min(of), _) if of.iter().any(|dim| dim.is_at_most(other)) => true,
            (DimView::Max(of), _) => of.iter().all(|dim| dim.is_at_most(other)),
            _ => (other.clone() - self.clone()).is_not_negative(),
        }
    }

    /// Whether the value is known to be at least 0.
    pub fn is_not_negative(&self) -> bool {
        match &self.0 {
            Repr::Const(value) => *value >= 0,
            Repr::Expr(expr) => expr.dim.prove_positive_or_zero() || self.has_no_negative_part(),
        }
    }

    /// Whether it is built of symbols, which are never negative, without anything that is. Finds products, whose range
    /// the algebra does not track.
    fn has_no_negative_part(&self) -> bool {
        match self.view() {
            DimView::Const(value) => value >= 0,
            DimView::Symbol(_) => true,
            DimView::Add(of) | DimView::Mul(of) | DimView::Min(of) => of.iter().all(Dim::has_no_negative_part),
            DimView::Max(of) => of.iter().any(Dim::has_no_negative_part),
            DimView::Div(of, by) => by > 0 && of.has_no_negative_part(),
        }
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

    fn tdim(&self) -> TDim {
        match &self.0 {
            Repr::Const(value) => TDim::Val(*value),
            Repr::Expr(expr) => expr.dim.clone(),
        }
    }

    fn with_symbols_of(&self, other: &Dim, expr: TDim) -> Dim {
        match (&self.0, &other.0) {
            (Repr::Expr(own), _) | (_, Repr::Expr(own)) => Dim::made(expr, &own.symbols),
            _ => Dim::made(expr, &Symbols::default()),
        }
    }

    fn made(expr: TDim, symbols: &Symbols) -> Dim {
        match expr.simplify() {
            TDim::Val(value) => Dim(Repr::Const(value)),
            dim => Dim(Repr::Expr(Arc::new(Expr { dim, symbols: symbols.clone() }))),
        }
    }
}

fn view(expr: &TDim, symbols: &Symbols) -> DimView {
    let one = |of: &TDim| Dim::made(of.clone(), symbols);
    let all = |of: &[TDim]| of.iter().map(one).collect();
    match expr {
        TDim::Val(value) => DimView::Const(*value),
        TDim::Sym(symbol) => DimView::Symbol(symbol.to_string()),
        TDim::Add(terms) => DimView::Add(all(terms)),
        TDim::Mul(factors) => DimView::Mul(all(factors)),
        TDim::MulInt(by, of) => DimView::Mul(vec![Dim::from(*by), one(of)]),
        TDim::Div(of, by) => DimView::Div(one(of), i64::try_from(*by).unwrap_or(i64::MAX)),
        TDim::Min(of) => DimView::Min(all(of)),
        // `Dim` never builds the last three; they are spelled out so that the match stays total.
        TDim::Max(of) | TDim::Broadcast(of) => DimView::Max(all(of)),
        TDim::Ge(a, _) | TDim::Eq(a, _) => view(a, symbols),
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

impl PartialEq for Dim {
    fn eq(&self, other: &Dim) -> bool {
        match (&self.0, &other.0) {
            (Repr::Const(a), Repr::Const(b)) => a == b,
            (Repr::Expr(a), Repr::Expr(b)) => Arc::ptr_eq(a, b) || a.dim == b.dim,
            _ => false,
        }
    }
}

impl Eq for Dim {}

macro_rules! arithmetic {
    ($trait:ident, $method:ident, $saturating:ident, $symbol:tt) => {
        impl ops::$trait for Dim {
            type Output = Dim;

            fn $method(self, other: Dim) -> Dim {
                match (self.as_i64(), other.as_i64()) {
                    (Some(a), Some(b)) => Dim::from(a.$saturating(b)),
                    _ => self.with_symbols_of(&other, self.tdim() $symbol other.tdim()),
                }
            }
        }
    };
}

arithmetic!(Add, add, saturating_add, +);
arithmetic!(Sub, sub, saturating_sub, -);
arithmetic!(Mul, mul, saturating_mul, *);
