//! The working memory of a session, owned by it or lent by the caller.

use alloc::vec::Vec;

use crate::error::{Code, Error};

/// Every buffer starts at a multiple of this many bytes.
pub(crate) const ALIGNMENT: usize = 64;

/// Where a session's working memory comes from.
#[derive(Debug)]
pub enum Arena<'a> {
    /// The session allocates it.
    Owned,
    /// The caller's memory: at least [`MemoryNeeds::arena`](crate::MemoryNeeds::arena) bytes, aligned to
    /// [`MemoryNeeds::alignment`](crate::MemoryNeeds::alignment).
    Borrowed(&'a mut [u8]),
}

/// Working memory of the right size.
#[derive(Debug)]
pub(crate) enum Memory<'a> {
    Owned { bytes: Vec<u8>, start: usize, len: usize },
    Borrowed(&'a mut [u8]),
}

impl<'a> Memory<'a> {
    pub(crate) fn new(arena: Arena<'a>, len: usize) -> Result<Memory<'a>, Error> {
        let too_large = Error::new(Code::TooLarge).because("the arena does not fit into memory");
        match arena {
            Arena::Owned => {
                // Alignment without unsafe code: take more, and start at the first aligned byte.
                let padded = len.checked_add(ALIGNMENT).ok_or(too_large)?;
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(padded).map_err(|_| too_large)?;
                bytes.resize(padded, 0);
                let start = bytes.as_ptr().addr().wrapping_neg() % ALIGNMENT;
                Ok(Memory::Owned { bytes, start, len })
            }
            Arena::Borrowed(bytes) => {
                if !is_aligned(bytes, ALIGNMENT) && len > 0 {
                    return Err(Error::new(Code::Misaligned).because("the arena"));
                }
                let bytes = bytes.get_mut(..len).ok_or(Error::new(Code::ArenaTooSmall))?;
                Ok(Memory::Borrowed(bytes))
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Memory::Owned { bytes, start, len } => bytes.get(*start..*start + *len).unwrap_or(&[]),
            Memory::Borrowed(bytes) => bytes,
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Memory::Owned { bytes, start, len } => bytes.get_mut(*start..*start + *len).unwrap_or(&mut []),
            Memory::Borrowed(bytes) => bytes,
        }
    }
}

pub(crate) fn is_aligned(bytes: &[u8], alignment: usize) -> bool {
    bytes.as_ptr().addr().is_multiple_of(alignment)
}
