//! The micro-kernel for AVX2: up to 6 rows by 16 columns, in 12 of the 16 registers.

use super::Call;
use crate::layout::PANEL;
use core::arch::x86_64::{_mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps};

/// Most rows of a call.
pub(crate) const ROWS: usize = 6;

/// Computes a call of at most 6 rows and one panel.
#[target_feature(enable = "avx2,fma")]
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

#[target_feature(enable = "avx2,fma")]
fn micro<const R: usize>(mut call: Call<'_, f32>) {
    call.check(R, 1);
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    let mut line = [0f32; PANEL];
    if call.add {
        for (i, sums) in sums.iter_mut().enumerate() {
            let out = call.out.row_mut(i);
            line[..out.len()].copy_from_slice(out);
            // SAFETY: a line is two times 8 numbers long.
            *sums = unsafe { [_mm256_loadu_ps(line.as_ptr()), _mm256_loadu_ps(line.as_ptr().add(8))] };
        }
    }
    let (a, b) = (call.a.as_ptr(), call.b.as_ptr());
    for k in 0..call.depth {
        // SAFETY: `k < depth`, and `check` found `depth` rows of 16 numbers in the panel.
        let b = unsafe { [_mm256_loadu_ps(b.add(k * PANEL)), _mm256_loadu_ps(b.add(k * PANEL + 8))] };
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `k < depth`, and `check` found `depth` numbers in each of `R` rows.
            let a = _mm256_set1_ps(unsafe { *a.add(i * call.a_stride + k) });
            sums[0] = _mm256_fmadd_ps(a, b[0], sums[0]);
            sums[1] = _mm256_fmadd_ps(a, b[1], sums[1]);
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        let out = call.out.row_mut(i);
        // SAFETY: a line is two times 8 numbers long.
        unsafe {
            _mm256_storeu_ps(line.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(line.as_mut_ptr().add(8), sums[1]);
        }
        out.copy_from_slice(&line[..out.len()]);
    }
}
