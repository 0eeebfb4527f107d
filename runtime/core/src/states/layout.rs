//! How the rows of a state lie in memory, and the way there and back.

/// Three levels of a tensor: what lies before the axis that rows are added along, that axis, and the bytes behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    outer: usize,
    along: usize,
    inner: usize,
}

impl Layout {
    /// The levels of row-major sizes whose elements take so many bytes. `None` where they overflow.
    pub(super) fn new(sizes: &[usize], axis: Option<usize>, element: usize) -> Option<Layout> {
        let product = |sizes: &[usize], of: usize| sizes.iter().try_fold(of, |all, &size| all.checked_mul(size));
        let axis = axis.unwrap_or(0);
        let (outer, rest) = sizes.split_at_checked(axis)?;
        let (along, inner) = rest.split_first().map_or((1, &[][..]), |(along, inner)| (*along, inner));
        let layout = Layout { outer: product(outer, 1)?, along, inner: product(inner, element)? };
        layout.along.checked_mul(layout.outer)?.checked_mul(layout.inner)?;
        Some(layout)
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> usize {
        self.outer * self.along * self.inner
    }

    /// Puts the axis first.
    pub(super) fn store(&self, plain: &[u8], stored: &mut [u8]) {
        self.pairs(|at_plain, at_stored| {
            stored[at_stored..at_stored + self.inner].copy_from_slice(&plain[at_plain..at_plain + self.inner]);
        });
    }

    /// Puts the axis back.
    pub(super) fn load(&self, stored: &[u8], plain: &mut [u8]) {
        self.pairs(|at_plain, at_stored| {
            plain[at_plain..at_plain + self.inner].copy_from_slice(&stored[at_stored..at_stored + self.inner]);
        });
    }

    fn pairs(&self, mut each: impl FnMut(usize, usize)) {
        if self.bytes() == 0 {
            return;
        }
        for outer in 0..self.outer {
            for along in 0..self.along {
                each((outer * self.along + along) * self.inner, (along * self.outer + outer) * self.inner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn the_axis_comes_first_and_goes_back() {
        let layout = Layout::new(&[2, 3, 2], Some(1), 1).expect("small");
        let plain: Vec<u8> = (0..12).collect();
        let mut stored = vec![0; 12];
        layout.store(&plain, &mut stored);
        assert_eq!(stored, [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
        let mut back = vec![0; 12];
        layout.load(&stored, &mut back);
        assert_eq!(back, plain);
    }

    #[test]
    fn without_an_axis_the_order_stays() {
        for sizes in [&[][..], &[4], &[2, 2]] {
            let layout = Layout::new(sizes, None, 2).expect("small");
            let plain: Vec<u8> = (0..layout.bytes() as u8).collect();
            let mut stored = vec![0; plain.len()];
            layout.store(&plain, &mut stored);
            assert_eq!(stored, plain, "{sizes:?}");
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        assert!(Layout::new(&[usize::MAX, 2], Some(1), 1).is_none());
        assert!(Layout::new(&[usize::MAX], None, 2).is_none());
    }
}
