//! Prints how fast the heavy kernels are on this machine: `cargo run --release --example gemm_rate`.

use m4c_exec_cpu::CPU;
use m4c_exec_cpu::layout::{pack_kn16, packed_len};
use m4c_runtime::DType;
use m4c_runtime::executor::{Dims, Executor, Shape, StepData, StepShape, Threads};
use std::time::Instant;

/// Threads that live for one call.
struct Scoped(usize);

impl Threads for Scoped {
    fn count(&self) -> usize {
        self.0
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for index in 1..jobs {
                scope.spawn(move || job(index));
            }
            job(0);
        });
    }
}

fn shape(dims: &[usize], len: usize) -> Shape {
    Shape { dtype: DType::F32, dims: Dims::new(dims).expect("at most 8 axes"), bytes: 4 * len }
}

/// Seconds of the fastest of many runs.
fn seconds(name: &str, operands: &[(Shape, &[f32])], result: &[usize], params: &[i64], threads: usize) -> f64 {
    let times = times(name, &[operands], result, params, threads);
    times.into_iter().fold(f64::INFINITY, f64::min)
}

/// Seconds of half of many runs at most, each with the next of these operands, as in a model whose weights come from memory.
fn cold_seconds(m: usize, k: usize, n: usize, threads: usize) -> f64 {
    let x = numbers(m * k);
    let len = packed_len(k, n).expect("small enough");
    let weights: Vec<Vec<f32>> = (0..(1 << 28) / len).map(|_| numbers(len)).collect();
    let operands: Vec<_> =
        weights.iter().map(|w| [(shape(&[m, k], m * k), &x[..]), (shape(&[k, n], w.len()), &w[..])]).collect();
    let operands: Vec<_> = operands.iter().map(|operands| &operands[..]).collect();
    let mut times = times("matmul_packed_f32", &operands, &[m, n], &[], threads);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds of each of many runs, with these sets of operands in turn.
fn times(
    name: &str,
    operand_sets: &[&[(Shape, &[f32])]],
    result: &[usize],
    params: &[i64],
    threads: usize,
) -> Vec<f64> {
    let operands = operand_sets[0];
    let kernel = CPU.kernel(name).expect("a kernel of this name");
    let len = result.iter().product();
    let shapes: Vec<_> = operands.iter().map(|(shape, _)| Some(*shape)).collect();
    let data: Vec<Vec<&[u8]>> = operand_sets
        .iter()
        .map(|operands| operands.iter().map(|(_, data)| bytemuck::cast_slice(data)).collect())
        .collect();
    let results = [shape(result, len)];
    let step = StepShape { operands: &shapes, results: &results, params };
    kernel.check(&step).expect("a good step");
    let mut out = vec![0f32; len];
    let mut scratch = vec![0f32; kernel.scratch(&step, threads).div_ceil(4)];
    let mut times = Vec::new();
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 0.3 || times.len() < 2 * data.len() {
        let data = StepData {
            operands: &data[times.len() % data.len()],
            results: &mut [bytemuck::cast_slice_mut(&mut out)],
            scratch: bytemuck::cast_slice_mut(&mut scratch),
        };
        let start = Instant::now();
        kernel.run(&step, data, &Scoped(threads)).expect("a run without error");
        times.push(start.elapsed().as_secs_f64());
    }
    times
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1009) as f32 / 504.0 - 1.0).collect()
}

fn main() {
    for threads in [1, 2] {
        for (m, k, n) in
            [(1, 4096, 4096), (8, 4096, 4096), (77, 1024, 4096), (77, 4096, 1024), (77, 1024, 1024), (514, 1280, 5120)]
        {
            let work = 2e-9 * (m * k * n) as f64;
            let rate = work / cold_seconds(m, k, n, threads);
            println!("{threads} threads {m:4}x{k}x{n}: packed, from memory {rate:6.1} GFLOP/s");
        }
        for (m, k, n) in [
            (1, 4096, 4096),
            (3, 768, 768),
            (16, 1280, 1280),
            (1024, 1024, 1024),
            (257, 1280, 3840),
            (514, 1280, 5120),
            (514, 5120, 1280),
            (77, 768, 3072),
            (128, 384, 1536),
            (1500, 384, 384),
            (1500, 64, 1500),
            (1500, 1500, 64),
        ] {
            let (x, w) = (numbers(m * k), numbers(k * n));
            let mut packed = vec![0.0; packed_len(k, n).expect("small enough")];
            pack_kn16(&w, k, n, n, 1, &mut packed);
            let operands = [(shape(&[m, k], m * k), &x[..]), (shape(&[k, n], packed.len()), &packed[..])];
            let packed = seconds("matmul_packed_f32", &operands, &[m, n], &[], threads);
            let operands = [(shape(&[m, k], m * k), &x[..]), (shape(&[k, n], k * n), &w[..])];
            let plain = seconds("matmul_f32", &operands, &[m, n], &[], threads);
            let work = 2e-9 * (m * k * n) as f64;
            println!(
                "{threads} threads {m:4}x{k}x{n}: packed {:6.1} GFLOP/s, plain {:6.1} GFLOP/s",
                work / packed,
                work / plain
            );
        }
        for (name, x, w, out, params) in [
            ("3x3", &[1, 64, 56, 56][..], &[64, 64, 3, 3][..], &[1, 64, 56, 56][..], &[1, 1, 1, 1, 1, 1, 1, 1, 1][..]),
            ("3x3", &[1, 320, 64, 64], &[320, 320, 3, 3], &[1, 320, 64, 64], &[1, 1, 1, 1, 1, 1, 1, 1, 1]),
            ("3x3", &[1, 1280, 16, 16], &[1280, 1280, 3, 3], &[1, 1280, 16, 16], &[1, 1, 1, 1, 1, 1, 1, 1, 1]),
            ("3x3", &[1, 1280, 8, 8], &[1280, 1280, 3, 3], &[1, 1280, 8, 8], &[1, 1, 1, 1, 1, 1, 1, 1, 1]),
            ("3x3", &[1, 128, 256, 256], &[128, 128, 3, 3], &[1, 128, 256, 256], &[1, 1, 1, 1, 1, 1, 1, 1, 1]),
            ("3x3 / 2", &[1, 320, 64, 64], &[320, 320, 3, 3], &[1, 320, 32, 32], &[1, 2, 1, 1, 1, 2, 1, 1, 1]),
            ("1x1", &[1, 256, 14, 14], &[256, 256, 1, 1], &[1, 256, 14, 14], &[1, 1, 1, 0, 0, 1, 1, 0, 0]),
            ("1x1", &[1, 640, 32, 32], &[640, 640, 1, 1], &[1, 640, 32, 32], &[1, 1, 1, 0, 0, 1, 1, 0, 0]),
            ("patch 16", &[1, 3, 224, 224], &[768, 3, 16, 16], &[1, 768, 14, 14], &[1, 16, 1, 0, 0, 16, 1, 0, 0]),
            ("3", &[1, 80, 3000], &[384, 80, 3], &[1, 384, 3000], &[1, 1, 1, 1, 1]),
            ("3 / 2", &[1, 384, 3000], &[384, 384, 3], &[1, 384, 1500], &[1, 2, 1, 1, 1]),
            ("11", &[1, 64, 25600], &[64, 64, 11], &[1, 64, 25600], &[1, 1, 5, 25, 25]),
            ("11", &[1, 32, 51200], &[32, 32, 11], &[1, 32, 51200], &[1, 1, 1, 5, 5]),
            ("7 to one", &[1, 32, 51200], &[1, 32, 7], &[1, 1, 51200], &[1, 1, 1, 3, 3]),
            ("depthwise 3x3", &[1, 256, 56, 56], &[256, 1, 3, 3], &[1, 256, 56, 56], &[256, 1, 1, 1, 1, 1, 1, 1, 1]),
        ] {
            let (len_x, len_w, len) = (x.iter().product(), w.iter().product(), out.iter().product::<usize>());
            let (data_x, data_w) = (numbers(len_x), numbers(len_w));
            let operands = [(shape(x, len_x), &data_x[..]), (shape(w, len_w), &data_w[..])];
            let time = seconds("conv_f32", &operands, out, params, threads);
            let work = 2e-9 * (len * w[1..].iter().product::<usize>()) as f64;
            println!("{threads} threads conv {name} {x:?} {w:?}: {:6.1} GFLOP/s, {:.3} ms", work / time, time * 1e3);
        }
        for (name, dims, to, params) in [
            ("exp_f32", [1024, 1024], [1024, 1024], &[][..]),
            ("erf_f32", [1024, 1024], [1024, 1024], &[]),
            ("tanh_f32", [1024, 1024], [1024, 1024], &[]),
            ("gelu_f32", [1024, 1024], [1024, 1024], &[]),
            ("log_f32", [1024, 1024], [1024, 1024], &[]),
            ("softmax_f32", [1024, 1024], [1024, 1024], &[1]),
            ("softmax_f32", [1024, 1024], [1024, 1024], &[0]),
            ("transpose_4", [1024, 1024], [1024, 1024], &[1, 0]),
            ("reduce_sum_f32", [1024, 1024], [1024, 1], &[1]),
            ("reduce_sum_f32", [1024, 1024], [1, 1024], &[0]),
            ("reduce_max_f32", [1024, 1024], [1024, 1], &[1]),
        ] {
            let x = numbers(1 << 20);
            let time = seconds(name, &[(shape(&dims, 1 << 20), &x)], &to, params, threads);
            println!(
                "{threads} threads {name} {dims:?} {params:?}: {:.3} ns an element",
                time * 1e9 / (1 << 20) as f64
            );
        }
    }
}
