//! Attention against its definition, wherever its operands lie.

use crate::harness::{Random, Tensor, accepts, count, lie, near, place, position, room, run};
use m4c_runtime::DType;

struct Case {
    batch: usize,
    heads: usize,
    shared: usize,
    queries: usize,
    keys: usize,
    width: usize,
    depth: usize,
    causal: Option<usize>,
    guarded: bool,
    order: usize,
    softcap: Option<f32>,
}

/// The places of the axes of `[batch, heads, positions, width]` in memory, outermost first.
const ORDERS: [[usize; 4]; 4] = [[0, 1, 2, 3], [0, 2, 1, 3], [2, 0, 1, 3], [0, 1, 3, 2]];

fn check(case: &Case, mask: Option<&Tensor>, random: &mut Random) {
    let &Case { batch, heads, shared, queries, keys, width, depth, .. } = case;
    let sizes = [[batch, heads, queries, width], [batch, shared, keys, width], [batch, shared, keys, depth]];
    let mut params: Vec<i64> = [batch, heads, shared, queries, keys, width, depth].map(|size| size as i64).into();
    params.extend([i64::from(case.causal.is_some()), case.causal.unwrap_or(0) as i64]);
    params.extend([i64::from(case.guarded), case.order as i64]);
    let mut lies = Vec::new();
    for (index, sizes) in sizes.iter().enumerate() {
        let order = ORDERS[random.below(if index == 0 { 3 } else { 4 })];
        let lie = lie(sizes, &order, random.below(5), random.below(3));
        params.extend(&lie);
        lies.push(lie);
    }
    let data: Vec<Tensor> = sizes.iter().zip(&lies).map(|(sizes, lie)| random.numbers(&[room(sizes, lie)])).collect();
    let scale = Tensor::new(DType::F32, &[], &[0.7f32]);
    let softcap = case.softcap.map(|cap| Tensor::new(DType::F32, &[], &[cap]));
    let operands = [Some(&data[0]), Some(&data[1]), Some(&data[2]), mask, Some(&scale), softcap.as_ref()];
    let dims = [batch * heads * queries * depth];
    let out = run("attention_f32", &operands, DType::F32, &dims, &params).unwrap();
    let at = |which: usize, index: [usize; 4]| f64::from(data[which].f32()[place(&lies[which], &index)]);
    for b in 0..batch {
        for h in 0..heads {
            let kept = h / (heads / shared);
            for row in 0..queries {
                let score = |key: usize| {
                    let dot: f64 = (0..width).map(|i| at(0, [b, h, row, i]) * at(1, [b, kept, key, i])).sum();
                    let mut score = dot * f64::from(0.7f32);
                    if let Some(cap) = case.softcap {
                        score = (score / f64::from(cap)).tanh() * f64::from(cap);
                    }
                    if let Some(mask) = mask {
                        let place = position(&mask.dims, &[b, h, row, key]);
                        match mask.dtype {
                            DType::Bool if mask.data()[place] == 0 => score = f64::from(f32::MIN),
                            DType::Bool => {}
                            _ => score += f64::from(mask.f32()[place]),
                        }
                    }
                    if case.causal.is_some_and(|before| key > before + row) { f64::from(f32::MIN) } else { score }
                };
                let scores: Vec<f64> = (0..keys).map(score).collect();
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
                let sum: f64 = powers.iter().sum();
                for i in 0..depth {
                    let exact: f64 = if keys == 0 {
                        0.0
                    } else {
                        let weight = |power: f64| if case.guarded && sum.is_nan() { 0.0 } else { power / sum };
                        powers.iter().enumerate().map(|(key, &power)| weight(power) * at(2, [b, kept, key, i])).sum()
                    };
                    let place = match case.order {
                        0 => position(&[batch, heads, queries, depth], &[b, h, row, i]),
                        1 => position(&[batch, queries, heads, depth], &[b, row, h, i]),
                        _ => position(&[queries, batch, heads, depth], &[row, b, h, i]),
                    };
                    let got = out.f32()[place];
                    assert!(
                        near(got, exact, 1e-5),
                        "{got} is not {exact}: {params:?} {:?}",
                        mask.map(|mask| &mask.dims)
                    );
                }
            }
        }
    }
}

#[test]
fn attention_of_any_sizes_wherever_its_operands_lie() {
    let mut random = Random(51);
    for round in 0..120 {
        let shared = 1 + random.below(2);
        let case = Case {
            batch: 1 + random.below(3),
            heads: shared * (1 + random.below(3)),
            shared,
            queries: [1, 2, 3, 13, 40, 100][random.below(6)],
            keys: if round % 17 == 0 { 1100 } else { [1, 2, 15, 33, 70][random.below(5)] },
            width: 1 + random.below(20),
            depth: 1 + random.below(20),
            causal: (random.below(3) == 0).then(|| random.below(4)),
            guarded: random.below(2) == 0,
            order: random.below(3),
            softcap: (random.below(4) == 0).then_some(1.5),
        };
        let full = [case.batch, case.heads, case.queries, case.keys];
        let dims: Vec<usize> = full.iter().map(|&size| if random.below(2) == 0 { 1 } else { size }).collect();
        let dims = &dims[random.below(4)..];
        let mask = match random.below(3) {
            0 => None,
            1 => {
                // Whole rows of one dimension may be hidden, which weighs all alike.
                let data: Vec<u8> = (0..count(dims)).map(|_| u8::from(random.below(3) > 0)).collect();
                Some(Tensor::new(DType::Bool, dims, &data))
            }
            _ => {
                let number = |random: &mut Random| match random.below(6) {
                    0 => f32::NEG_INFINITY,
                    1 => f32::MIN,
                    _ => random.number(),
                };
                let data: Vec<f32> = (0..count(dims)).map(|_| number(&mut random)).collect();
                Some(Tensor::new(DType::F32, dims, &data))
            }
        };
        check(&case, mask.as_ref(), &mut random);
    }
    let none = Case {
        batch: 1,
        heads: 2,
        shared: 1,
        queries: 3,
        keys: 0,
        width: 2,
        depth: 2,
        causal: None,
        guarded: false,
        order: 0,
        softcap: None,
    };
    check(&none, None, &mut random);
}

#[test]
fn rows_that_see_their_first_key_late_are_right() {
    let mut random = Random(52);
    let case = Case {
        batch: 1,
        heads: 1,
        shared: 1,
        queries: 14,
        keys: 1500,
        width: 4,
        depth: 3,
        causal: None,
        guarded: false,
        order: 0,
        softcap: None,
    };
    for hidden in [f32::NEG_INFINITY, f32::MIN] {
        let data: Vec<f32> = (0..1500).map(|key| if key < 1200 { hidden } else { 0.0 }).collect();
        check(&case, Some(&Tensor::new(DType::F32, &[1500], &data)), &mut random);
    }
    for guarded in [false, true] {
        for score in [f32::NEG_INFINITY, f32::INFINITY, f32::NAN] {
            let all = Tensor::new(DType::F32, &[1], &[score]);
            check(&Case { guarded, ..case }, Some(&all), &mut random);
            // A score in the last block decides about weights in the first.
            let data: Vec<f32> = (0..1500).map(|key| if key == 1300 { score } else { 0.0 }).collect();
            check(&Case { guarded, ..case }, Some(&Tensor::new(DType::F32, &[1500], &data)), &mut random);
        }
    }
}

#[test]
fn guarded_weights_of_values_that_are_not_finite_are_no_numbers() {
    let params = |guarded: i64| {
        let mut params = vec![1, 1, 1, 1, 2, 1, 2, 0, 0, guarded, 0];
        params.extend([[0, 1, 1, 1, 1], [0, 2, 2, 1, 1], [0, 4, 4, 2, 1]].concat());
        params
    };
    let of = |data: &[f32]| Tensor::new(DType::F32, &[data.len()], data);
    let (q, k, v, scale) = (of(&[1.0]), of(&[1.0, 2.0]), of(&[3.0, 4.0, 5.0, f32::INFINITY]), of(&[1.0]));
    for score in [f32::NEG_INFINITY, f32::NAN] {
        let mask = of(&[score]);
        let operands = [Some(&q), Some(&k), Some(&v), Some(&mask), Some(&scale), None];
        let out = |guarded: i64| run("attention_f32", &operands, DType::F32, &[2], &params(guarded)).unwrap();
        assert!(out(0).f32().iter().all(|x| x.is_nan()));
        assert!(matches!(out(1).f32()[..], [x, y] if x == 0.0 && y.is_nan()), "{:?}", out(1).f32());
    }
}

#[test]
fn operands_that_end_early_are_refused() {
    let params = |first: i64| {
        let mut params = vec![1, 1, 1, 2, 3, 4, 4, 0, 0, 0, 0];
        params.extend([[0, 8, 8, 4, 1], [first, 12, 12, 4, 1], [0, 12, 12, 4, 1]].concat());
        params
    };
    let of = |elements: usize| Some(Tensor::new(DType::F32, &[elements], &vec![0f32; elements]).shape());
    let accepted = |k: usize, params: &[i64]| {
        accepts("attention_f32", &[of(8), of(k), of(12), None, of(1), None], &[of(8).unwrap()], params)
    };
    assert!(accepted(12, &params(0)) && accepted(13, &params(1)));
    assert!(!accepted(12, &params(1)) && !accepted(11, &params(0)) && !accepted(12, &params(-1)));
    let mut still = params(0);
    still[19] = 0;
    assert!(!accepted(12, &still), "keys in one place");
}
