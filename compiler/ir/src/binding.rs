//! Binding symbols to the sizes that inputs come with.

use crate::graph::{Graph, Range};
use m4c_ops::{Binding, Dim, DimView};
use std::fmt;

/// Why sizes do not bind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BindError {
    /// An input has another number of axes.
    Rank {
        /// The input.
        input: String,
        /// Axes expected.
        expected: usize,
        /// Axes found.
        found: usize,
    },
    /// A size of an input is not what it must be.
    Size {
        /// The input.
        input: String,
        /// The axis.
        axis: usize,
        /// The size expected.
        expected: String,
        /// The size found.
        found: usize,
    },
    /// A symbol may not have this value.
    OutOfRange {
        /// The symbol.
        symbol: String,
        /// The value.
        value: i64,
        /// The values it may have.
        range: Range,
    },
    /// A guard does not hold.
    Guard(String),
    /// No input determines a symbol.
    Unbound(String),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::Rank { input, expected, found } => write!(f, "input `{input}` has {found} axes, not {expected}"),
            BindError::Size { input, axis, expected, found } => {
                write!(f, "axis {axis} of input `{input}` has size {found}, not {expected}")
            }
            BindError::OutOfRange { symbol, value, range } => {
                write!(f, "`{symbol}` = {value} lies outside {}..", range.low)?;
                if let Some(high) = range.high {
                    write!(f, "{high}")?;
                }
                if range.step != 1 { write!(f, " in steps of {}", range.step) } else { Ok(()) }
            }
            BindError::Guard(guard) => write!(f, "the model relies on {guard}"),
            BindError::Unbound(symbol) => write!(f, "no input determines `{symbol}`"),
        }
    }
}

/// The values of all symbols, from the shapes of the inputs in order.
///
/// # Errors
/// Where shapes, ranges or guards do not fit.
pub fn bind(graph: &Graph, shapes: &[Vec<usize>]) -> Result<Binding, BindError> {
    let mut binding = Binding::new();
    let mut open: Vec<(String, usize, Dim, usize)> = Vec::new();
    for (&input, shape) in graph.inputs().iter().zip(shapes) {
        let (name, fact) = (graph.input_name(input), graph.fact(input));
        if fact.rank() != shape.len() {
            return Err(BindError::Rank { input: name.into(), expected: fact.rank(), found: shape.len() });
        }
        open.extend(
            fact.shape.iter().zip(shape).enumerate().map(|(axis, (dim, &s))| (name.into(), axis, dim.clone(), s)),
        );
    }
    // Each round solves what has one unknown left, so the order of the inputs does not matter.
    loop {
        let before = binding.len();
        for (_, _, dim, size) in &open {
            if let Some((symbol, value)) = solve(dim, *size as i64, &binding) {
                binding.entry(symbol).or_insert(value);
            }
        }
        if binding.len() == before {
            break;
        }
    }
    for (input, axis, dim, size) in open {
        if dim.eval(&binding) != Some(size as i64) {
            if let Some(symbol) = dim.symbols().into_iter().find(|symbol| !binding.contains_key(symbol)) {
                return Err(BindError::Unbound(symbol));
            }
            let expected = match (dim.as_i64(), dim.eval(&binding)) {
                (None, Some(value)) => format!("{dim} = {value}"),
                _ => dim.to_string(),
            };
            return Err(BindError::Size { input, axis, expected, found: size });
        }
    }
    check(graph, &binding)?;
    Ok(binding)
}

/// Gives a symbol that no input determines its value.
///
/// # Errors
/// Where its range or a guard does not allow it.
pub fn bind_symbol(graph: &Graph, symbol: &str, value: i64, binding: &mut Binding) -> Result<(), BindError> {
    binding.insert(symbol.to_string(), value);
    check(graph, binding)
}

/// Whether ranges and guards hold, but for guards over symbols that are still to be bound.
///
/// # Errors
/// The first that does not.
pub fn check(graph: &Graph, binding: &Binding) -> Result<(), BindError> {
    for (symbol, &value) in binding {
        let range = graph.ranges.get(symbol).copied().unwrap_or_default();
        if !range.contains(value) {
            return Err(BindError::OutOfRange { symbol: symbol.clone(), value, range });
        }
    }
    for guard in &graph.guards {
        match guard.holds(binding) {
            Some(true) => {}
            Some(false) => return Err(BindError::Guard(guard.to_string())),
            None => {
                let symbols = [guard.left.symbols(), guard.right.symbols()].concat();
                let unbound = symbols.into_iter().find(|symbol| !binding.contains_key(symbol)).unwrap_or_default();
                if !graph.binders().contains_key(&unbound) {
                    return Err(BindError::Unbound(unbound));
                }
            }
        }
    }
    Ok(())
}

/// The value of the only unbound symbol of `a * symbol + b`, where it is a whole number.
fn solve(dim: &Dim, size: i64, binding: &Binding) -> Option<(String, i64)> {
    let mut unbound = dim.symbols().into_iter().filter(|symbol| !binding.contains_key(symbol));
    let (symbol, None) = (unbound.next()?, unbound.next()) else { return None };
    if !is_affine(dim, &symbol) {
        return None;
    }
    let at = |value: i64| {
        let mut binding = binding.clone();
        binding.insert(symbol.clone(), value);
        dim.eval(&binding)
    };
    let (offset, slope) = (at(0)?, at(1)?.checked_sub(at(0)?)?);
    let rest = size.checked_sub(offset)?;
    (slope != 0 && rest % slope == 0).then(|| (symbol.clone(), rest / slope))
}

fn is_affine(dim: &Dim, symbol: &str) -> bool {
    match dim.view() {
        DimView::Const(_) | DimView::Symbol(_) => true,
        DimView::Add(terms) => terms.iter().all(|term| is_affine(term, symbol)),
        DimView::Mul(factors) => {
            let with: Vec<&Dim> = factors.iter().filter(|f| f.symbols().iter().any(|s| s == symbol)).collect();
            with.len() <= 1 && with.iter().all(|factor| is_affine(factor, symbol))
        }
        DimView::Div(..) | DimView::Min(_) | DimView::Max(_) => !dim.symbols().iter().any(|s| s == symbol),
    }
}
