//! Binary, unary, select and cast kernels.

use crate::harness::{Random, Tensor, coordinates, count, position, run, same};
use bytemuck::Pod;
use m4c_runtime::DType;
use std::fmt::Debug;

/// Two to three tensors' sizes that broadcast, and the sizes that they broadcast to.
fn broadcasting(random: &mut Random, operands: usize) -> (Vec<Vec<usize>>, Vec<usize>) {
    let full = match random.below(12) {
        0 => vec![70, 500],
        1 => vec![3, 40_000],
        2 => vec![40_000, 2],
        _ => random.dims(4, 5),
    };
    let all: Vec<Vec<usize>> = (0..operands)
        .map(|_| {
            let kind = random.below(4);
            let drop = if kind == 0 { random.below(full.len() + 1) } else { 0 };
            full[drop..].iter().map(|&size| if kind == 1 && random.below(2) == 0 { 1 } else { size }).collect()
        })
        .collect();
    let rank = all.iter().map(Vec::len).max().unwrap();
    let dims = (0..rank)
        .map(|axis| {
            let sizes = all.iter().filter_map(|dims| Some(dims[(axis + dims.len()).checked_sub(rank)?]));
            sizes.reduce(|a, b| if a == 1 { b } else { a }).unwrap()
        })
        .collect();
    (all, dims)
}

fn binary<T: Pod + Debug, U: Pod + Debug>(
    name: &str,
    from: DType,
    to: DType,
    mut draw: impl FnMut(&mut Random) -> T,
    function: impl Fn(T, T) -> U,
    agree: impl Fn(U, U) -> bool,
) {
    let mut random = Random(name.len() as u64 * 77 + 1);
    for _ in 0..60 {
        let (sizes, dims) = broadcasting(&mut random, 2);
        let [a, b] = [0, 1].map(|k| {
            let data: Vec<T> = (0..count(&sizes[k])).map(|_| draw(&mut random)).collect();
            Tensor::new(from, &sizes[k], &data)
        });
        let out = run(name, &[Some(&a), Some(&b)], to, &dims, &[]).unwrap();
        for (at, &got) in out.as_slice::<U>().iter().enumerate() {
            let index = coordinates(&dims, at);
            let (a, b) = (a.as_slice::<T>()[position(&a.dims, &index)], b.as_slice::<T>()[position(&b.dims, &index)]);
            let expected = function(a, b);
            assert!(agree(got, expected), "{name}({a:?}, {b:?}) is {got:?}, not {expected:?}, {sizes:?} {index:?}");
        }
    }
}

#[test]
fn binary_f32() {
    let check = |name: &str, function: fn(f32, f32) -> f32| {
        binary(name, DType::F32, DType::F32, Random::odd_number, function, same);
    };
    check("add_f32", |a, b| a + b);
    check("sub_f32", |a, b| a - b);
    check("mul_f32", |a, b| a * b);
    check("div_f32", |a, b| a / b);
    check("max_f32", |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) });
    check("min_f32", |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.min(b) });
    let close =
        |got: f32, expected: f32| same(got, expected) || (got - expected).abs() <= 2e-7 * expected.abs() + 3e-45;
    binary("pow_f32", DType::F32, DType::F32, Random::odd_number, f32::powf, close);
    let compare = |name: &str, function: fn(f32, f32) -> bool| {
        let function = |a, b| u8::from(function(a, b));
        binary(name, DType::F32, DType::Bool, Random::odd_number, function, |a, b| a == b);
    };
    compare("less_f32", |a, b| a < b);
    compare("equal_f32", |a, b| a == b);
}

macro_rules! integers {
    ($test:ident, $raw:ident, $dtype:ident, $suffix:literal) => {
        #[test]
        fn $test() {
            let draw = |random: &mut Random| random.integer() as $raw;
            let check = |name: &str, function: fn($raw, $raw) -> $raw| {
                let name = format!("{name}_{}", $suffix);
                binary(&name, DType::$dtype, DType::$dtype, draw, function, |a, b| a == b);
            };
            check("add", $raw::wrapping_add);
            check("sub", $raw::wrapping_sub);
            check("mul", $raw::wrapping_mul);
            check("div", |a, b| if b == 0 { 0 } else { a.wrapping_div(b) });
            check("max", $raw::max);
            check("min", $raw::min);
            let compare = |name: &str, function: fn($raw, $raw) -> bool| {
                let name = format!("{name}_{}", $suffix);
                let function = |a, b| u8::from(function(a, b));
                binary(&name, DType::$dtype, DType::Bool, draw, function, |a, b| a == b);
            };
            compare("less", |a, b| a < b);
            compare("equal", |a, b| a == b);
        }
    };
}

integers!(binary_i32, i32, I32, "i32");
integers!(binary_i64, i64, I64, "i64");

#[test]
fn equal_bool_compares_truth_and_not_bytes() {
    let draw = |random: &mut Random| [0u8, 1, 2, 255][random.below(4)];
    let function = |a: u8, b: u8| u8::from((a != 0) == (b != 0));
    binary("equal_bool", DType::Bool, DType::Bool, draw, function, |a, b| a == b);
}

#[test]
fn unary_functions() {
    type Exact = fn(f64) -> f64;
    let functions: [(&str, Exact, f64); 10] = [
        ("exp_f32", f64::exp, 1.2e-7),
        ("log_f32", f64::ln, 1.2e-7),
        ("sqrt_f32", f64::sqrt, 6e-8),
        ("sin_f32", f64::sin, 1.2e-7),
        ("cos_f32", f64::cos, 1.2e-7),
        ("tanh_f32", f64::tanh, 2e-7),
        ("erf_f32", libm::erf, 2e-7),
        ("floor_f32", f64::floor, 0.0),
        ("round_f32", f64::round_ties_even, 0.0),
        ("gelu_f32", |x| 0.5 * x * (1.0 + libm::erf(x / 2f64.sqrt())), 3e-7),
    ];
    let mut random = Random(5);
    for (name, exact, tolerance) in functions {
        for dims in [vec![], vec![0, 3], vec![7], vec![3, 5, 2], vec![50_001]] {
            let x = random.odd_numbers(&dims);
            let out = run(name, &[Some(&x)], DType::F32, &dims, &[]).unwrap();
            for (&x, &got) in x.f32().iter().zip(out.f32()) {
                let expected = exact(f64::from(x));
                // Negative inputs of gelu cancel, so its error is relative to the input.
                let scale = if name == "gelu_f32" { f64::from(x).abs() } else { expected.abs() };
                // The smallest subnormal is half a unit off where the exact value is below it.
                let error = (f64::from(got) - expected).abs();
                let good = same(got, expected as f32) || error <= tolerance * scale + 1e-45;
                assert!(good, "{name} of {x:e} is {got:e}, not {expected:e}");
            }
        }
    }
}

#[test]
fn select_takes_from_the_side_that_the_condition_names() {
    let mut random = Random(9);
    for bytes in [1, 2, 4, 8] {
        for _ in 0..40 {
            let (sizes, dims) = broadcasting(&mut random, 3);
            let truth: Vec<u8> = (0..count(&sizes[0])).map(|_| [0, 0, 1, 7][random.below(4)]).collect();
            let condition = Tensor::new(DType::Bool, &sizes[0], &truth);
            let (a, b) = (random.words(bytes, &sizes[1]), random.words(bytes, &sizes[2]));
            let name = format!("select_{bytes}");
            let out = run(&name, &[Some(&condition), Some(&a), Some(&b)], a.dtype, &dims, &[]).unwrap();
            for at in 0..count(&dims) {
                let index = coordinates(&dims, at);
                let from = if truth[position(&sizes[0], &index)] != 0 { &a } else { &b };
                assert_eq!(out.element(at), from.element(position(&from.dims, &index)), "{name} {sizes:?}");
            }
        }
    }
}

fn cast<S: Pod, T: Pod + PartialEq + Debug>(from: DType, to: DType, data: &[S], expected: &[T]) {
    let name = format!("cast_{from:?}_{to:?}").to_lowercase();
    let x = Tensor::new(from, &[data.len()], data);
    let out = run(&name, &[Some(&x)], to, &[data.len()], &[]).unwrap();
    assert_eq!(out.as_slice::<T>(), expected, "{name}");
}

#[test]
fn casts() {
    let floats = [0.0, -0.0, 1.9, -1.9, 300.0, -300.0, 3e9, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    use DType::{Bf16, Bool, F16, F32, I8, I32, I64, U8};
    cast(F32, I32, &floats, &floats.map(|x| x as i64 as i32));
    cast(F32, I64, &floats, &floats.map(|x| x as i64));
    cast(F32, U8, &floats, &floats.map(|x| x as i64 as u8));
    cast(F32, I8, &floats, &floats.map(|x| x as i64 as i8));
    cast(F32, Bool, &floats, &[0u8, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    cast(F32, F16, &[1.0f32, -2.0, 65520.0, 0.1], &[0x3c00u16, 0xc000, 0x7c00, 0x2e66]);
    cast(F32, Bf16, &[1.0f32, -2.0, 3.4e38, 0.1], &[0x3f80u16, 0xc000, 0x7f80, 0x3dcd]);
    let integers = [0i64, 1, -1, 255, 256, i64::MIN, i64::MAX, 1 << 40];
    cast(I64, I32, &integers, &integers.map(|x| x as i32));
    cast(I64, U8, &integers, &integers.map(|x| x as u8));
    cast(I64, I8, &integers, &integers.map(|x| x as i8));
    cast(I64, F32, &integers, &integers.map(|x| x as f32));
    cast(I64, Bool, &integers, &integers.map(|x| u8::from(x != 0)));
    cast(I64, F16, &[1i64, -2, 100_000], &[0x3c00u16, 0xc000, 0x7c00]);
    let small = integers.map(|x| x as i32);
    cast(I32, I64, &small, &small.map(i64::from));
    cast(I32, F32, &small, &small.map(|x| x as f32));
    cast(I32, Bool, &small, &small.map(|x| u8::from(x != 0)));
    cast(Bool, F32, &[0u8, 1, 200], &[0f32, 1.0, 1.0]);
    cast(Bool, I64, &[0u8, 1, 200], &[0i64, 1, 1]);
    cast(Bool, F16, &[0u8, 1, 200], &[0u16, 0x3c00, 0x3c00]);
    cast(U8, I8, &[0u8, 127, 128, 255], &[0i8, 127, -128, -1]);
    cast(I8, U8, &[0i8, 127, -128, -1], &[0u8, 127, 128, 255]);
    cast(U8, F32, &[0u8, 255], &[0f32, 255.0]);
    cast(I8, I64, &[-128i8, 127], &[-128i64, 127]);
    cast(F16, F32, &[0x3c00u16, 0xfc00, 1], &[1f32, f32::NEG_INFINITY, 5.960_464_5e-8]);
    cast(F16, Bool, &[0u16, 0x8000, 0x7e00, 1], &[0u8, 0, 1, 1]);
    cast(F16, Bf16, &[0x3c00u16], &[0x3f80u16]);
    cast(Bf16, F32, &[0x3f80u16, 0xff80, 1], &[1f32, f32::NEG_INFINITY, 9.183_55e-41]);
    cast(Bf16, I32, &[0x4049u16, 0xc049], &[3i32, -3]);
    cast(Bf16, F16, &[0x3f80u16], &[0x3c00u16]);
}

#[test]
fn every_pair_of_types_has_a_cast_that_keeps_zero_and_one() {
    let one = |dtype| match dtype {
        DType::F16 => vec![0u8, 0, 0, 0x3c],
        DType::Bf16 => vec![0, 0, 0x80, 0x3f],
        DType::F32 => vec![0, 0, 0, 0, 0, 0, 0x80, 0x3f],
        DType::I32 => vec![0, 0, 0, 0, 1, 0, 0, 0],
        DType::I64 => vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        _ => vec![0, 1],
    };
    use DType::{Bf16, Bool, F16, F32, I8, I32, I64, U8};
    let all = [Bool, I32, I64, U8, I8, F32, F16, Bf16];
    for from in all {
        for to in all {
            if from != to {
                cast::<u8, u8>(from, to, &[], &[]);
                let name = format!("cast_{from:?}_{to:?}").to_lowercase();
                let out = run(&name, &[Some(&Tensor::new(from, &[2], &one(from)))], to, &[2], &[]).unwrap();
                assert_eq!(out.data(), one(to), "{name}");
            }
        }
    }
}
