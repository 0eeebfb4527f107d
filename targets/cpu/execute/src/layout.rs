//! Layouts in which the compile side stores constant weights for the kernels of this crate.

/// Columns of a panel.
pub const PANEL: usize = 16;

/// The layouts of the weights of `matmul_packed_T`, as artifacts name them.
///
/// A `k` × `n` matrix is cut into panels of [`PANEL`] columns, the last one filled up with zeros. The panels follow one
/// another, each with its `k` rows in order: `[n / 16 rounded up][k][16]`.
pub const F32_KN16: &str = "f32_kn16";
/// The same for half precision.
pub const F16_KN16: &str = "f16_kn16";
/// The same for bfloat16.
pub const BF16_KN16: &str = "bf16_kn16";

/// The number of elements of a packed `k` × `n` matrix, or `None` where it overflows.
pub const fn packed_len(k: usize, n: usize) -> Option<usize> {
    match n.div_ceil(PANEL).checked_mul(PANEL) {
        Some(columns) => columns.checked_mul(k),
        None => None,
    }
}

/// Packs the `k` × `n` matrix whose element (i, j) is `src[i * row_stride + j * col_stride]` in panels.
///
/// A transposed matrix is packed by exchanging the strides.
///
/// # Panics
/// Where `dst` is not [`packed_len`] long or `src` is too short for the strides.
pub fn pack_kn16<T: Copy + Default>(
    src: &[T],
    k: usize,
    n: usize,
    row_stride: usize,
    col_stride: usize,
    dst: &mut [T],
) {
    assert_eq!(Some(dst.len()), packed_len(k, n), "`dst` has another length than the packed matrix");
    if k == 0 {
        return;
    }
    for (panel, rows) in dst.chunks_exact_mut(k * PANEL).enumerate() {
        let first = panel * PANEL;
        let columns = PANEL.min(n - first);
        for (i, row) in rows.chunks_exact_mut(PANEL).enumerate() {
            let (row, rest) = row.split_at_mut(columns);
            for (j, x) in row.iter_mut().enumerate() {
                *x = src[i * row_stride + (first + j) * col_stride];
            }
            rest.fill(T::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_the_matrix_and_zeros_beyond_it() {
        for (k, n) in [(3, 20), (1, 16), (5, 1), (0, 7), (4, 0), (2, 33)] {
            let src: Vec<f32> = (0..k * n).map(|i| 1.0 + i as f32).collect();
            let transposed: Vec<f32> = (0..k * n).map(|at| src[at % k * n + at / k]).collect();
            let mut packed = vec![f32::NAN; packed_len(k, n).unwrap()];
            pack_kn16(&src, k, n, n, 1, &mut packed);
            for (at, &x) in packed.iter().enumerate() {
                let (i, j) = (at / 16 % k, at / 16 / k * 16 + at % 16);
                assert_eq!(x, if j < n { src[i * n + j] } else { 0.0 });
            }
            let mut other = vec![f32::NAN; packed.len()];
            pack_kn16(&transposed, k, n, 1, k, &mut other);
            assert_eq!(packed, other);
        }
    }

    #[test]
    fn lengths_that_overflow_are_none() {
        assert_eq!(packed_len(3, 17), Some(96));
        assert_eq!(packed_len(usize::MAX / 8, 2), None);
        assert_eq!(packed_len(1, usize::MAX), None);
    }
}
