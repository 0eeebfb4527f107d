//! Integer expressions over symbols: evaluated exactly, over ranges, or read as `a * symbol + b`.
//!
//! An expression is a postfix program. Every evaluator takes steps that [`check`] accepted, and still answers rather than
//! panics for any others.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::description::{ExprOp, ExprStep};
use crate::error::{Code, Error};

/// The deepest stack that an expression may need.
pub const MAX_STACK: usize = 32;

const BAD: Error = Error::malformed("an expression is not well-formed");

/// A value between two bounds, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The smallest value.
    pub low: i64,
    /// The largest value.
    pub high: i64,
}

/// `scale * symbol + offset`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Affine {
    /// The factor; not zero.
    pub scale: i64,
    /// The symbol's index.
    pub symbol: u32,
    /// The summand.
    pub offset: i64,
}

/// Checks stack discipline and symbol indices.
///
/// # Errors
/// [`Code::Malformed`].
pub fn check(steps: &[ExprStep], symbols: usize) -> Result<(), Error> {
    let mut depth = 0usize;
    for step in steps {
        match step.op {
            ExprOp::Const => depth += 1,
            ExprOp::Symbol if symbol_index(step).is_some_and(|index| index < symbols) => depth += 1,
            ExprOp::Symbol => return Err(Error::malformed("an expression names a symbol that does not exist")),
            _ if depth >= 2 => depth -= 1,
            _ => return Err(BAD),
        }
        if depth > MAX_STACK {
            return Err(Error::malformed("an expression needs too deep a stack"));
        }
    }
    if depth == 1 { Ok(()) } else { Err(BAD) }
}

/// The exact value for these symbols.
///
/// # Errors
/// [`Code::TooLarge`] on overflow, [`Code::Malformed`] on division by zero.
pub fn evaluate(steps: &[ExprStep], symbols: &[i64]) -> Result<i64, Error> {
    let leaf = |step: &ExprStep| match step.op {
        ExprOp::Const => Some(step.arg),
        _ => symbol_index(step).and_then(|index| symbols.get(index)).copied(),
    };
    fold(steps, 0, leaf, exact)
}

/// The range of values for symbols in these ranges. It contains every value, and may be wider than the exact range.
///
/// # Errors
/// [`Code::TooLarge`] on overflow, [`Code::Malformed`] where a divisor may be zero.
pub fn bounds(steps: &[ExprStep], symbols: &[Interval]) -> Result<Interval, Error> {
    let leaf = |step: &ExprStep| match step.op {
        ExprOp::Const => Some(Interval { low: step.arg, high: step.arg }),
        _ => symbol_index(step).and_then(|index| symbols.get(index)).copied(),
    };
    fold(steps, Interval { low: 0, high: 0 }, leaf, |op, left, right| {
        let combine = |l, r| exact(op, l, r);
        // Each operation is monotone in each argument where the other is fixed and, for a divisor, of one sign: the extremes
        // are at corners.
        if op == ExprOp::FloorDiv && right.low <= 0 && right.high >= 0 {
            return Err(Error::malformed("a divisor may be zero"));
        }
        let corners = [
            combine(left.low, right.low)?,
            combine(left.low, right.high)?,
            combine(left.high, right.low)?,
            combine(left.high, right.high)?,
        ];
        let [first, ..] = corners;
        Ok(corners.iter().fold(Interval { low: first, high: first }, |range, &value| Interval {
            low: range.low.min(value),
            high: range.high.max(value),
        }))
    })
}

/// The expression as `a * symbol + b` where it is built of one symbol with sums and products alone.
pub fn affine(steps: &[ExprStep]) -> Option<Affine> {
    let zero = (0i64, 0u32, 0i64);
    let leaf = |step: &ExprStep| match step.op {
        ExprOp::Const => Some((0, 0, step.arg)),
        _ => Some((1, u32::try_from(step.arg).ok()?, 0)),
    };
    let (scale, symbol, offset) = fold(steps, zero, leaf, |op, left, right| {
        let combined = match op {
            ExprOp::Add => add_affine(left, right),
            ExprOp::Mul if left.0 == 0 => scale_affine(right, left.2),
            ExprOp::Mul if right.0 == 0 => scale_affine(left, right.2),
            _ => None,
        };
        combined.ok_or(BAD)
    })
    .ok()?;
    (scale != 0).then_some(Affine { scale, symbol, offset })
}

/// The symbol where the expression is nothing but one.
pub fn bare_symbol(steps: &[ExprStep]) -> Option<u32> {
    match steps {
        [ExprStep { op: ExprOp::Symbol, arg }] => u32::try_from(*arg).ok(),
        _ => None,
    }
}

/// The value where the expression is nothing but a constant.
pub fn constant(steps: &[ExprStep]) -> Option<i64> {
    match steps {
        [ExprStep { op: ExprOp::Const, arg }] => Some(*arg),
        _ => None,
    }
}

/// The expression for people, with the names of symbols; `?` where it is not well-formed or too long to read.
pub fn render(steps: &[ExprStep], symbol_name: &dyn Fn(u32) -> String) -> String {
    const LONGEST: usize = 4096;
    let mut stack: Vec<(String, bool)> = Vec::new();
    for step in steps {
        let item = match step.op {
            ExprOp::Const => (step.arg.to_string(), true),
            ExprOp::Symbol => (u32::try_from(step.arg).map_or_else(|_| "?".into(), symbol_name), true),
            op => {
                let (Some(right), Some(left)) = (stack.pop(), stack.pop()) else { return "?".into() };
                if left.0.len() + right.0.len() > LONGEST {
                    return "?".into();
                }
                let group = |(text, simple): (String, bool)| if simple { text } else { format!("({text})") };
                match op {
                    ExprOp::Min => (format!("min({}, {})", left.0, right.0), true),
                    ExprOp::Max => (format!("max({}, {})", left.0, right.0), true),
                    ExprOp::Add => (format!("{} + {}", left.0, right.0), false),
                    ExprOp::Mul => (format!("{} * {}", group(left), group(right)), false),
                    _ => (format!("{} / {}", group(left), group(right)), false),
                }
            }
        };
        stack.push(item);
    }
    match (stack.pop(), stack.is_empty()) {
        (Some((text, _)), true) => text,
        _ => "?".into(),
    }
}

fn fold<T: Copy>(
    steps: &[ExprStep],
    empty: T,
    leaf: impl Fn(&ExprStep) -> Option<T>,
    combine: impl Fn(ExprOp, T, T) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut stack = [empty; MAX_STACK];
    let mut depth = 0usize;
    for step in steps {
        let value = match step.op {
            ExprOp::Const | ExprOp::Symbol => leaf(step).ok_or(BAD)?,
            op => {
                let base = depth.checked_sub(2).ok_or(BAD)?;
                depth = base;
                combine(op, stack[base], stack[base + 1])?
            }
        };
        *stack.get_mut(depth).ok_or(BAD)? = value;
        depth += 1;
    }
    if depth == 1 { Ok(stack[0]) } else { Err(BAD) }
}

fn exact(op: ExprOp, left: i64, right: i64) -> Result<i64, Error> {
    let overflow = Error::new(Code::TooLarge).because("an expression overflows 64 bits");
    match op {
        ExprOp::Add => left.checked_add(right).ok_or(overflow),
        ExprOp::Mul => left.checked_mul(right).ok_or(overflow),
        ExprOp::FloorDiv if right == 0 => Err(Error::malformed("an expression divides by zero")),
        ExprOp::FloorDiv => {
            let quotient = left.checked_div(right).ok_or(overflow)?;
            let inexact = left.checked_rem(right).is_some_and(|rest| rest != 0);
            Ok(if inexact && (left < 0) != (right < 0) { quotient - 1 } else { quotient })
        }
        ExprOp::Min => Ok(left.min(right)),
        ExprOp::Max => Ok(left.max(right)),
        ExprOp::Const | ExprOp::Symbol => Err(BAD),
    }
}

fn symbol_index(step: &ExprStep) -> Option<usize> {
    usize::try_from(step.arg).ok()
}

type Terms = (i64, u32, i64);

fn add_affine(left: Terms, right: Terms) -> Option<Terms> {
    let symbol = match (left.0, right.0) {
        (_, 0) => left.1,
        (0, _) => right.1,
        _ if left.1 == right.1 => left.1,
        _ => return None,
    };
    Some((left.0.checked_add(right.0)?, symbol, left.2.checked_add(right.2)?))
}

fn scale_affine(terms: Terms, factor: i64) -> Option<Terms> {
    Some((terms.0.checked_mul(factor)?, terms.1, terms.2.checked_mul(factor)?))
}
