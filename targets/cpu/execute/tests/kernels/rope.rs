//! Rotary embedding rounds each of its operations, as the steps do that it stands for, wherever its operands lie.

use crate::harness::{Random, Tensor, accepts, count, lie, place, room, run, same};
use m4c_runtime::DType;

/// The places of the axes of `[batch, heads, positions, width]` in memory, outermost first.
const ORDERS: [[usize; 4]; 3] = [[0, 1, 2, 3], [0, 2, 1, 3], [2, 0, 1, 3]];

/// `f(a * b, c * d)`, each rounded by itself.
fn turned(f: fn(f32, f32) -> f32, [a, b, c, d]: [&[f32]; 4]) -> Vec<f32> {
    (0..a.len()).map(|i| f(a[i] * b[i], c[i] * d[i])).collect()
}

#[test]
fn rows_are_turned_and_each_operation_rounds() {
    let mut random = Random(71);
    for round in 0..200 {
        let sizes = [1 + random.below(3), 1 + random.below(4), 1 + random.below(9), random.below(40)];
        let [batch, heads, positions, width] = sizes;
        let (pairs, interleaved) =
            (if round % 2 == 0 { width / 2 } else { random.below(width / 2 + 1) }, round % 3 == 0);
        let mut lies = Vec::new();
        for own in [&sizes[..], &[batch, positions, pairs], &[batch, positions, pairs]] {
            let order = ORDERS[random.below(3)];
            let order = if own.len() == 4 { &order[..] } else { [&[0, 1, 2][..], &[1, 0, 2]][random.below(2)] };
            let mut lie = lie(own, order, random.below(5), random.below(3));
            for step in &mut lie[1..own.len()] {
                *step = if random.below(5) == 0 { 0 } else { *step };
            }
            lies.push((room(own, &lie), lie));
        }
        let data: Vec<Tensor> = lies.iter().map(|(room, _)| random.odd_numbers(&[*room])).collect();
        let mut params = vec![i64::from(interleaved), pairs as i64];
        params.extend(lies.iter().flat_map(|(_, lie)| lie));
        let operands: Vec<Option<&Tensor>> = data.iter().map(Some).collect();
        let out = run("rope_f32", &operands, DType::F32, &sizes, &params).unwrap();
        let at = |which: usize, index: &[usize]| data[which].f32()[place(&lies[which].1, index)];
        for (row, out) in out.f32().chunks(width.max(1)).enumerate() {
            let [b, h, p] = [row / positions / heads, row / positions % heads, row % positions];
            let x: Vec<f32> = (0..width).map(|i| at(0, &[b, h, p, i])).collect();
            let [cos, sin] = [1, 2].map(|which| (0..pairs).map(|i| at(which, &[b, p, i])).collect::<Vec<f32>>());
            let (step, second) = if interleaved { (2, 1) } else { (1, pairs) };
            let part =
                |from: &[f32], start: usize| -> Vec<f32> { (0..pairs).map(|i| from[start + i * step]).collect() };
            let (left, right) = (part(&x, 0), part(&x, second));
            let new_left = turned(|x, y| x - y, [&left, &cos, &right, &sin]);
            let new_right = turned(|x, y| x + y, [&left, &sin, &right, &cos]);
            let good = |got: &[f32], expected: &[f32]| {
                got.iter().zip(expected).all(|(&a, &b)| a.to_bits() == b.to_bits() || a.is_nan() && same(a, b))
            };
            assert!(good(&part(out, 0), &new_left) && good(&part(out, second), &new_right), "{sizes:?} {params:?}");
            assert!(good(&out[2 * pairs..], &x[2 * pairs..]), "{sizes:?} {params:?}");
        }
    }
}

#[test]
fn operands_that_end_early_are_refused() {
    let sizes = [1, 2, 3, 5];
    let good = [&[0, 2, 0, 30, 15, 5, 1][..], &[0, 6, 2, 1], &[0, 6, 2, 1]].concat();
    let accepted = |elements: [usize; 3], params: &[i64]| {
        let of = |elements: usize| Some(Tensor::new(DType::F32, &[elements], &vec![0f32; elements]).shape());
        let result = Tensor::new(DType::F32, &sizes, &vec![0f32; count(&sizes)]).shape();
        accepts("rope_f32", &elements.map(of), &[result], params)
    };
    assert!(accepted([30, 6, 6], &good));
    assert!(!accepted([29, 6, 6], &good) && !accepted([30, 5, 6], &good) && !accepted([30, 6, 5], &good));
    let with = |place: usize, param: i64| {
        let mut params = good.clone();
        params[place] = param;
        params
    };
    assert!(accepted([31, 6, 6], &with(2, 1)) && !accepted([30, 6, 6], &with(2, 1)));
    for (place, param) in [(0, 2), (0, -1), (1, 3), (1, -1), (2, -1), (6, 2), (10, 2), (14, 0), (5, i64::MAX)] {
        assert!(!accepted([100, 100, 100], &with(place, param)), "{place} {param}");
    }
    assert!(!accepted([30, 6, 6], &good[..14]) && !accepted([30, 6, 6], &[&good[..], &[0]].concat()));
}
