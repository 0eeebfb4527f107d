//! Finds the values of symbols from the sizes of inputs and states.

use alloc::vec;
use alloc::vec::Vec;

use m4c_format::expression::{self, Affine, Interval};

use crate::error::{Code, Error};
use crate::program::Program;
use crate::states::States;

/// Where each symbol's value comes from; made once a session.
#[derive(Debug)]
pub(crate) struct Solver {
    sources: Vec<Source>,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// The only value that the bounds leave.
    Fixed(i64),
    /// A size of an input, which is `scale * symbol + offset`.
    Size { input: usize, dim: usize, affine: Affine },
    /// A size of a state that the program reads, which is `scale * symbol + offset`.
    StateSize { state: usize, axis: usize, affine: Affine },
}

impl Solver {
    /// Prefers a size that is the symbol itself, then an input to a state, then the first that determines it.
    pub(crate) fn new(program: &Program<'_>, ranges: &[Interval]) -> Result<Solver, Error> {
        let mut found: Vec<Option<(u8, Source)>> = vec![None; ranges.len()];
        let mut offer = |expr: u32, from_state: bool, source: &dyn Fn(Affine) -> Source| {
            let steps = program.tables.expr(expr);
            let Some(affine) = expression::affine(steps) else { return };
            let rank = 2 * u8::from(expression::bare_symbol(steps).is_none()) + u8::from(from_state);
            let Some(slot) = found.get_mut(affine.symbol as usize) else { return };
            if slot.is_none_or(|(known, _)| rank < known) {
                *slot = Some((rank, source(affine)));
            }
        };
        for (input, port) in program.tables.inputs().iter().enumerate() {
            for (dim, &expr) in port.dims.iter().enumerate() {
                offer(expr, false, &|affine| Source::Size { input, dim, affine });
            }
        }
        for used in program.tables.states() {
            let state = used.state as usize;
            for (axis, &expr) in used.read.iter().flat_map(|port| port.dims.iter()).enumerate() {
                offer(expr, true, &|affine| Source::StateSize { state, axis, affine });
            }
        }
        let mut sources = Vec::with_capacity(ranges.len());
        for (index, (slot, range)) in found.iter().zip(ranges).enumerate() {
            sources.push(match slot {
                Some((_, source)) => *source,
                None if range.low == range.high => Source::Fixed(range.low),
                None => {
                    let error = Error::at(Code::UnboundedSymbol, index as u32);
                    return Err(error.because("no input determines the symbol, so its bounds must leave one value"));
                }
            });
        }
        Ok(Solver { sources })
    }

    /// Fills in the symbols. Ranks of the shapes were checked.
    pub(crate) fn solve(
        &self,
        shapes: &[&[usize]],
        states: Option<&States<'_>>,
        symbols: &mut [i64],
    ) -> Result<(), Error> {
        for (source, symbol) in self.sources.iter().zip(symbols) {
            *symbol = match *source {
                Source::Fixed(value) => value,
                Source::Size { input, dim, affine } => {
                    let size = shapes.get(input).and_then(|shape| shape.get(dim)).copied();
                    size.and_then(|size| invert(size, affine)).ok_or(Error::at(Code::DimMismatch, input as u32))?
                }
                Source::StateSize { state, axis, affine } => {
                    let states = states.ok_or(Error::new(Code::StatesMissing))?;
                    invert(states.size(state, axis)?, affine).ok_or(Error::at(Code::StateMismatch, state as u32))?
                }
            };
        }
        Ok(())
    }
}

fn invert(size: usize, affine: Affine) -> Option<i64> {
    let product = i64::try_from(size).ok()?.checked_sub(affine.offset)?;
    (product.checked_rem(affine.scale)? == 0).then(|| product.checked_div(affine.scale))?
}
