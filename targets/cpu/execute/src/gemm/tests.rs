//! Every micro-kernel against the sum of products.

use super::*;
use crate::element::{F32, I32};
use crate::epilogue::Bias;
use crate::layout::PANEL;
use crate::number::Number;
use m4c_runtime::executor::SingleThread;

/// A row-major matrix with its columns, and whether it may be read as it lies.
struct Copied<'a, N>(&'a [N], usize, bool);

impl<N: Number> Columns<N> for Copied<'_, N> {
    fn panels<'a>(&'a self, k: Range<usize>, cols: Range<usize>, space: &'a mut [N]) -> (&'a [N], usize) {
        let panel = k.len() * PANEL;
        for (at, to) in space.iter_mut().enumerate() {
            let (row, column) = (k.start + at % panel / PANEL, cols.start + at / panel * PANEL + at % PANEL);
            *to = if column < cols.end { self.0[row * self.1 + column] } else { N::default() };
        }
        (space, panel)
    }

    fn row_major(&self) -> Option<(&[N], usize)> {
        self.2.then_some((self.0, self.1))
    }
}

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.0 - 1.0).collect()
}

fn product<'a, E: Numeric>(
    isa: Isa,
    size: Size,
    a: &'a [E::Raw],
    columns: impl Fn() -> Copied<'a, E::Number> + Sync,
    epilogue: Epilogue<'a, E::Raw>,
) -> Vec<E::Raw> {
    let mut out = vec![bytemuck::Zeroable::zeroed(); size.rows * size.cols];
    let mut scratch = vec![E::Number::default(); size.scratch::<E>(1) / size_of::<E::Number>()];
    let rows = || Stored::<E> { matrix: a, k: size.k };
    let group = |_| Product { rows: rows(), columns: columns(), epilogue };
    multiply::<E, _, _>(isa, &size, group, &mut out, &mut scratch, &SingleThread).unwrap();
    out
}

#[test]
fn every_instruction_set_agrees_with_the_sum_of_products() {
    for rows in (1..=13).chain([23, 97, 130]) {
        for (k, cols) in
            [(1, 1), (5, 16), (300, 17), (513, 70), (0, 3), (64, 200), (512, 33), (7, 48), (1024, 15), (400, 300)]
        {
            let (a, b) = (numbers(rows * k, 1), numbers(k * cols, 2));
            let (per_row, per_col) = (numbers(rows, 3), numbers(cols, 4));
            for isa in Isa::all() {
                for bias in [Bias::None, Bias::PerRow(&per_row), Bias::PerColumn(&per_col)] {
                    let size = Size { groups: 1, rows, cols, k };
                    let epilogue = Epilogue { bias, ..Epilogue::NONE };
                    let [out, streamed] = [false, true]
                        .map(|row_major| product::<F32>(isa, size, &a, || Copied(&b, cols, row_major), epilogue));
                    assert_eq!(out, streamed);
                    for (at, &got) in out.iter().enumerate() {
                        let (i, j) = (at / cols, at % cols);
                        let products = (0..k).map(|k_at| f64::from(a[i * k + k_at]) * f64::from(b[k_at * cols + j]));
                        let exact = products.sum::<f64>()
                            + match bias {
                                Bias::None => 0.0,
                                Bias::PerRow(bias) => f64::from(bias[i]),
                                Bias::PerColumn(bias) => f64::from(bias[j]),
                            };
                        assert!((f64::from(got) - exact).abs() < 1e-5 * (k as f64 + 1.0), "{isa:?} {got} {exact}");
                    }
                }
            }
        }
    }
}

/// With products and sums that are exact, the instruction sets must agree in every bit: nothing is left out or doubled.
#[test]
fn every_instruction_set_is_exact_on_small_integers() {
    for rows in 1..=26 {
        for (k, cols) in [(3, 15), (400, 64), (9, 65), (31, 31), (5, 100), (386, 129)] {
            let integers = |count: usize, seed: i32| (0..count as i32).map(move |i| (i * 31 + seed) % 17 - 8);
            let (a, b): (Vec<i32>, Vec<i32>) = (integers(rows * k, 1).collect(), integers(k * cols, 5).collect());
            let [a_real, b_real] = [&a, &b].map(|all| all.iter().map(|&x| x as f32).collect::<Vec<_>>());
            let size = Size { groups: 1, rows, cols, k };
            let exact: Vec<i32> = (0..rows * cols)
                .map(|at| (0..k).map(|k_at| a[at / cols * k + k_at] * b[k_at * cols + at % cols]).sum())
                .collect();
            for isa in Isa::all() {
                let out = product::<I32>(isa, size, &a, || Copied(&b, cols, false), Epilogue::NONE);
                assert!(out == exact, "{isa:?} {rows}x{k}x{cols}");
                let out = product::<F32>(isa, size, &a_real, || Copied(&b_real, cols, false), Epilogue::NONE);
                assert!(out.iter().zip(&exact).all(|(&x, &exact)| x == exact as f32), "{isa:?} {rows}x{k}x{cols}");
            }
        }
    }
}
