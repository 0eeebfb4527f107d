//! Tensors, random numbers, and a run that must give the same bytes on any number of threads.

use bytemuck::Pod;
use m4c_exec_cpu::CPU;
use m4c_runtime::DType;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Dims, Executor, Shape, SingleThread, StepData, StepShape, Threads};

/// So many threads that live for one call.
pub(crate) struct Scoped(pub(crate) usize);

impl Threads for Scoped {
    fn count(&self) -> usize {
        self.0
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for index in 0..jobs {
                scope.spawn(move || job(index));
            }
        });
    }
}

/// Marsaglia's xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.bits() >> 33) as usize % end
    }

    /// A number in -2..2.
    pub(crate) fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 22) as f32 - 2.0
    }

    /// A number that is often one of those that go wrong.
    pub(crate) fn odd_number(&mut self) -> f32 {
        match self.below(16) {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => f32::NEG_INFINITY,
            3 => 0.0,
            4 => -0.0,
            5 => 1e30,
            6 => f32::from_bits(1),
            7 => self.below(5) as f32,
            _ => 4.0 * self.number(),
        }
    }

    /// An integer that is often small and sometimes extreme.
    pub(crate) fn integer(&mut self) -> i64 {
        match self.below(8) {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => i64::from(i32::MIN),
            3 => self.bits() as i64,
            _ => self.below(9) as i64 - 4,
        }
    }

    /// Sizes of at most `rank` axes, each at most `most`, rarely 0.
    pub(crate) fn dims(&mut self, rank: usize, most: usize) -> Vec<usize> {
        let rank = self.below(rank + 1);
        (0..rank).map(|_| if self.below(20) == 0 { 0 } else { 1 + self.below(most) }).collect()
    }

    pub(crate) fn numbers(&mut self, dims: &[usize]) -> Tensor {
        Tensor::new(DType::F32, dims, &(0..count(dims)).map(|_| self.number()).collect::<Vec<_>>())
    }

    pub(crate) fn odd_numbers(&mut self, dims: &[usize]) -> Tensor {
        Tensor::new(DType::F32, dims, &(0..count(dims)).map(|_| self.odd_number()).collect::<Vec<_>>())
    }

    /// Any bits, of a type whose elements have this many bytes.
    pub(crate) fn words(&mut self, bytes: usize, dims: &[usize]) -> Tensor {
        let dtype = match bytes {
            1 => DType::U8,
            2 => DType::F16,
            4 => DType::F32,
            _ => DType::I64,
        };
        let data: Vec<u8> = (0..count(dims) * bytes).map(|_| self.bits() as u8).collect();
        Tensor::new(dtype, dims, &data)
    }
}

pub(crate) fn count(dims: &[usize]) -> usize {
    dims.iter().product()
}

/// The index on each axis of the element at a position in row-major order.
pub(crate) fn coordinates(dims: &[usize], mut position: usize) -> Vec<usize> {
    let mut index = vec![0; dims.len()];
    for axis in (0..dims.len()).rev() {
        index[axis] = position % dims[axis];
        position /= dims[axis];
    }
    index
}

/// The position in row-major order of the element at an index; axes of size 1 take any.
pub(crate) fn position(dims: &[usize], index: &[usize]) -> usize {
    let index = &index[index.len() - dims.len()..];
    dims.iter().zip(index).fold(0, |at, (&size, &i)| at * size + if size == 1 { 0 } else { i })
}

/// Where elements lie that are stored in an order of axes, outermost first, behind `first` others, each axis with room
/// for `more`: the place of the first one, and how far apart neighbors along each axis are.
pub(crate) fn lie(sizes: &[usize], order: &[usize], first: usize, more: usize) -> Vec<i64> {
    let (mut lie, mut step) = (vec![first as i64; 1 + sizes.len()], 1);
    for &axis in order.iter().rev() {
        lie[1 + axis] = step as i64;
        step *= sizes[axis] + if Some(&axis) == order.last() { 0 } else { more };
    }
    lie
}

/// Where the element at an index lies.
pub(crate) fn place(lie: &[i64], index: &[usize]) -> usize {
    lie[0] as usize + index.iter().zip(&lie[1..]).map(|(i, &step)| i * step as usize).sum::<usize>()
}

/// How many elements have room for those that lie so.
pub(crate) fn room(sizes: &[usize], lie: &[i64]) -> usize {
    let last: Vec<usize> = sizes.iter().map(|size| size.saturating_sub(1)).collect();
    1 + place(lie, &last)
}

/// A tensor whose memory is aligned for every type.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) dtype: DType,
    pub(crate) dims: Vec<usize>,
    memory: Vec<u64>,
    bytes: usize,
}

impl Tensor {
    pub(crate) fn new<T: Pod>(dtype: DType, dims: &[usize], data: &[T]) -> Tensor {
        let data: &[u8] = bytemuck::cast_slice(data);
        let mut memory = vec![0u64; data.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<_, u8>(&mut memory)[..data.len()].copy_from_slice(data);
        Tensor { dtype, dims: dims.to_vec(), memory, bytes: data.len() }
    }

    pub(crate) fn data(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.memory)[..self.bytes]
    }

    pub(crate) fn as_slice<T: Pod>(&self) -> &[T] {
        if self.bytes == 0 { &[] } else { bytemuck::cast_slice(self.data()) }
    }

    pub(crate) fn f32(&self) -> &[f32] {
        self.as_slice()
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape { dtype: self.dtype, dims: Dims::new(&self.dims).unwrap(), bytes: self.bytes }
    }

    /// Bytes of each element.
    pub(crate) fn width(&self) -> usize {
        self.dtype.bits() as usize / 8
    }

    /// The bytes of one element.
    pub(crate) fn element(&self, at: usize) -> &[u8] {
        &self.data()[at * self.width()..][..self.width()]
    }
}

/// Runs a kernel on a step that it must accept, on one thread and on several, which must agree in every byte.
pub(crate) fn run(
    name: &str,
    operands: &[Option<&Tensor>],
    dtype: DType,
    dims: &[usize],
    params: &[i64],
) -> Result<Tensor, Code> {
    let kernel = CPU.kernel(name).unwrap_or_else(|| panic!("no kernel {name}"));
    let len = count(dims) * dtype.bits() as usize / 8;
    let mut first: Option<Tensor> = None;
    let shapes: Vec<_> = operands.iter().map(|tensor| tensor.map(Tensor::shape)).collect();
    let data: Vec<&[u8]> = operands.iter().map(|tensor| tensor.map_or(&[][..], Tensor::data)).collect();
    for threads in [&SingleThread as &dyn Threads, &Scoped(2), &Scoped(7)] {
        let mut out = Tensor::new(dtype, dims, &vec![0xa5u8; len]);
        let results = [out.shape()];
        let step = StepShape { operands: &shapes, results: &results, params };
        kernel.check(&step).unwrap_or_else(|code| panic!("{name} refuses {step:?}: {code:?}"));
        let mut scratch = vec![0xa5a5_a5a5_a5a5_a5a5u64; kernel.scratch(&step, threads.count()).div_ceil(8)];
        let out_bytes = &mut bytemuck::cast_slice_mut::<_, u8>(&mut out.memory)[..len];
        let scratch = bytemuck::cast_slice_mut(&mut scratch);
        kernel.run(&step, StepData { operands: &data, results: &mut [out_bytes], scratch }, threads)?;
        if let Some(first) = &first {
            assert_eq!(first.data(), out.data(), "{name} depends on the number of threads: {step:?}");
        }
        first.get_or_insert(out);
    }
    Ok(first.unwrap())
}

/// Whether a kernel accepts a step.
pub(crate) fn accepts(name: &str, operands: &[Option<Shape>], results: &[Shape], params: &[i64]) -> bool {
    CPU.kernel(name).unwrap().check(&StepShape { operands, results, params }).is_ok()
}

/// A plain shape.
pub(crate) fn shape(dtype: DType, dims: &[usize]) -> Shape {
    Shape { dtype, dims: Dims::new(dims).unwrap(), bytes: count(dims) * dtype.bits() as usize / 8 }
}

/// Whether two floats are the same value or both NaN; zeros are alike.
pub(crate) fn same(a: f32, b: f32) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

/// Whether `got` is within `tolerance` of the exact value, relative to the larger of it and 1.
pub(crate) fn near(got: f32, exact: f64, tolerance: f64) -> bool {
    same(got, exact as f32) || (f64::from(got) - exact).abs() <= tolerance * exact.abs().max(1.0)
}
