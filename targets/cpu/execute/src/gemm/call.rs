//! One call of a micro-kernel.

use crate::layout::PANEL;
use crate::tiles::Tile;

/// The product of some rows and some neighboring panels over a stretch of k.
pub(crate) struct Call<'a, N> {
    /// Numbers along k.
    pub(crate) depth: usize,
    /// The rows, each `a_stride` after the one before.
    pub(crate) a: &'a [N],
    pub(crate) a_stride: usize,
    /// The panels, each `b_stride` after the one before, `depth` rows of 16 numbers each.
    pub(crate) b: &'a [N],
    pub(crate) b_stride: usize,
    /// How far beyond each panel the numbers begin that a later call reads, of which this one prefetches a fourth of `depth` rows.
    /// A wrong distance costs time, nothing else.
    #[cfg_attr(not(all(feature = "std", target_arch = "x86_64")), allow(dead_code))]
    pub(crate) ahead: isize,
    /// Where the product goes: its rows are those of `a`, its columns lie in as many panels as they fill.
    pub(crate) out: Tile<'a, N>,
    /// Whether the product is added to what is there.
    pub(crate) add: bool,
}

impl<N> Call<'_, N> {
    /// The number of panels.
    #[inline(always)]
    pub(crate) fn panels(&self) -> usize {
        self.out.cols.div_ceil(PANEL)
    }

    /// Panics where a micro-kernel of so many rows and panels would leave the matrices.
    #[inline(always)]
    pub(crate) fn check(&self, rows: usize, panels: usize) {
        assert!(self.out.rows == rows && self.panels() == panels && rows > 0 && panels > 0);
        assert!(self.a.len() >= (rows - 1) * self.a_stride + self.depth);
        assert!(self.b.len() >= (panels - 1) * self.b_stride + self.depth * PANEL);
    }
}
