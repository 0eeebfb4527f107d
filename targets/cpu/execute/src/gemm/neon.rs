//! The micro-kernel for NEON: up to 6 rows by 16 columns, in 24 of the 32 registers.

use super::Call;
use crate::layout::PANEL;
use core::arch::aarch64::{float32x4_t, vdupq_n_f32, vfmaq_n_f32, vld1q_f32, vst1q_f32};

/// Most rows of a call.
pub(crate) const ROWS: usize = 6;

/// Computes a call of at most 6 rows and one panel.
#[inline(always)]
pub(crate) fn product(call: Call<'_, f32>) {
    match call.out.rows {
        1 => micro::<1>(call),
        2 => micro::<2>(call),
        3 => micro::<3>(call),
        4 => micro::<4>(call),
        5 => micro::<5>(call),
        6 => micro::<6>(call),
        rows => unreachable!("{rows} rows"),
    }
}

fn micro<const R: usize>(mut call: Call<'_, f32>) {
    call.check(R, 1);
    let mut line = [0f32; PANEL];
    // SAFETY: every aarch64 machine that this is built for has NEON.
    let mut sums = [[unsafe { vdupq_n_f32(0.0) }; 4]; R];
    if call.add {
        for (i, sums) in sums.iter_mut().enumerate() {
            let out = call.out.row_mut(i);
            line[..out.len()].copy_from_slice(out);
            // SAFETY: a line is four times 4 numbers long.
            *sums = core::array::from_fn(|j| unsafe { vld1q_f32(line.as_ptr().add(4 * j)) });
        }
    }
    let (a, b) = (call.a.as_ptr(), call.b.as_ptr());
    for k in 0..call.depth {
        // SAFETY: `k < depth`, and `check` found `depth` rows of 16 numbers in the panel.
        let b: [float32x4_t; 4] = core::array::from_fn(|j| unsafe { vld1q_f32(b.add(k * PANEL + 4 * j)) });
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `k < depth`, and `check` found `depth` numbers in each of `R` rows.
            let a = unsafe { *a.add(i * call.a_stride + k) };
            for j in 0..4 {
                // SAFETY: as above, NEON exists.
                sums[j] = unsafe { vfmaq_n_f32(sums[j], b[j], a) };
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        let out = call.out.row_mut(i);
        for (j, &sum) in sums.iter().enumerate() {
            // SAFETY: a line is four times 4 numbers long.
            unsafe { vst1q_f32(line.as_mut_ptr().add(4 * j), sum) };
        }
        out.copy_from_slice(&line[..out.len()]);
    }
}
