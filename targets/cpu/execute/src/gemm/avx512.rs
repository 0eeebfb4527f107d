//! The micro-kernel for AVX-512: up to 12 rows by 32 columns, or 6 rows by 64, in 24 of the 32 registers.

use super::Call;
use crate::layout::PANEL;
use core::arch::x86_64::{
    _MM_HINT_T1, _mm_prefetch, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_ps, _mm512_setzero_ps,
};

/// Most rows of a call.
pub(crate) const ROWS: usize = 12;

/// How many of the panels that are left a call with so many rows takes.
#[inline(always)]
pub(crate) const fn panels(rows: usize, left: usize) -> usize {
    match left {
        4.. if rows <= 6 => 4,
        2.. => 2,
        _ => 1,
    }
}

/// Computes a call of at most 12 rows and as many panels as [`panels`] says.
#[target_feature(enable = "avx512f,fma")]
pub(crate) fn product(call: Call<'_, f32>) {
    macro_rules! rows {
        ($panels:literal: $($rows:literal)+) => {
            match call.out.rows {
                $($rows => micro::<$rows, $panels>(call),)+
                rows => unreachable!("{rows} rows"),
            }
        };
    }
    match call.panels() {
        1 => rows!(1: 1 2 3 4 5 6 7 8 9 10 11 12),
        2 => rows!(2: 1 2 3 4 5 6 7 8 9 10 11 12),
        4 => rows!(4: 1 2 3 4 5 6),
        panels => unreachable!("{panels} panels"),
    }
}

#[target_feature(enable = "avx512f,fma")]
fn micro<const R: usize, const P: usize>(mut call: Call<'_, f32>) {
    call.check(R, P);
    let (out, out_stride) = call.out.first_mut();
    let mut masks = [0u16; P];
    for (p, mask) in masks.iter_mut().enumerate() {
        let left = (call.out.cols - p * PANEL).min(PANEL);
        *mask = ((1u32 << left) - 1) as u16;
    }
    let mut sums = [[_mm512_setzero_ps(); P]; R];
    if call.add {
        for (i, sums) in sums.iter_mut().enumerate() {
            for p in 0..P {
                // SAFETY: the tile has `R` rows, `out_stride` apart, and as many columns as the masks have bits.
                sums[p] = unsafe { _mm512_maskz_loadu_ps(masks[p], out.add(i * out_stride + p * PANEL)) };
            }
        }
    }
    let (a, b) = (call.a.as_ptr(), call.b.as_ptr());
    let (mut k, a_stride, b_stride) = (0, call.a_stride, call.b_stride);
    // Spelled out, because a loop over many rows may not be unrolled, and the sums then live in memory.
    macro_rules! rows {
        ($k:ident $lines:ident: $($i:literal)+) => {
            $(
                if $i < R {
                    // SAFETY: `k < depth`, and `check` found `depth` numbers in each of `R` rows.
                    let a = _mm512_set1_ps(unsafe { *a.add($i * a_stride + $k) });
                    for p in 0..P {
                        sums[$i][p] = _mm512_fmadd_ps(a, $lines[p], sums[$i][p]);
                    }
                }
            )+
        };
    }
    macro_rules! step {
        ($k:expr) => {{
            let k = $k;
            let mut lines = [_mm512_setzero_ps(); P];
            for (p, line) in lines.iter_mut().enumerate() {
                // SAFETY: `k < depth`, and `check` found `depth` rows of 16 numbers in each of `P` panels.
                *line = unsafe { _mm512_loadu_ps(b.add(p * b_stride + k * PANEL)) };
            }
            rows!(k lines: 0 1 2 3 4 5 6 7 8 9 10 11);
        }};
    }
    let mut ahead = b.wrapping_offset(call.ahead);
    while k + 4 <= call.depth {
        for p in 0..P {
            _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(p * b_stride).cast());
        }
        ahead = ahead.wrapping_add(PANEL);
        step!(k);
        step!(k + 1);
        step!(k + 2);
        step!(k + 3);
        k += 4;
    }
    while k < call.depth {
        step!(k);
        k += 1;
    }
    for (i, sums) in sums.iter().enumerate() {
        for p in 0..P {
            // SAFETY: as for the loads, and the tile is ours to write.
            unsafe { _mm512_mask_storeu_ps(out.add(i * out_stride + p * PANEL), masks[p], sums[p]) };
        }
    }
}
