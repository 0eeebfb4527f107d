//! Sums, maxima and the index of the maximum.

use crate::harness::{Random, Tensor, accepts, coordinates, count, near, run, same, shape};
use m4c_runtime::DType;
use std::cmp::Ordering;

/// Sizes, the axes to reduce, and the sizes with these axes as 1 or left out.
fn case(random: &mut Random, round: usize) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let dims = match round {
        0 => vec![3, 5000],
        1 => vec![5000, 3],
        2 => vec![70, 9, 65],
        3 => vec![100_000],
        _ => random.dims(5, 6),
    };
    let axes: Vec<usize> = (0..dims.len()).filter(|_| random.below(2) == 0).collect();
    let keep = random.below(2) == 0;
    let to = (0..dims.len())
        .filter(|axis| keep || !axes.contains(axis))
        .map(|axis| if axes.contains(&axis) { 1 } else { dims[axis] })
        .collect();
    (dims, axes, to)
}

/// The elements that make each element of the result.
fn groups<T: Copy>(dims: &[usize], axes: &[usize], x: &[T]) -> Vec<Vec<T>> {
    let kept: Vec<usize> = (0..dims.len()).map(|axis| if axes.contains(&axis) { 1 } else { dims[axis] }).collect();
    let mut groups = vec![Vec::new(); count(&kept)];
    for (at, &x) in x.iter().enumerate() {
        let index = coordinates(dims, at);
        let to = kept.iter().zip(index).fold(0, |at, (&size, i)| at * size + if size == 1 { 0 } else { i });
        groups[to].push(x);
    }
    groups
}

#[test]
fn reductions_of_f32() {
    let mut random = Random(11);
    for round in 0..150 {
        let (dims, axes, to) = case(&mut random, round);
        let params: Vec<i64> = axes.iter().rev().map(|&axis| axis as i64).collect();
        let x = if round % 3 == 0 { random.odd_numbers(&dims) } else { random.numbers(&dims) };
        let groups = groups(&dims, &axes, x.f32());
        let out = run("reduce_sum_f32", &[Some(&x)], DType::F32, &to, &params).unwrap();
        for (group, &got) in groups.iter().zip(out.f32()) {
            let exact = group.iter().map(|&x| f64::from(x)).sum::<f64>();
            assert!(near(got, exact, 1e-7), "{dims:?} {axes:?}: {got} {exact}");
        }
        if groups.iter().all(|group| !group.is_empty()) {
            let out = run("reduce_max_f32", &[Some(&x)], DType::F32, &to, &params).unwrap();
            for (group, &got) in groups.iter().zip(out.f32()) {
                let expected = group
                    .iter()
                    .fold(f32::NEG_INFINITY, |a, &b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) });
                assert!(same(got, expected), "{dims:?} {axes:?}: {got} {expected}");
            }
        } else {
            assert!(!accepts("reduce_max_f32", &[Some(x.shape())], &[shape(DType::F32, &to)], &params));
        }
    }
}

#[test]
fn reductions_of_integers() {
    let mut random = Random(12);
    for round in 0..100 {
        let (dims, axes, to) = case(&mut random, round);
        let params: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        let wide: Vec<i64> = (0..count(&dims)).map(|_| random.integer()).collect();
        let narrow: Vec<i32> = wide.iter().map(|&x| x as i32).collect();
        let (wide_groups, narrow_groups) = (groups(&dims, &axes, &wide), groups(&dims, &axes, &narrow));
        let (wide, narrow) = (Tensor::new(DType::I64, &dims, &wide), Tensor::new(DType::I32, &dims, &narrow));
        let out = run("reduce_sum_i64", &[Some(&wide)], DType::I64, &to, &params).unwrap();
        let sum = |group: &Vec<i64>| group.iter().fold(0i64, |a, &b| a.wrapping_add(b));
        assert!(out.as_slice::<i64>().iter().copied().eq(wide_groups.iter().map(sum)));
        let out = run("reduce_sum_i32", &[Some(&narrow)], DType::I32, &to, &params).unwrap();
        let sum = |group: &Vec<i32>| group.iter().fold(0i32, |a, &b| a.wrapping_add(b));
        assert!(out.as_slice::<i32>().iter().copied().eq(narrow_groups.iter().map(sum)));
        if wide_groups.iter().all(|group| !group.is_empty()) {
            let out = run("reduce_max_i64", &[Some(&wide)], DType::I64, &to, &params).unwrap();
            assert!(out.as_slice::<i64>().iter().eq(wide_groups.iter().map(|group| group.iter().max().unwrap())));
            let out = run("reduce_max_i32", &[Some(&narrow)], DType::I32, &to, &params).unwrap();
            assert!(out.as_slice::<i32>().iter().eq(narrow_groups.iter().map(|group| group.iter().max().unwrap())));
        }
    }
}

#[test]
fn argmax_is_the_first_largest() {
    let mut random = Random(13);
    for round in 0..150 {
        let mut dims = if round == 0 { vec![40, 600] } else { random.dims(4, 6) };
        dims.push(1 + random.below(5));
        let axis = random.below(dims.len());
        let to: Vec<usize> = [&dims[..axis], &dims[axis + 1..]].concat();
        let data: Vec<f32> = (0..count(&dims))
            .map(|_| match random.below(30) {
                0 => f32::NAN,
                1..5 => f32::NEG_INFINITY,
                _ => random.below(4) as f32,
            })
            .collect();
        let x = Tensor::new(DType::F32, &dims, &data);
        if dims[axis] == 0 && count(&to) > 0 {
            assert!(!accepts("argmax_f32", &[Some(x.shape())], &[shape(DType::I64, &to)], &[axis as i64]));
            continue;
        }
        let out = run("argmax_f32", &[Some(&x)], DType::I64, &to, &[axis as i64]).unwrap();
        for (group, &got) in groups(&dims, &[axis], &data).iter().zip(out.as_slice::<i64>()) {
            let nan = group.iter().position(|x| x.is_nan());
            let largest = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let expected = nan.or_else(|| group.iter().position(|&x| x == largest)).unwrap();
            assert_eq!(got, expected as i64, "{dims:?} {axis}");
        }
    }
}

#[test]
fn argmax_of_integers_is_the_first_largest() {
    let x = [i64::MIN, i64::MIN, -3, 5, i64::MAX, i64::MAX];
    let wide = Tensor::new(DType::I64, &[2, 3], &x);
    let narrow = Tensor::new(DType::I32, &[2, 3], &[7i32, 8, 8, -1, -2, -1]);
    let out = run("argmax_i64", &[Some(&wide)], DType::I64, &[2], &[1]).unwrap();
    assert_eq!(out.as_slice::<i64>(), [2, 1]);
    let out = run("argmax_i32", &[Some(&narrow)], DType::I64, &[3], &[0]).unwrap();
    assert_eq!(out.as_slice::<i64>(), [0, 0, 0]);
}

#[test]
fn top_k_is_a_stable_order() {
    let mut random = Random(17);
    for round in 0..150 {
        let mut dims = if round == 0 { vec![40, 600] } else { random.dims(4, 6) };
        dims.push(1 + random.below(5));
        let axis = random.below(dims.len());
        let k = random.below(dims[axis] + 1);
        let mut to = dims.clone();
        to[axis] = k;
        let data: Vec<f32> = (0..count(&dims))
            .map(|_| match random.below(30) {
                0..2 => f32::NAN,
                2..5 => f32::NEG_INFINITY,
                _ => random.below(4) as f32,
            })
            .collect();
        let x = Tensor::new(DType::F32, &dims, &data);
        let out = run("top_k_f32", &[Some(&x)], DType::I64, &to, &[axis as i64]).unwrap();
        let found: Vec<f32> = out.as_slice::<i64>().iter().map(|&index| index as f32).collect();
        for (group, got) in groups(&dims, &[axis], &data).iter().zip(groups(&to, &[axis], &found)) {
            let mut expected: Vec<usize> = (0..group.len()).collect();
            let nan_first = |i: &usize| !group[*i].is_nan();
            expected.sort_by(|i, j| {
                nan_first(i).cmp(&nan_first(j)).then(group[*j].partial_cmp(&group[*i]).unwrap_or(Ordering::Equal))
            });
            let expected: Vec<f32> = expected[..k].iter().map(|&index| index as f32).collect();
            assert_eq!(got, expected, "{dims:?} {axis}");
        }
        to[axis] = dims[axis] + 1;
        assert!(!accepts("top_k_f32", &[Some(x.shape())], &[shape(DType::I64, &to)], &[axis as i64]));
    }
}

#[test]
fn running_sums() {
    let mut random = Random(29);
    for _ in 0..100 {
        let mut dims = random.dims(4, 6);
        dims.push([1, 3, 150][random.below(3)]);
        let axis = random.below(dims.len());
        let inner = count(&dims[axis + 1..]);
        let data: Vec<i64> = (0..count(&dims)).map(|_| random.integer()).collect();
        let mut expected = data.clone();
        for at in (0..data.len()).filter(|at| !(at / inner).is_multiple_of(dims[axis])) {
            expected[at] = expected[at].wrapping_add(expected[at - inner]);
        }
        let x = Tensor::new(DType::I64, &dims, &data);
        let out = run("cumsum_i64", &[Some(&x)], DType::I64, &dims, &[axis as i64]).unwrap();
        assert_eq!(out.as_slice::<i64>(), expected, "{dims:?} {axis}");
    }
    let x = Tensor::new(DType::F32, &[1, 4], &[1.0f32, 1e8, 1.0, -1e8]);
    let out = run("cumsum_f32", &[Some(&x)], DType::F32, &[1, 4], &[1]).unwrap();
    assert_eq!(out.as_slice::<f32>(), [1.0, 1e8, 1e8, 2.0]);
}

#[test]
fn pools_take_the_largest_inside() {
    let mut random = Random(31);
    for _ in 0..200 {
        let [window, stride, dilation] = [1 + random.below(4), 1 + random.below(3), 1 + random.below(3)];
        let [low, high, size, channels] = [random.below(4), random.below(4), 1 + random.below(9), 1 + random.below(3)];
        let Some(room) = (size + low + high).checked_sub((window - 1) * dilation + 1) else { continue };
        let to = room / stride + 1;
        let x: Vec<f32> = (0..channels * size).map(|_| random.below(20) as f32 - 10.0).collect();
        let params = [window, stride, dilation, low, high].map(|param| param as i64);
        let tensor = Tensor::new(DType::F32, &[1, channels, size], &x);
        let out = run("max_pool_f32", &[Some(&tensor)], DType::F32, &[1, channels, to], &params).unwrap();
        for (at, &got) in out.as_slice::<f32>().iter().enumerate() {
            let covered = (0..window).filter_map(|i| (at % to * stride + i * dilation).checked_sub(low));
            let covered = covered.filter(|&place| place < size).map(|place| x[at / to * size + place]);
            assert_eq!(got, covered.fold(f32::NEG_INFINITY, f32::max), "{params:?} of {size}");
        }
    }
}
