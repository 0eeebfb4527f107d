//! Kernels that move elements or make them from parameters.

use crate::harness::{Random, Tensor, accepts, coordinates, count, position, run, shape};
use m4c_runtime::DType;
use m4c_runtime::error::Code;

const WIDTHS: [usize; 4] = [1, 2, 4, 8];

#[test]
fn copy_keeps_the_order_of_elements() {
    let mut random = Random(1);
    for bytes in WIDTHS {
        for (from, to) in [(vec![], vec![1, 1]), (vec![0, 4], vec![0]), (vec![6, 5000], vec![5, 6000])] {
            let x = random.words(bytes, &from);
            let out = run(&format!("copy_{bytes}"), &[Some(&x)], x.dtype, &to, &[]).unwrap();
            assert_eq!(out.data(), x.data());
        }
    }
}

#[test]
fn transpose_moves_each_axis() {
    let mut random = Random(2);
    for bytes in WIDTHS {
        for round in 0..80 {
            let dims = match round {
                0 => vec![130, 70],
                1 => vec![3, 40, 5, 33],
                2 => vec![2, 257, 3],
                _ => random.dims(5, 6),
            };
            let mut perm: Vec<usize> = (0..dims.len()).collect();
            for i in (1..perm.len()).rev() {
                perm.swap(i, random.below(i + 1));
            }
            let to: Vec<usize> = perm.iter().map(|&axis| dims[axis]).collect();
            let params: Vec<i64> = perm.iter().map(|&axis| axis as i64).collect();
            let x = random.words(bytes, &dims);
            let out = run(&format!("transpose_{bytes}"), &[Some(&x)], x.dtype, &to, &params).unwrap();
            for at in 0..count(&to) {
                let index = coordinates(&to, at);
                let mut from = vec![0; dims.len()];
                perm.iter().zip(&index).for_each(|(&axis, &i)| from[axis] = i);
                assert_eq!(out.element(at), x.element(position(&dims, &from)), "{dims:?} {perm:?}");
            }
        }
    }
}

#[test]
fn broadcast_repeats() {
    let mut random = Random(3);
    for bytes in WIDTHS {
        for _ in 0..40 {
            let to = if random.below(8) == 0 { vec![9, 1, 6000] } else { random.dims(5, 5) };
            let from: Vec<usize> =
                to[random.below(to.len() + 1)..].iter().map(|&n| if random.below(2) == 0 { 1 } else { n }).collect();
            let x = random.words(bytes, &from);
            let out = run(&format!("broadcast_{bytes}"), &[Some(&x)], x.dtype, &to, &[]).unwrap();
            for at in 0..count(&to) {
                assert_eq!(out.element(at), x.element(position(&from, &coordinates(&to, at))), "{from:?} {to:?}");
            }
        }
    }
}

#[test]
fn slice_steps_both_ways() {
    let mut random = Random(4);
    for bytes in WIDTHS {
        for round in 0..80 {
            let dims = if round == 0 { vec![50, 900] } else { random.dims(4, 7) };
            let (mut params, mut to) = (Vec::new(), Vec::new());
            for &size in &dims {
                let start = random.below(size.max(1)) as i64;
                let step = [1, 1, 2, 3, -1, -2][random.below(6)];
                let most = match (size, step) {
                    (0, _) => 0,
                    (_, 1..) => (size as i64 - 1 - start) / step + 1,
                    _ => start / -step + 1,
                };
                params.extend([start, step]);
                to.push(most as usize - if most > 0 { random.below(2).min(most as usize - 1) } else { 0 });
            }
            let x = random.words(bytes, &dims);
            let out = run(&format!("slice_{bytes}"), &[Some(&x)], x.dtype, &to, &params).unwrap();
            for at in 0..count(&to) {
                let index = coordinates(&to, at);
                let from: Vec<usize> = index
                    .iter()
                    .zip(params.chunks(2))
                    .map(|(&i, pair)| (pair[0] + i as i64 * pair[1]) as usize)
                    .collect();
                assert_eq!(out.element(at), x.element(position(&dims, &from)), "{dims:?} {params:?}");
            }
        }
    }
}

#[test]
fn slice_refuses_what_lies_outside() {
    let good = |to: usize, params: &[i64]| {
        accepts("slice_4", &[Some(shape(DType::F32, &[5]))], &[shape(DType::F32, &[to])], params)
    };
    assert!(good(5, &[0, 1]) && good(5, &[4, -1]) && good(3, &[0, 2]) && good(1, &[4, i64::MIN]) && good(0, &[9, 1]));
    assert!(!good(5, &[1, 1]) && !good(6, &[4, -1]) && !good(1, &[5, 1]) && !good(1, &[-1, 1]) && !good(5, &[0, 0]));
    assert!(!good(2, &[0, i64::MAX]) && !good(2, &[4, i64::MIN]) && !good(5, &[0]) && !good(5, &[0, 1, 0]));
}

#[test]
fn strided_takes_what_lies_at_any_distances() {
    let mut random = Random(6);
    for bytes in WIDTHS {
        for _ in 0..80 {
            let (rows, heads, width) = (random.below(6), 1 + random.below(4), 1 + random.below(20));
            let (rest, first) = (random.below(9), random.below(5));
            let row = first + heads * width + rest;
            let x = random.words(bytes, &[rows, row]);
            // A transposition of a part of each row.
            let to = [heads, rows, width];
            let params = [first, width, row, 1].map(|param| param as i64);
            let first_row_exists = if rows == 0 { [0; 4] } else { params };
            let out = run(&format!("strided_{bytes}"), &[Some(&x)], x.dtype, &to, &first_row_exists).unwrap();
            for at in 0..count(&to) {
                let index = coordinates(&to, at);
                let from = index[1] * row + first + index[0] * width + index[2];
                assert_eq!(out.element(at), x.element(from), "{to:?} {params:?}");
            }
        }
    }
}

#[test]
fn strided_refuses_what_lies_outside() {
    let good = |to: &[usize], params: &[i64]| {
        accepts("strided_4", &[Some(shape(DType::F32, &[2, 5]))], &[shape(DType::F32, to)], params)
    };
    assert!(good(&[10], &[0, 1]) && good(&[5, 2], &[0, 1, 5]) && good(&[2], &[4, 5]) && good(&[1], &[9, i64::MAX]));
    assert!(good(&[3, 4], &[0, 0, 1]) && good(&[0, 4], &[0, 99, 1]));
    assert!(!good(&[10], &[1, 1]) && !good(&[2], &[5, 5]) && !good(&[2], &[0, i64::MAX]) && !good(&[2], &[0, -1]));
    assert!(!good(&[2], &[-1, 1]) && !good(&[2], &[0]) && !good(&[2], &[0, 1, 1]) && !good(&[1], &[10, 1]));
}

#[test]
fn concat_puts_one_after_the_other() {
    let mut random = Random(5);
    for bytes in WIDTHS {
        for _ in 0..50 {
            let mut dims = random.dims(3, 6);
            dims.push(1 + random.below(40));
            let axis = random.below(dims.len());
            let parts: Vec<Tensor> = (0..1 + random.below(5))
                .map(|_| {
                    let mut own = dims.clone();
                    own[axis] = random.below(6);
                    random.words(bytes, &own)
                })
                .collect();
            let mut to = dims.clone();
            to[axis] = parts.iter().map(|part| part.dims[axis]).sum();
            let operands: Vec<_> = parts.iter().map(Some).collect();
            let out = run(&format!("concat_{bytes}"), &operands, parts[0].dtype, &to, &[axis as i64]).unwrap();
            for at in 0..count(&to) {
                let mut index = coordinates(&to, at);
                let mut part = 0;
                while index[axis] >= parts[part].dims[axis] {
                    index[axis] -= parts[part].dims[axis];
                    part += 1;
                }
                let part = &parts[part];
                assert_eq!(out.element(at), part.element(position_exact(&part.dims, &index)), "{to:?} {axis}");
            }
        }
    }
}

/// Without the rule that axes of size 1 take any index.
fn position_exact(dims: &[usize], index: &[usize]) -> usize {
    dims.iter().zip(index).fold(0, |at, (&size, &i)| at * size + i)
}

#[test]
fn gather_picks_by_index() {
    let mut random = Random(6);
    for bytes in WIDTHS {
        for round in 0..80 {
            let mut dims = if round == 0 { vec![3, 9, 700] } else { random.dims(4, 6) };
            dims.retain(|&size| size > 0);
            dims.push(1 + random.below(7));
            let axis = random.below(dims.len());
            let shared = random.below(axis + 1);
            let mut picks = dims[..shared].to_vec();
            picks.extend(random.dims(2, 9));
            let along = dims[axis] as i64;
            let indices: Vec<i64> = (0..count(&picks)).map(|_| random.below(2 * dims[axis]) as i64 - along).collect();
            let to: Vec<usize> = [&dims[..axis], &picks[shared..], &dims[axis + 1..]].concat();
            if to.len() > 8 {
                continue;
            }
            let x = random.words(bytes, &dims);
            let indices_tensor = if random.below(2) == 0 {
                Tensor::new(DType::I64, &picks, &indices)
            } else {
                Tensor::new(DType::I32, &picks, &indices.iter().map(|&i| i as i32).collect::<Vec<_>>())
            };
            let params = [axis as i64, shared as i64];
            let out =
                run(&format!("gather_{bytes}"), &[Some(&x), Some(&indices_tensor)], x.dtype, &to, &params).unwrap();
            let own = picks.len() - shared;
            for at in 0..count(&to) {
                let index = coordinates(&to, at);
                let which: Vec<usize> = [&index[..shared], &index[axis..axis + own]].concat();
                let picked = indices[position_exact(&picks, &which)];
                let picked = if picked < 0 { picked + along } else { picked } as usize;
                let from: Vec<usize> = [&index[..axis], &[picked], &index[axis + own..]].concat();
                assert_eq!(out.element(at), x.element(position_exact(&dims, &from)), "{dims:?} {picks:?} {params:?}");
            }
        }
    }
}

#[test]
fn gather_reports_an_index_outside() {
    let x = Tensor::new(DType::F32, &[3, 2], &[0f32; 6]);
    for bad in [3, -4, i64::MAX, i64::MIN] {
        let indices = Tensor::new(DType::I64, &[2], &[0, bad]);
        let out = run("gather_4", &[Some(&x), Some(&indices)], DType::F32, &[2, 2], &[0, 0]);
        assert_eq!(out.unwrap_err(), Code::IndexOutOfRange);
    }
    let empty = Tensor::new(DType::F32, &[0, 2], &[0f32; 0]);
    let indices = Tensor::new(DType::I32, &[1], &[0i32]);
    let out = run("gather_4", &[Some(&empty), Some(&indices)], DType::F32, &[1, 2], &[0, 0]);
    assert_eq!(out.unwrap_err(), Code::IndexOutOfRange);
}

#[test]
fn pad_frames_and_spreads() {
    let mut random = Random(7);
    for bytes in WIDTHS {
        for round in 0..60 {
            let dims = if round == 0 { vec![40, 500] } else { random.dims(4, 5) };
            let (mut params, mut to) = (Vec::new(), Vec::new());
            for &size in &dims {
                let [low, high, interior] = [0; 3].map(|_: i32| random.below(3));
                params.extend([low, high, interior].map(|size| size as i64));
                to.push(size + low + high + size.saturating_sub(1) * interior);
            }
            let (x, value) = (random.words(bytes, &dims), random.words(bytes, &[]));
            let out = run(&format!("pad_{bytes}"), &[Some(&x), Some(&value)], x.dtype, &to, &params).unwrap();
            for at in 0..count(&to) {
                let index = coordinates(&to, at);
                let from: Option<Vec<usize>> = (0..dims.len())
                    .map(|axis| {
                        let step = params[3 * axis + 2] as usize + 1;
                        let place = index[axis].checked_sub(params[3 * axis] as usize)?;
                        (place % step == 0 && place / step < dims[axis]).then_some(place / step)
                    })
                    .collect();
                let expected = from.map_or(value.element(0), |from| x.element(position_exact(&dims, &from)));
                assert_eq!(out.element(at), expected, "{dims:?} {params:?}");
            }
        }
    }
}

#[test]
fn iota_grows_along_its_axis() {
    for (dims, axis) in [(vec![5], 0), (vec![3, 4, 2], 1), (vec![2, 0], 1), (vec![2, 30_000], 0), (vec![2, 30_000], 1)]
    {
        for (start, step) in [(0, 1), (7, -3), (i64::MAX, 1)] {
            let params = [axis as i64, start, step];
            let wide = run("iota_i64", &[], DType::I64, &dims, &params).unwrap();
            let narrow = run("iota_i32", &[], DType::I32, &dims, &params).unwrap();
            for at in 0..count(&dims) {
                let expected = start.wrapping_add(coordinates(&dims, at)[axis] as i64 * step);
                assert_eq!(wide.as_slice::<i64>()[at], expected);
                assert_eq!(narrow.as_slice::<i32>()[at], expected as i32);
            }
        }
    }
}

#[test]
fn dim_writes_its_parameters() {
    let out = run("dim_i64", &[], DType::I64, &[3], &[4, -5, i64::MAX]).unwrap();
    assert_eq!(out.as_slice::<i64>(), [4, -5, i64::MAX]);
    assert_eq!(run("dim_i64", &[], DType::I64, &[], &[9]).unwrap().as_slice::<i64>(), [9]);
    assert!(run("dim_i64", &[], DType::I64, &[0], &[]).unwrap().data().is_empty());
    assert!(!accepts("dim_i64", &[], &[shape(DType::I64, &[2])], &[1]));
}

#[test]
fn scatter_replaces_rows_and_scatter_add_adds_to_them() {
    let mut random = Random(11);
    for round in 0..200 {
        let mut dims = vec![1 + random.below(9)];
        dims.extend(random.dims(2, 6));
        let picks = random.below(7);
        let indices: Vec<i64> = (0..picks).map(|_| random.below(2 * dims[0]) as i64 - dims[0] as i64).collect();
        let given: Vec<usize> = [&[picks], &dims[1..]].concat();
        let at = if round % 2 == 0 {
            Tensor::new(DType::I64, &[picks], &indices)
        } else {
            Tensor::new(DType::I32, &[picks], &indices.iter().map(|&i| i as i32).collect::<Vec<_>>())
        };
        let inner = count(&dims[1..]);
        let rows: Vec<usize> = indices.iter().map(|&i| i.rem_euclid(dims[0] as i64) as usize).collect();
        for bytes in WIDTHS {
            let (x, updates) = (random.words(bytes, &dims), random.words(bytes, &given));
            let out = run(&format!("scatter_{bytes}"), &[Some(&x), Some(&at), Some(&updates)], x.dtype, &dims, &[]);
            let out = out.unwrap();
            for position in 0..count(&dims) {
                let last = rows.iter().rposition(|&row| row * inner <= position && position < (row + 1) * inner);
                let expected = match last {
                    Some(k) => updates.element(k * inner + position % inner),
                    None => x.element(position),
                };
                assert_eq!(out.element(position), expected, "{dims:?} {indices:?}");
            }
        }
        let numbers =
            |dims: &[usize], random: &mut Random| -> Vec<i64> { (0..count(dims)).map(|_| random.integer()).collect() };
        let (x, updates) = (numbers(&dims, &mut random), numbers(&given, &mut random));
        let mut expected = x.clone();
        for (k, row) in rows.iter().enumerate() {
            for i in 0..inner {
                expected[row * inner + i] = expected[row * inner + i].wrapping_add(updates[k * inner + i]);
            }
        }
        let (x, updates) = (Tensor::new(DType::I64, &dims, &x), Tensor::new(DType::I64, &given, &updates));
        let out = run("scatter_add_i64", &[Some(&x), Some(&at), Some(&updates)], DType::I64, &dims, &[]).unwrap();
        assert_eq!(out.data(), Tensor::new(DType::I64, &dims, &expected).data(), "{dims:?} {indices:?}");
    }
}

#[test]
fn scatter_reports_an_index_outside() {
    let x = Tensor::new(DType::F32, &[3, 2], &[0f32; 6]);
    let updates = Tensor::new(DType::F32, &[2, 2], &[1f32; 4]);
    for bad in [3, -4, i64::MAX, i64::MIN] {
        let indices = Tensor::new(DType::I64, &[2], &[0, bad]);
        for kernel in ["scatter_4", "scatter_add_f32"] {
            let out = run(kernel, &[Some(&x), Some(&indices), Some(&updates)], DType::F32, &[3, 2], &[]);
            assert_eq!(out.unwrap_err(), Code::IndexOutOfRange);
        }
    }
}
