//! Softmax and the norms.

use crate::harness::{Random, Tensor, accepts, count, near, run, shape};
use m4c_runtime::DType;

/// The elements along an axis, for each place in the other axes, with their positions.
fn lines(dims: &[usize], axis: usize) -> Vec<Vec<usize>> {
    let inner = count(&dims[axis + 1..]);
    let starts = (0..count(&dims[..axis])).flat_map(|outer| (0..inner).map(move |i| outer * dims[axis] * inner + i));
    starts.map(|start| (0..dims[axis]).map(|i| start + i * inner).collect()).collect()
}

#[test]
fn softmax_along_any_axis() {
    let mut random = Random(31);
    for round in 0..100 {
        let mut dims = match round {
            0 => vec![9, 700],
            1 => vec![300, 90],
            _ => random.dims(3, 5),
        };
        dims.push(1 + random.below(40));
        let axis = random.below(dims.len());
        let mut data: Vec<f32> = (0..count(&dims)).map(|_| random.number() * 30.0).collect();
        if round % 3 == 0 {
            data.iter_mut().for_each(|x| *x = if random.below(9) == 0 { f32::NEG_INFINITY } else { *x });
        }
        let x = Tensor::new(DType::F32, &dims, &data);
        let out = run("softmax_f32", &[Some(&x)], DType::F32, &dims, &[axis as i64]).unwrap();
        for line in lines(&dims, axis) {
            let largest = line.iter().map(|&at| f64::from(data[at])).fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = line.iter().map(|&at| (f64::from(data[at]) - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (&at, power) in line.iter().zip(&powers) {
                assert!(near(out.f32()[at], power / sum, 3e-7), "{dims:?} {axis}");
            }
        }
    }
}

#[test]
fn softmax_of_nothing_but_minus_infinity_is_nan() {
    let (low, nan) = (f32::NEG_INFINITY, f32::NAN);
    let x = Tensor::new(DType::F32, &[4, 2], &[low, low, 1.0, low, nan, 2.0, 1e30, f32::INFINITY]);
    let out = run("softmax_f32", &[Some(&x)], DType::F32, &[4, 2], &[1]).unwrap();
    let is_nan: Vec<bool> = out.f32().iter().map(|x| x.is_nan()).collect();
    // Subtracting +inf from itself spoils the sum, and with it the whole row.
    assert_eq!(is_nan, [true, true, false, false, true, true, true, true]);
}

#[test]
fn norms_over_trailing_axes() {
    let mut random = Random(32);
    for round in 0..100 {
        let mut dims = if round == 0 { vec![40, 768] } else { random.dims(3, 6) };
        dims.push(1 + random.below(50));
        let axis = random.below(dims.len());
        let trailing = &dims[axis..];
        let offset = if round % 4 == 0 { 1000.0 } else { 0.0 };
        let data: Vec<f32> = (0..count(&dims)).map(|_| random.number() + offset).collect();
        let x = Tensor::new(DType::F32, &dims, &data);
        let (scale, bias) = (random.numbers(trailing), random.numbers(trailing));
        let bias = (round % 2 == 0).then_some(&bias);
        let eps = Tensor::new(DType::F32, &[], &[1e-5f32]);
        let params = [axis as i64];
        let layer = run("layer_norm_f32", &[Some(&x), Some(&scale), bias, Some(&eps)], DType::F32, &dims, &params);
        let rms = run("rms_norm_f32", &[Some(&x), Some(&scale), Some(&eps)], DType::F32, &dims, &params);
        let (layer, rms) = (layer.unwrap(), rms.unwrap());
        let size = count(trailing);
        for (row, x) in data.chunks(size.max(1)).enumerate() {
            let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / size as f64;
            let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / size as f64;
            let squares = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / size as f64;
            for (i, &x) in x.iter().enumerate() {
                let scale = f64::from(scale.f32()[i]);
                let bias = bias.map_or(0.0, |bias| f64::from(bias.f32()[i]));
                let centered = f64::from(x) - mean;
                let exact = centered / (variance + 1e-5).sqrt() * scale + bias;
                // The mean is rounded to f32 before it is subtracted, which shows where it is far from 0.
                let tolerance = 1e-6 + offset as f64 * 1.2e-7 / (variance + 1e-5).sqrt();
                assert!(near(layer.f32()[row * size + i], exact, tolerance), "{dims:?} {axis}");
                let exact = f64::from(x) / (squares + 1e-5).sqrt() * scale;
                assert!(near(rms.f32()[row * size + i], exact, 5e-7), "{dims:?} {axis}");
            }
        }
    }
}

#[test]
fn norms_refuse_scales_of_another_size() {
    let of = |dims: &[usize]| Some(shape(DType::F32, dims));
    let good = |operands: &[_]| accepts("layer_norm_f32", operands, &[shape(DType::F32, &[2, 3])], &[1]);
    assert!(good(&[of(&[2, 3]), of(&[3]), None, of(&[])]) && good(&[of(&[2, 3]), of(&[1, 3]), of(&[3]), of(&[1])]));
    assert!(!good(&[of(&[2, 3]), of(&[2]), None, of(&[])]) && !good(&[of(&[2, 3]), None, None, of(&[])]));
    assert!(!good(&[of(&[2, 3]), of(&[3]), of(&[6]), of(&[])]) && !good(&[of(&[2, 3]), of(&[3]), None, of(&[2])]));
    assert!(!good(&[of(&[2, 3]), of(&[3]), of(&[])]) && !good(&[of(&[2, 3]), of(&[3]), None, None]));
}
