//! The micro-kernel for AVX-512: up to 12 rows by 32 columns, or 6 rows by 64, in 24 of the 32 registers.

use super::Call;
use crate::layout::PANEL;
use core::arch::asm;
use core::arch::x86_64::{
    _MM_HINT_T1, _mm_prefetch, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
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

/// Adds a number times the lines to the sums of a row, in one piece: else numbers are read steps ahead of their use, and sums
/// leave their registers for them. The number lies `scale * distance + 4 * deep` bytes behind `from`.
macro_rules! row {
    ($from:expr, $scale:literal * $distance:expr, $deep:literal, $lines:expr, $sums:expr) => {
        match P {
            1 => asm!(
                "vfmadd231ps {s0}, {l0}, dword ptr [{from} + {scale} * {distance} + 4 * {deep}]{{1to16}}",
                from = in(reg) $from, distance = in(reg) $distance, scale = const $scale, deep = const $deep,
                s0 = inout(zmm_reg) $sums[0], l0 = in(zmm_reg) $lines[0],
                options(readonly, nostack, preserves_flags)
            ),
            2 => asm!(
                "vbroadcastss {x}, dword ptr [{from} + {scale} * {distance} + 4 * {deep}]",
                "vfmadd231ps {s0}, {x}, {l0}",
                "vfmadd231ps {s1}, {x}, {l1}",
                from = in(reg) $from, distance = in(reg) $distance, scale = const $scale, deep = const $deep,
                x = out(zmm_reg) _,
                s0 = inout(zmm_reg) $sums[0], l0 = in(zmm_reg) $lines[0],
                s1 = inout(zmm_reg) $sums[1], l1 = in(zmm_reg) $lines[1],
                options(readonly, nostack, preserves_flags)
            ),
            4 => asm!(
                "vbroadcastss {x}, dword ptr [{from} + {scale} * {distance} + 4 * {deep}]",
                "vfmadd231ps {s0}, {x}, {l0}",
                "vfmadd231ps {s1}, {x}, {l1}",
                "vfmadd231ps {s2}, {x}, {l2}",
                "vfmadd231ps {s3}, {x}, {l3}",
                from = in(reg) $from, distance = in(reg) $distance, scale = const $scale, deep = const $deep,
                x = out(zmm_reg) _,
                s0 = inout(zmm_reg) $sums[0], l0 = in(zmm_reg) $lines[0],
                s1 = inout(zmm_reg) $sums[1], l1 = in(zmm_reg) $lines[1],
                s2 = inout(zmm_reg) $sums[2], l2 = in(zmm_reg) $lines[2],
                s3 = inout(zmm_reg) $sums[3], l3 = in(zmm_reg) $lines[3],
                options(readonly, nostack, preserves_flags)
            ),
            panels => unreachable!("{panels} panels"),
        }
    };
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
    let b = call.b.as_ptr();
    let (mut k, b_stride) = (0, call.b_stride);
    // An instruction reaches four rows from one place, which is a row ahead of them.
    let near = call.a_stride.wrapping_mul(size_of::<f32>());
    let far = near.wrapping_mul(3);
    let mut a = call.a.as_ptr().wrapping_byte_sub(near);
    macro_rules! rows {
        ($deep:literal $lines:ident: $($i:literal = $four:literal + $scale:literal * $distance:ident)+) => {
            $(
                if $i < R {
                    let from = a.wrapping_byte_add(near.wrapping_mul($four));
                    // SAFETY: `k + $deep < depth`, and `check` found `depth` numbers in each of `R` rows.
                    unsafe { row!(from, $scale * $distance, $deep, $lines, sums[$i]) };
                }
            )+
        };
    }
    macro_rules! step {
        ($deep:literal) => {{
            let mut lines = [_mm512_setzero_ps(); P];
            for (p, line) in lines.iter_mut().enumerate() {
                // SAFETY: `k + $deep < depth`, and `check` found `depth` rows of 16 numbers in each of `P` panels.
                *line = unsafe { _mm512_loadu_ps(b.add(p * b_stride + (k + $deep) * PANEL)) };
            }
            // Spelled out, because a loop over many rows may not be unrolled, and the sums then live in memory.
            rows!($deep lines:
                0 = 0 + 1 * near  1 = 0 + 2 * near  2 = 0 + 1 * far  3 = 0 + 4 * near
                4 = 4 + 1 * near  5 = 4 + 2 * near  6 = 4 + 1 * far  7 = 4 + 4 * near
                8 = 8 + 1 * near  9 = 8 + 2 * near  10 = 8 + 1 * far  11 = 8 + 4 * near
            );
        }};
    }
    let mut ahead = b.wrapping_offset(call.ahead);
    while k + 4 <= call.depth {
        for p in 0..P {
            _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(p * b_stride).cast());
        }
        ahead = ahead.wrapping_add(PANEL);
        step!(0);
        step!(1);
        step!(2);
        step!(3);
        k += 4;
        a = a.wrapping_add(4);
    }
    while k < call.depth {
        step!(0);
        k += 1;
        a = a.wrapping_add(1);
    }
    for (i, sums) in sums.iter().enumerate() {
        for p in 0..P {
            // SAFETY: as for the loads, and the tile is ours to write.
            unsafe { _mm512_mask_storeu_ps(out.add(i * out_stride + p * PANEL), masks[p], sums[p]) };
        }
    }
}
