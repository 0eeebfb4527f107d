//! The micro-kernel in plain Rust: the reference for the others, and the one of all number types without intrinsics.

use super::Call;
use crate::isa::Vector;
use crate::layout::PANEL;
use crate::number::Number;

/// Computes a call of at most 12 rows and one panel.
#[inline(always)]
pub(crate) fn product<V: Vector, N: Number>(call: Call<'_, N>) {
    macro_rules! rows {
        ($($rows:literal)+) => {
            match call.out.rows {
                $($rows if $rows <= V::ROWS => micro::<V, N, $rows>(call),)+
                rows => unreachable!("{rows} rows"),
            }
        };
    }
    rows!(1 2 3 4 5 6 7 8 9 10 11 12);
}

/// Computes a call of `R` rows.
#[inline(always)]
fn micro<V: Vector, N: Number, const R: usize>(mut call: Call<'_, N>) {
    call.check(R, 1);
    let mut sums = [[N::default(); PANEL]; R];
    if call.add {
        for (i, sums) in sums.iter_mut().enumerate() {
            let out = call.out.row_mut(i);
            sums[..out.len()].copy_from_slice(out);
        }
    }
    let rows: [&[N]; R] = core::array::from_fn(|i| &call.a[i * call.a_stride..][..call.depth]);
    for (k, b) in call.b.as_chunks::<PANEL>().0[..call.depth].iter().enumerate() {
        // Spelled out, because a loop over many rows is not unrolled, and the sums then live in memory.
        macro_rules! rows {
            ($($i:literal)+) => {
                $(
                    if $i < R {
                        for j in 0..PANEL {
                            sums[$i][j] = N::multiply_add::<V>(rows[$i][k], b[j], sums[$i][j]);
                        }
                    }
                )+
            };
        }
        rows!(0 1 2 3 4 5 6 7 8 9 10 11);
    }
    for (i, sums) in sums.iter().enumerate() {
        let out = call.out.row_mut(i);
        out.copy_from_slice(&sums[..out.len()]);
    }
}
