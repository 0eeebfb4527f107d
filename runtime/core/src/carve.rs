//! Cuts the arena and the caller's outputs into the operands and results of one step, in safe code.

use alloc::vec::Vec;
use core::mem::take;

/// What a part of the arena, or an output, is for a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Use {
    Operand(u32),
    Result(u32),
    Scratch,
}

/// A part of the arena or of the states, or with `len` unused the output number `start`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Piece {
    pub(crate) start: usize,
    pub(crate) len: usize,
    pub(crate) role: Use,
}

/// The slices of one step.
#[derive(Debug, Default)]
pub(crate) struct Slices<'d> {
    pub(crate) operands: Vec<&'d [u8]>,
    pub(crate) results: Vec<&'d mut [u8]>,
    pub(crate) scratch: &'d mut [u8],
}

impl<'d> Slices<'d> {
    /// Empty lists with room for a step.
    pub(crate) fn with_capacity(operands: usize, results: usize) -> Slices<'d> {
        Slices { operands: Vec::with_capacity(operands), results: Vec::with_capacity(results), scratch: &mut [] }
    }

    /// Makes as many empty slices as a step has operands and results.
    pub(crate) fn reset(&mut self, operands: usize, results: usize) {
        self.operands.clear();
        self.operands.resize(operands, &[]);
        self.results.clear();
        self.results.resize_with(results, || &mut []);
        self.scratch = &mut [];
    }

    /// The lists without their borrows: collecting in place keeps the allocation, which a test holds.
    pub(crate) fn recycle(mut self) -> Slices<'static> {
        self.operands.clear();
        self.results.clear();
        Slices {
            operands: self.operands.into_iter().map(|_| -> &'static [u8] { &[] }).collect(),
            results: self.results.into_iter().map(|_| -> &'static mut [u8] { &mut [] }).collect(),
            scratch: &mut [],
        }
    }

    /// Cuts pieces out of the arena or the states. They are sorted by start; only operands may repeat one, and the longest
    /// of them comes first. Empty ones are left out. `None` where they overlap.
    pub(crate) fn carve_bytes(&mut self, bytes: &'d mut [u8], pieces: &[Piece]) -> Option<()> {
        let (mut rest, mut base) = (bytes, 0);
        let mut shared: Option<(usize, &'d [u8])> = None;
        for piece in pieces.iter().filter(|piece| piece.len > 0) {
            if let (Some((start, bytes)), Use::Operand(index)) = (shared, piece.role)
                && start == piece.start
            {
                *self.operands.get_mut(index as usize)? = bytes;
                continue;
            }
            let (_, tail) = take(&mut rest).split_at_mut_checked(piece.start.checked_sub(base)?)?;
            let (bytes, tail) = tail.split_at_mut_checked(piece.len)?;
            (rest, base) = (tail, piece.start + piece.len);
            shared = self.assign(piece, bytes)?;
        }
        Some(())
    }

    /// Lends outputs. The pieces are sorted by output; only operands may repeat one.
    pub(crate) fn carve_outputs(&mut self, outputs: &'d mut [&mut [u8]], pieces: &[Piece]) -> Option<()> {
        let (mut rest, mut base) = (outputs, 0);
        let mut shared: Option<(usize, &'d [u8])> = None;
        for piece in pieces {
            if let (Some((start, bytes)), Use::Operand(index)) = (shared, piece.role)
                && start == piece.start
            {
                *self.operands.get_mut(index as usize)? = bytes;
                continue;
            }
            let (_, tail) = take(&mut rest).split_at_mut_checked(piece.start.checked_sub(base)?)?;
            let (output, tail) = tail.split_first_mut()?;
            (rest, base) = (tail, piece.start + 1);
            shared = self.assign(piece, output)?;
        }
        Some(())
    }

    fn assign(&mut self, piece: &Piece, bytes: &'d mut [u8]) -> Option<Option<(usize, &'d [u8])>> {
        match piece.role {
            Use::Operand(index) => {
                let bytes: &'d [u8] = bytes;
                *self.operands.get_mut(index as usize)? = bytes;
                return Some(Some((piece.start, bytes)));
            }
            Use::Result(index) => *self.results.get_mut(index as usize)? = bytes,
            Use::Scratch => self.scratch = bytes,
        }
        Some(None)
    }

    /// Shortens an operand to its tensor.
    pub(crate) fn trim_operand(&mut self, index: usize, bytes: usize) -> Option<()> {
        let slot = self.operands.get_mut(index)?;
        *slot = slot.get(..bytes)?;
        Some(())
    }

    /// Shortens a result to its tensor.
    pub(crate) fn trim_result(&mut self, index: usize, bytes: usize) -> Option<()> {
        let slot = self.results.get_mut(index)?;
        *slot = take(slot).get_mut(..bytes)?;
        Some(())
    }
}
