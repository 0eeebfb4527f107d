//! The sizes a session is made for: a range for every symbol of a program.

use alloc::vec::Vec;

use m4c_format::GuardKind;
use m4c_format::description::Symbol;
use m4c_format::expression::{self, Interval};

use crate::error::{Code, Error};
use crate::program::Program;
use crate::states::States;

/// A range for every symbol, at first the one that the model declares.
#[derive(Clone, Debug)]
pub struct Bounds {
    ranges: Vec<Interval>,
}

impl Bounds {
    /// The declared ranges of a program's symbols.
    pub fn of(program: &Program<'_>) -> Bounds {
        let declared = |symbol: &Symbol| Interval { low: symbol.low, high: symbol.high };
        Bounds { ranges: program.tables.symbols().iter().map(declared).collect() }
    }

    /// Sets the largest value of the symbol with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`], [`Code::BoundOutOfRange`].
    pub fn at_most(&mut self, program: &Program<'_>, symbol: &str, high: i64) -> Result<&mut Bounds, Error> {
        let index = program.symbol(symbol)?;
        let low = self.ranges.get(index).map_or(0, |range| range.low);
        self.set(program, index, Interval { low, high })
    }

    /// Sets the smallest and largest value of the symbol with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`], [`Code::BoundOutOfRange`].
    pub fn between(&mut self, program: &Program<'_>, symbol: &str, low: i64, high: i64) -> Result<&mut Bounds, Error> {
        let index = program.symbol(symbol)?;
        self.set(program, index, Interval { low, high })
    }

    /// Sets the only value of the symbol with this name.
    ///
    /// # Errors
    /// [`Code::WrongName`], [`Code::BoundOutOfRange`].
    pub fn exactly(&mut self, program: &Program<'_>, symbol: &str, value: i64) -> Result<&mut Bounds, Error> {
        self.between(program, symbol, value, value)
    }

    /// Sets the range of the symbol with this number.
    ///
    /// # Errors
    /// [`Code::WrongName`], [`Code::BoundOutOfRange`].
    pub fn set(&mut self, program: &Program<'_>, symbol: usize, range: Interval) -> Result<&mut Bounds, Error> {
        let declared = program.tables.symbols().get(symbol).ok_or(Error::new(Code::WrongName))?;
        let slot = self.ranges.get_mut(symbol).ok_or(Error::new(Code::WrongName))?;
        if range.low < declared.low || range.high > declared.high || range.low > range.high {
            return Err(Error::at(Code::BoundOutOfRange, symbol as u32));
        }
        *slot = range;
        Ok(self)
    }

    /// Bounds the symbols that sizes of states determine by what the states were made for.
    ///
    /// # Errors
    /// [`Code::StatesMissing`] for states of another artifact, [`Code::BoundOutOfRange`] where the smallest value of a
    /// symbol is already too large for them.
    pub fn within(&mut self, program: &Program<'_>, states: &States<'_>) -> Result<&mut Bounds, Error> {
        if !states.are_of(program.artifact) {
            return Err(Error::new(Code::StatesMissing).because("the states belong to another artifact"));
        }
        for used in program.tables.states() {
            let most = states.most(used.state as usize).unwrap_or(&[]);
            for port in [&used.read, &used.write].into_iter().flatten() {
                for (&expr, &most) in port.dims.iter().zip(most) {
                    let Some(affine) = expression::affine(program.tables.expr(expr)) else { continue };
                    let most = i64::try_from(most).unwrap_or(i64::MAX);
                    let Some(rest) = most.checked_sub(affine.offset).filter(|_| affine.scale > 0) else { continue };
                    let Some(range) = self.ranges.get_mut(affine.symbol as usize) else { continue };
                    range.high = range.high.min(rest.div_euclid(affine.scale));
                    if range.high < range.low {
                        return Err(Error::at(Code::BoundOutOfRange, affine.symbol));
                    }
                }
            }
        }
        Ok(self)
    }

    /// Ranges without unbounded symbols, narrowed to what steps and guards leave possible.
    pub(crate) fn resolve(&self, program: &Program<'_>) -> Result<Vec<Interval>, Error> {
        let symbols = program.tables.symbols();
        if symbols.len() != self.ranges.len() {
            return Err(Error::new(Code::WrongName).because("the bounds belong to another program"));
        }
        let mut ranges = self.ranges.clone();
        narrow(program, &mut ranges);
        for (index, (range, symbol)) in ranges.iter_mut().zip(symbols).enumerate() {
            let at = index as u32;
            if range.high == i64::MAX {
                return Err(Error::at(Code::UnboundedSymbol, at));
            }
            let span = range.high.checked_sub(symbol.low).ok_or(Error::at(Code::BoundOutOfRange, at))?;
            range.high = symbol.low + span / symbol.step * symbol.step;
            if range.high < range.low {
                return Err(Error::at(Code::BoundOutOfRange, at).because("no value fits range, step and guards"));
            }
        }
        Ok(ranges)
    }
}

/// Applies guards of the form `symbol = expression`, so that one bound serves all names of a size.
fn narrow(program: &Program<'_>, ranges: &mut [Interval]) {
    // Twice, because a guard may use what a later one narrows; more would only matter for longer chains.
    for _ in 0..2 {
        for guard in program.tables.guards().iter().filter(|guard| guard.kind == GuardKind::Equal) {
            let sides = [(guard.left, guard.right), (guard.right, guard.left)];
            for (symbol, other) in sides {
                let Some(symbol) = expression::bare_symbol(program.tables.expr(symbol)) else { continue };
                let Ok(limit) = expression::bounds(program.tables.expr(other), ranges) else { continue };
                let Some(range) = ranges.get_mut(symbol as usize) else { continue };
                let meet = Interval { low: range.low.max(limit.low), high: range.high.min(limit.high) };
                if meet.low <= meet.high {
                    *range = meet;
                }
            }
        }
    }
}
