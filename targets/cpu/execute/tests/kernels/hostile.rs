//! Steps that no compiler would make: `check` refuses them, and what it accepts runs without a panic.

use crate::harness::{Random, Scoped, shape};
use m4c_exec_cpu::layout::packed_len;
use m4c_exec_cpu::{CPU, KERNELS};
use m4c_runtime::DType;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Dims, Executor, Kernel, MAX_RANK, Shape, SingleThread, StepData, StepShape, Threads};

const TYPES: [DType; 11] = [
    DType::Bool,
    DType::I4,
    DType::U4,
    DType::I8,
    DType::U8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::F16,
    DType::Bf16,
    DType::F32,
];

/// Kernels with two operands.
const TWO: [&str; 12] = ["add", "sub", "mul", "div", "max", "min", "pow", "less", "equal", "gather", "pad", "matmul"];

/// The types of a kernel's operands and of its result, as far as its name tells.
fn types(name: &str, random: &mut Random) -> (DType, DType) {
    let parse = |text: &str| {
        let found = TYPES.iter().copied().find(|dtype| format!("{dtype:?}").to_lowercase() == text);
        found.or(match text {
            "1" => Some(DType::U8),
            "2" => Some(DType::F16),
            "4" => Some(DType::F32),
            "8" => Some(DType::I64),
            _ => None,
        })
    };
    let mut parts = name.split('_').rev();
    let last = parts.next().and_then(parse).unwrap_or(TYPES[random.below(11)]);
    let before = parts.next().and_then(parse).unwrap_or(last);
    match name {
        _ if name.starts_with("less") || name.starts_with("equal") => (last, DType::Bool),
        _ if name.starts_with("argmax") || name.starts_with("top_k") => (last, DType::I64),
        _ => (before, last),
    }
}

fn rarely(random: &mut Random) -> bool {
    random.below(40) == 0
}

fn dims(random: &mut Random) -> Vec<usize> {
    let most = if rarely(random) { MAX_RANK } else { 4 };
    let rank = random.below(most + 1);
    (0..rank)
        .map(|_| match random.below(60) {
            0 => [1 << 31, 1 << 62, usize::MAX, 1 << 33][random.below(4)],
            1..4 => 0,
            4..20 => 1,
            _ => 1 + random.below(5),
        })
        .collect()
}

fn param(random: &mut Random) -> i64 {
    match random.below(30) {
        0 => random.integer(),
        1 => [i64::MAX - 1, 1 << 32, i64::MIN + 1, 1 << 62][random.below(4)],
        _ => random.below(4) as i64 - i64::from(random.below(6) == 0),
    }
}

/// A shape whose bytes mostly fit its sizes.
fn plausible(random: &mut Random, dtype: DType, sizes: &[usize]) -> Shape {
    let dtype = if rarely(random) { TYPES[random.below(11)] } else { dtype };
    let sizes = Dims::new(sizes).unwrap();
    let bits = sizes.iter().fold(dtype.bits() as usize, |product, &size| product.wrapping_mul(size));
    let bytes = if rarely(random) { random.below(100) } else { bits / 8 };
    Shape { dtype, dims: sizes, bytes }
}

/// Whether an operand is packed weights.
fn is_packed(name: &str, index: usize) -> bool {
    index == 1 && name.starts_with("matmul_packed") || [1, 2].contains(&index) && name.starts_with("matmul_gated")
}

fn packed_bytes(dtype: DType, sizes: &[usize]) -> usize {
    let bytes = packed_len(sizes[0], sizes[1]).and_then(|len| dtype.byte_len(len as u64));
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

/// The sizes of a product that fits, one of which is then often changed.
fn product(name: &str, random: &mut Random) -> (Vec<Vec<usize>>, Vec<usize>, Vec<i64>) {
    let mut part = || if random.below(12) == 0 { 0 } else { 1 + random.below(5) };
    let (batch, m, k, n) = (part(), part(), part(), part());
    let (mut operands, mut result, mut params) = match name {
        _ if name.starts_with("matmul_packed") => {
            (vec![vec![m, k], vec![k, n], vec![n], vec![m, n], vec![m, n]], vec![m, n], vec![])
        }
        "matmul_gated_f32" => {
            let params = vec![0, 6];
            (vec![vec![m, k], vec![k, n], vec![k, n], vec![n], vec![n]], vec![m, n], params)
        }
        "matmul_ordered_f32" => (vec![vec![batch, m, k], vec![n, batch, k]], vec![batch, m, n], vec![1, 2, 0]),
        _ if name.starts_with("matmul") => {
            let result = vec![batch, m, n];
            (vec![vec![batch, m, k], vec![k, n], vec![n], result.clone(), result.clone()], result, vec![])
        }
        _ => {
            let (w, h) = (1 + part(), 1 + part());
            let w_out = (w + 2).saturating_sub(2) / 2 + 1;
            let params = vec![1, 1, 1, 0, 0, 2, 1, 1, 1];
            let result = vec![batch, n, h, w_out];
            (vec![vec![batch, k, h, w], vec![n, k, 1, 2], vec![n], result.clone(), result.clone()], result, params)
        }
    };
    if random.below(2) == 0 {
        let which = random.below(operands.len() + 1);
        let dims = operands.get_mut(which).unwrap_or(&mut result);
        let axis = random.below(dims.len());
        dims[axis] = [0, 1, 2, 7, 1 << 40, usize::MAX][random.below(6)];
    }
    if name != "matmul_ordered_f32" && random.below(4) == 0 {
        params.push(random.below(9) as i64);
    }
    if random.below(2) == 0 && !params.is_empty() {
        let which = random.below(params.len());
        params[which] = param(random);
    }
    (operands, result, params)
}

/// A step of a kernel whose parameters say what it does, mostly one that fits.
fn described(name: &str, random: &mut Random) -> (Vec<Option<Shape>>, Vec<Shape>, Vec<i64>) {
    let mut part = || if random.below(20) == 0 { 0 } else { 1 + random.below(4) };
    let [a, b, c, d] = [part(), part(), part(), part()];
    let (mut operands, mut result, mut params) = match name {
        "attention_f32" => {
            let mut params: Vec<i64> =
                [a, b, 1, c, d, 3, 2, random.below(2), random.below(3), random.below(2), random.below(3)]
                    .map(|x| x as i64)
                    .into();
            let lie = |heads: usize, rows: usize, width: usize| {
                [0, heads * rows * width, rows * width, width, 1].map(|x| x as i64)
            };
            params.extend([lie(b, c, 3), lie(1, d, 3), lie(1, d, 2)].concat());
            let mask = [vec![], vec![d], vec![c, 1], vec![a, 1, c, d]][random.below(4)].clone();
            (vec![vec![a, b, c, 3], vec![a, d, 3], vec![a * d * 2], mask, vec![], vec![1]], vec![a, b, c, 2], params)
        }
        "rope_f32" => {
            let mut params = vec![random.below(2), random.below(3)];
            params.extend([0, b * c * 5, c * 5, 5, 1, 0, c * 2, 2, 1, 0, 0, 2, 1]);
            let params = params.into_iter().map(|x| x as i64).collect();
            (vec![vec![a, b, c, 5], vec![a, c, 2], vec![c, 2]], vec![a, b, c, 5], params)
        }
        "group_norm_f32" => {
            let dims = vec![a, 2 * b, c];
            (vec![dims.clone(), vec![2 * b], vec![2 * b], vec![]], dims, vec![[1, 2][random.below(2)]])
        }
        _ => {
            let count = 1 + random.below(4);
            let word = |random: &mut Random, below: usize| random.below(below) as i64;
            let params = (0..count).flat_map(|i| [word(random, 10), word(random, 3 + i), word(random, 3 + i), 0]);
            let params = params.collect();
            (vec![vec![a, b, c], vec![b, 1], vec![]], vec![a, b, c], params)
        }
    };
    if random.below(2) == 0 {
        let which = random.below(operands.len() + 1);
        let dims = operands.get_mut(which).unwrap_or(&mut result);
        if !dims.is_empty() {
            let axis = random.below(dims.len());
            dims[axis] = [0, 1, 2, 7, 1 << 40, usize::MAX][random.below(6)];
        }
    }
    if random.below(2) == 0 {
        let which = random.below(params.len());
        params[which] = if random.below(4) == 0 { random.integer() } else { param(random) };
    }
    if random.below(20) == 0 {
        params.truncate(random.below(params.len()));
    }
    let shapes = operands.iter().enumerate().map(|(index, dims)| {
        let truth = index == 3 && name == "attention_f32" && random.below(2) == 0;
        let shape = plausible(random, if truth { DType::Bool } else { DType::F32 }, dims);
        let optional = name == "attention_f32" && [3, 5].contains(&index) && random.below(2) == 0;
        (!optional && !rarely(random)).then_some(shape)
    });
    let shapes = shapes.collect();
    (shapes, vec![plausible(random, DType::F32, &result)], params)
}

/// A step in which sizes are related often enough that some are accepted.
fn step(name: &str, random: &mut Random) -> (Vec<Option<Shape>>, Vec<Shape>, Vec<i64>) {
    let (from, to) = types(name, random);
    if ["attention_f32", "group_norm_f32", "rope_f32", "elementwise_f32"].contains(&name) {
        return described(name, random);
    }
    if ["matmul", "conv"].contains(&name.split('_').next().unwrap()) && random.below(3) > 0 {
        let (operands, result, params) = product(name, random);
        let shapes = operands.iter().enumerate().map(|(index, dims)| {
            let mut shape = plausible(random, from, dims);
            if is_packed(name, index) {
                shape.bytes = packed_bytes(from, dims);
            }
            (index < 2 || is_packed(name, index) || random.below(2) == 0).then_some(shape)
        });
        let shapes = shapes.collect();
        return (shapes, vec![plausible(random, to, &result)], params);
    }
    let x = dims(random);
    let arity = match name {
        _ if name.starts_with("iota") || name.starts_with("dim") => 0,
        _ if name.starts_with("select") || name.starts_with("conv") || name.starts_with("rms") => 3,
        _ if name.contains("quantize") => 3,
        _ if name.starts_with("layer") => 4,
        _ if name.starts_with("scatter") => 3,
        _ if name.starts_with("matmul_packed") => 3,
        _ if name.starts_with("concat") => 1 + random.below(3),
        _ if name.starts_with("max_pool") => 1,
        _ if TWO.contains(&name.split('_').next().unwrap()) => 2,
        _ => 1,
    };
    let arity = if rarely(random) { random.below(5) } else { arity };
    let mut operands = Vec::new();
    for index in 0..arity {
        let sizes = match random.below(4) {
            0 => dims(random),
            1 if !x.is_empty() => x[random.below(x.len())..].to_vec(),
            2 if index > 0 => vec![],
            _ => x.clone(),
        };
        let dtype = match (name.split('_').next().unwrap(), index) {
            ("select", 0) => DType::Bool,
            ("gather" | "scatter", 1) => [DType::I32, DType::I64][random.below(2)],
            _ => from,
        };
        let mut shape = plausible(random, dtype, &sizes);
        if is_packed(name, index) && sizes.len() == 2 {
            shape.bytes = packed_bytes(dtype, &sizes);
        }
        operands.push((!rarely(random)).then_some(shape));
    }
    let mut params = Vec::new();
    let result: Vec<usize> = match random.below(4) {
        0 => dims(random),
        1 => operands.iter().flatten().map(|shape| shape.dims.to_vec()).max_by_key(Vec::len).unwrap_or_default(),
        2 => x.iter().map(|&size| if random.below(2) == 0 { 1 } else { size }).collect(),
        _ => x.clone(),
    };
    let rank = x.len();
    let many = match name.split('_').next().unwrap() {
        "transpose" => rank,
        "slice" => 2 * rank,
        "strided" => 1 + result.len(),
        "pad" => 3 * rank,
        "conv" => 1 + 4 * rank.saturating_sub(2),
        "max" if name.starts_with("max_pool") => 5 * rank.saturating_sub(2),
        "concat" | "argmax" | "top" | "cumsum" | "softmax" | "layer" | "rms" => 1,
        "gather" => 2,
        "iota" => 3,
        "dim" => result.iter().fold(1usize, |all, &size| all.saturating_mul(size)).min(9),
        "reduce" => random.below(rank + 1),
        _ => 0,
    };
    let many = if rarely(random) { random.below(30) } else { many };
    for _ in 0..many {
        params.push(param(random));
    }
    if random.below(3) == 0 {
        match name.split('_').next().unwrap() {
            "transpose" => params = (0..rank as i64).rev().collect(),
            "slice" => params = [0, 1].repeat(rank),
            // The first of so many elements, then steps that are as often too long.
            "strided" => params = (0..=result.len()).map(|at| i64::from(at > 0) * random.below(3) as i64).collect(),
            "pad" => params = [0, 0, 1].repeat(rank),
            "max" if name.starts_with("max_pool") => params = [2, 1, 1, 1, 0].repeat(rank.saturating_sub(2)),
            "conv" => params = [&[1][..], &[1, 1, 1, 1].repeat(rank.saturating_sub(2))].concat(),
            _ => {}
        }
    }
    let results = if rarely(random) { random.below(3) } else { 1 };
    let results = (0..results).map(|_| plausible(random, to, &result)).collect();
    (operands, results, params)
}

/// Whether the step was accepted and run.
fn attempt(kernel: &dyn Kernel, step: &StepShape<'_>, threads: &dyn Threads, random: &mut Random) -> bool {
    let bytes = |shape: &Shape| shape.bytes;
    let all = step.operands.iter().flatten().chain(step.results).map(bytes).max().unwrap_or(0);
    let scratch = kernel.scratch(step, threads.count());
    if kernel.check(step).is_err() {
        return false;
    }
    if all > 1 << 20 {
        return false;
    }
    let operands: Vec<Vec<u64>> = step
        .operands
        .iter()
        .map(|shape| {
            (0..shape.as_ref().map_or(0, bytes).div_ceil(8)).map(|_| random.bits() >> random.below(64)).collect()
        })
        .collect();
    let operands: Vec<&[u8]> = operands
        .iter()
        .zip(step.operands)
        .map(|(data, shape)| &bytemuck::cast_slice(data)[..shape.as_ref().map_or(0, bytes)])
        .collect();
    let mut results: Vec<Vec<u64>> = step.results.iter().map(|shape| vec![0; shape.bytes.div_ceil(8)]).collect();
    let mut results: Vec<&mut [u8]> = results
        .iter_mut()
        .zip(step.results)
        .map(|(data, shape)| &mut bytemuck::cast_slice_mut(data)[..shape.bytes])
        .collect();
    let mut scratch = vec![0u64; scratch.div_ceil(8)];
    let scratch = bytemuck::cast_slice_mut(&mut scratch);
    match kernel.run(step, StepData { operands: &operands, results: &mut results, scratch }, threads) {
        Ok(()) | Err(Code::IndexOutOfRange) => true,
        Err(code) => panic!("a step that was checked ended with {code:?}: {step:?}"),
    }
}

#[test]
fn what_check_accepts_runs_without_a_panic() {
    let mut random = Random(41);
    for &(name, kernel) in KERNELS {
        let mut accepted = 0;
        let rounds = if name.starts_with("cast") { 300 } else { 3000 };
        for round in 0..rounds {
            let (operands, results, params) = step(name, &mut random);
            let step = StepShape { operands: &operands, results: &results, params: &params };
            let threads: &dyn Threads = if round % 50 == 0 { &Scoped(3) } else { &SingleThread };
            accepted += usize::from(attempt(kernel, &step, threads, &mut random));
        }
        println!("{name}: {accepted} of {rounds}");
        assert!(accepted >= 5 && accepted < rounds, "{name}: {accepted} of {rounds} accepted");
    }
}

#[test]
fn every_kernel_refuses_wrong_types_and_lengths() {
    let f32s = |dims: &[usize]| Some(shape(DType::F32, dims));
    let check = |operands: &[Option<Shape>], result: Shape| {
        let step = StepShape { operands, results: &[result], params: &[] };
        CPU.kernel("add_f32").unwrap().check(&step)
    };
    let good = shape(DType::F32, &[2, 3]);
    assert_eq!(check(&[f32s(&[2, 3]), f32s(&[3])], good), Ok(()));
    assert_eq!(check(&[f32s(&[2, 3]), f32s(&[2])], good), Err(Code::BadStep));
    assert_eq!(check(&[f32s(&[2, 3])], good), Err(Code::BadStep));
    assert_eq!(check(&[f32s(&[2, 3]), None], good), Err(Code::BadStep));
    assert_eq!(check(&[f32s(&[2, 3]), f32s(&[3]), None], good), Err(Code::BadStep));
    assert_eq!(check(&[f32s(&[2, 3]), Some(shape(DType::I32, &[3]))], good), Err(Code::BadStep));
    assert_eq!(check(&[f32s(&[2, 3]), f32s(&[3])], Shape { bytes: 20, ..good }), Err(Code::BadStep));
    assert_eq!(check(&[f32s(&[1, 3]), f32s(&[3])], good), Err(Code::BadStep));
}

#[test]
fn memory_that_is_not_aligned_is_refused() {
    let memory = [0u64; 3];
    let bytes = &bytemuck::cast_slice::<_, u8>(&memory)[1..9];
    let mut out = [0u64; 1];
    let shapes = [shape(DType::F32, &[2])];
    let step = StepShape { operands: &[Some(shapes[0])], results: &shapes, params: &[] };
    let mut results = [bytemuck::cast_slice_mut(&mut out)];
    let data = StepData { operands: &[bytes], results: &mut results, scratch: &mut [] };
    let kernel = CPU.kernel("exp_f32").unwrap();
    assert_eq!(kernel.run(&step, data, &SingleThread), Err(Code::BadStep));
}

#[test]
fn scratch_that_is_too_short_is_refused() {
    let shapes = [shape(DType::F32, &[2, 2])];
    let step = StepShape { operands: &[Some(shapes[0]); 2], results: &shapes, params: &[] };
    let zeros = [0f32; 4];
    let bytes: &[u8] = bytemuck::cast_slice(&zeros);
    let mut out = zeros;
    let mut results = [bytemuck::cast_slice_mut(&mut out)];
    let data = StepData { operands: &[bytes, bytes], results: &mut results, scratch: &mut [] };
    assert_eq!(CPU.kernel("matmul_f32").unwrap().run(&step, data, &SingleThread), Err(Code::BadStep));
}

#[test]
fn unknown_names_have_no_kernel() {
    assert!(["", "add", "add_f32 ", "zzz"].iter().all(|name| CPU.kernel(name).is_none()));
    assert!(KERNELS.iter().all(|(name, _)| CPU.kernel(name).is_some()));
    assert_eq!(CPU.name(), "cpu");
}
