//! The windows of a convolution as the columns of a matrix, laid out panel by panel.

use crate::gemm::Columns;
use crate::layout::PANEL;
use crate::number::Numeric;
use core::ops::Range;

/// Spatial axes; fewer are filled up with leading axes of size 1.
pub(super) const SPACE: usize = 3;

/// How the windows lie in the input.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) input: [usize; SPACE],
    pub(super) kernel: [usize; SPACE],
    pub(super) output: [usize; SPACE],
    pub(super) stride: [usize; SPACE],
    pub(super) dilation: [usize; SPACE],
    pub(super) low: [usize; SPACE],
}

/// The windows of some channels.
pub(super) struct Windows<'a, E: Numeric> {
    pub(super) x: &'a [E::Raw],
    pub(super) window: Window,
}

/// Columns that are laid out together, so that lines are read along.
const STRETCH: usize = 8 * PANEL;

/// Neighboring columns of a panel whose windows lie side by side along the last axis.
#[derive(Clone, Copy, Default)]
struct Run {
    /// The place of the panel's first column in the first row of the panels.
    to: usize,
    /// The columns of the panel.
    lanes: (usize, usize),
    /// The corner of the first window, which may lie in the padding.
    corner: [isize; SPACE],
}

impl<E: Numeric> Columns<E::Number> for Windows<'_, E> {
    #[inline(always)]
    fn panels<'a>(
        &'a self,
        k: Range<usize>,
        cols: Range<usize>,
        space: &'a mut [E::Number],
    ) -> (&'a [E::Number], usize) {
        let panel = k.len() * PANEL;
        for (first, space) in cols.clone().step_by(STRETCH).zip(space.chunks_mut(panel * (STRETCH / PANEL))) {
            self.stretch(k.clone(), first..cols.end.min(first + STRETCH), space);
        }
        (space, panel)
    }
}

impl<E: Numeric> Windows<'_, E> {
    #[inline(always)]
    fn stretch(&self, k: Range<usize>, columns: Range<usize>, space: &mut [E::Number]) {
        let Window { input, kernel, dilation, .. } = self.window;
        let panel = k.len() * PANEL;
        let mut runs = [Run::default(); STRETCH];
        let runs = self.runs(columns.clone(), panel, &mut runs);
        // What the last panel has beyond the last column.
        let (filled, rest) = (columns.len() / PANEL * panel, columns.len() % PANEL);
        let tail = if rest == 0 { 0..0 } else { filled + rest..filled + PANEL };
        let mut place = [k.start / kernel[2] / kernel[1] % kernel[0], k.start / kernel[2] % kernel[1]];
        let mut last = k.start % kernel[2];
        let mut channel = k.start / kernel[2] / kernel[1] / kernel[0] * (input[0] * input[1] * input[2]);
        for row in 0..k.len() {
            let space = &mut space[row * PANEL..];
            let shift =
                [place[0] * dilation[0], place[1] * dilation[1], last * dilation[2]].map(|shift| shift as isize);
            for run in runs {
                let at: [isize; SPACE] = core::array::from_fn(|axis| run.corner[axis] + shift[axis]);
                let inside = (0..2).all(|axis| (0..input[axis] as isize).contains(&at[axis]));
                let out = &mut space[run.to..run.to + PANEL];
                if inside {
                    let line = channel + (at[0] as usize * input[1] + at[1] as usize) * input[2];
                    self.read(line, at[2], run, out);
                } else {
                    out[run.lanes.0..run.lanes.1].fill(E::Number::default());
                }
            }
            space[tail.clone()].fill(E::Number::default());
            last += 1;
            if last == kernel[2] {
                last = 0;
                place[1] += 1;
                if place[1] == kernel[1] {
                    place[1] = 0;
                    place[0] += 1;
                    if place[0] == kernel[0] {
                        place[0] = 0;
                        channel += input[0] * input[1] * input[2];
                    }
                }
            }
        }
    }

    /// The columns panel by panel and line by line of the output.
    #[inline(always)]
    fn runs<'r>(&self, columns: Range<usize>, panel: usize, runs: &'r mut [Run; STRETCH]) -> &'r [Run] {
        let Window { output, stride, low, .. } = self.window;
        let (mut count, mut column) = (0, columns.start);
        while column < columns.end {
            let at = [column / output[2] / output[1], column / output[2] % output[1], column % output[2]];
            let done = column - columns.start;
            let len = (output[2] - at[2]).min(columns.end - column).min(PANEL - done % PANEL);
            let corner = core::array::from_fn(|axis| (at[axis] * stride[axis]) as isize - low[axis] as isize);
            runs[count] = Run { to: done / PANEL * panel, lanes: (done % PANEL, done % PANEL + len), corner };
            count += 1;
            column += len;
        }
        &runs[..count]
    }

    /// Writes the lanes of a run from a line of the input, with zeros beyond its ends. `first` is the first one's place.
    #[inline(always)]
    fn read(&self, line: usize, first: isize, run: &Run, out: &mut [E::Number]) {
        let stride = self.window.stride[2];
        let length = self.window.input[2] as isize;
        let (start, end) = run.lanes;
        if stride == 1 && end - start == PANEL && first >= 0 && length - first >= PANEL as isize {
            let from = &self.x[line + first as usize..][..PANEL];
            out.iter_mut().zip(from).for_each(|(out, &x)| *out = E::number(x));
            return;
        }
        // The panel's first lane would lie here.
        let origin = (line as isize).saturating_add(first).saturating_sub(start.saturating_mul(stride) as isize);
        let from = usize::try_from(origin).ok().filter(|_| stride <= 2).and_then(|origin| self.x.get(origin..));
        let from = from.unwrap_or(&[]);
        if stride == 1
            && let (Some(from), Some(out)) = (from.first_chunk::<PANEL>(), out.first_chunk_mut::<PANEL>())
        {
            // Neighbors of the line are read, too, and put aside.
            let low = start as i32 + (-first).clamp(0, PANEL as isize) as i32;
            let high = start as i32 + length.saturating_sub(first).clamp(0, (end - start) as isize) as i32;
            for lane in 0..PANEL {
                let zero = if (lane as i32) < start as i32 { out[lane] } else { E::Number::default() };
                let inside = (low <= lane as i32) & ((lane as i32) < high);
                out[lane] = if inside { E::number(from[lane]) } else { zero };
            }
        } else if stride == 2
            && end - start == PANEL
            && (0..=length - 2 * PANEL as isize + 1).contains(&first)
            && let (Some(from), Some(out)) = (from.first_chunk::<{ 2 * PANEL }>(), out.first_chunk_mut::<PANEL>())
        {
            *out = core::array::from_fn(|lane| E::number(from[2 * lane]));
        } else {
            let mut place = first;
            for out in &mut out[start..end] {
                let inside = (0..length).contains(&place);
                *out = if inside { E::number(self.x[line + place as usize]) } else { E::Number::default() };
                // Beyond the last one it may be too large for a place.
                place = place.wrapping_add(stride as isize);
            }
        }
    }
}
