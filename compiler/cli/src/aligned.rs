//! Bytes that start where kernels want them.

use m4c_ir::memory::{self, Taken};

/// The alignment in bytes, which suits every element type and every kernel.
const ALIGNMENT: usize = 64;

/// A buffer whose first byte is aligned. It counts as taken memory.
#[derive(Debug)]
pub(crate) struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
    _taken: Taken,
}

impl Aligned {
    /// Zeros.
    pub(crate) fn zeroed(length: usize) -> Aligned {
        Aligned::over(vec![0; length + ALIGNMENT], length, memory::count(length as u64))
    }

    /// Alignment without unsafe code: there is more than needed, and the first aligned byte is the start.
    fn over(bytes: Vec<u8>, length: usize, taken: Taken) -> Aligned {
        let start = bytes.as_ptr().addr().wrapping_neg() % ALIGNMENT;
        Aligned { bytes, start, length, _taken: taken }
    }

    /// Zeros; `None` where there is not enough memory.
    pub(crate) fn try_zeroed(length: usize) -> Option<Aligned> {
        let taken = memory::take(length as u64).ok()?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length.checked_add(ALIGNMENT)?).ok()?;
        bytes.resize(length + ALIGNMENT, 0);
        Some(Aligned::over(bytes, length, taken))
    }

    /// A copy of these bytes.
    pub(crate) fn copy_of(bytes: &[u8]) -> Aligned {
        let mut aligned = Aligned::zeroed(bytes.len());
        aligned.bytes_mut().copy_from_slice(bytes);
        aligned
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}

/// Not derived: a copy elsewhere in memory starts elsewhere.
impl Clone for Aligned {
    fn clone(&self) -> Aligned {
        Aligned::copy_of(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_of_every_length_are_aligned() {
        for length in [0, 1, 63, 64, 1000] {
            let buffer = Aligned::copy_of(&vec![7; length]).clone();
            assert_eq!(buffer.bytes(), vec![7; length]);
            assert_eq!(Aligned::try_zeroed(length).unwrap().bytes(), vec![0; length]);
            assert!(buffer.bytes().as_ptr().addr().is_multiple_of(ALIGNMENT));
        }
        assert!(Aligned::try_zeroed(usize::MAX / 4).is_none());
    }
}
