//! The contract between the runtime and the code that computes: executors own kernels, kernels run one step.
//!
//! A kernel sees operands and results as typed, sized byte slices. It validates what it is given in [`Kernel::check`],
//! which runs whenever sizes are bound, and then computes in [`Kernel::run`] without allocating.

use crate::error::Code;
use m4c_format::DType;

/// The largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 8;

/// The sizes of a tensor, at most [`MAX_RANK`] of them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Dims {
    len: u8,
    sizes: [usize; MAX_RANK],
}

impl Dims {
    /// No dimensions: a single element.
    pub const SCALAR: Dims = Dims { len: 0, sizes: [0; MAX_RANK] };

    /// The sizes, or `None` when there are more than [`MAX_RANK`].
    pub fn new(sizes: &[usize]) -> Option<Dims> {
        let mut dims = Dims { len: sizes.len() as u8, sizes: [0; MAX_RANK] };
        dims.sizes.get_mut(..sizes.len())?.copy_from_slice(sizes);
        Some(dims)
    }

    /// The number of elements, or `None` when it does not fit in a `usize`.
    pub fn elements(&self) -> Option<usize> {
        self.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }
}

impl core::ops::Deref for Dims {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.sizes[..usize::from(self.len)]
    }
}

/// What a kernel knows of an operand or result before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Storage type of the elements.
    pub dtype: DType,
    /// Logical sizes; for a prepacked constant those of the tensor it was packed from.
    pub dims: Dims,
    /// Bytes in memory: `elements × element size`, except for a prepacked constant.
    pub bytes: usize,
}

/// A step with its sizes bound: everything but the data.
#[derive(Clone, Copy, Debug)]
pub struct StepShape<'a> {
    /// Operands in the order of the kernel's definition; `None` where an optional one is absent.
    pub operands: &'a [Option<Shape>],
    /// Results in the order of the kernel's definition.
    pub results: &'a [Shape],
    /// Compile-time parameters with symbolic sizes already evaluated.
    pub params: &'a [i64],
}

/// The data of a step beside its [`StepShape`].
pub struct StepData<'a, 'd> {
    /// One slice an operand, exactly as long as its shape says; empty where an optional one is absent.
    pub operands: &'a [&'d [u8]],
    /// One slice a result, disjoint from each other and from all operands.
    pub results: &'a mut [&'d mut [u8]],
    /// As many bytes as [`Kernel::scratch`] asked for, aligned to 64.
    pub scratch: &'a mut [u8],
}

/// What a step does at the least, for comparing its time with what a machine can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Arithmetic operations, a multiplication with addition being two; 0 where they do not decide the time.
    pub operations: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl Work {
    /// Reads every operand and writes every result once.
    pub fn moving(step: &StepShape<'_>) -> Work {
        let shapes = step.operands.iter().flatten().chain(step.results);
        Work { operations: 0, bytes: shapes.fold(0, |sum, shape| sum.saturating_add(shape.bytes as u64)) }
    }

    /// Reads and writes only as much as the results have, beside operands from number `whole` on.
    pub fn picking(step: &StepShape<'_>, whole: usize) -> Work {
        let results = step.results.iter().map(|shape| 2u64.saturating_mul(shape.bytes as u64));
        let operands = step.operands.iter().skip(whole).flatten().map(|shape| shape.bytes as u64);
        Work { operations: 0, bytes: results.chain(operands).fold(0, u64::saturating_add) }
    }

    /// As [`Work::moving`], with `depth` multiplications and additions for each element of the first result.
    pub fn multiplying(step: &StepShape<'_>, depth: usize) -> Work {
        let elements = step.results.first().and_then(|shape| shape.dims.elements()).unwrap_or(0) as u64;
        let operations = elements.saturating_mul(depth as u64).saturating_mul(2);
        Work { operations, ..Work::moving(step) }
    }
}

/// Where the jobs of a kernel run. The caller of the runtime owns the threads.
pub trait Threads: Sync {
    /// How many jobs can run at the same time, at least 1.
    fn count(&self) -> usize;

    /// Calls `job(0)` … `job(jobs - 1)`, each once, in any order and on any thread, and returns when all are done.
    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync));
}

/// Runs every job on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SingleThread;

impl Threads for SingleThread {
    fn count(&self) -> usize {
        1
    }

    fn run(&self, jobs: usize, job: &(dyn Fn(usize) + Sync)) {
        (0..jobs).for_each(job);
    }
}

/// One routine of an executor. Implementations hold no state, so one instance serves all sessions.
pub trait Kernel: Sync {
    /// Checks that types, sizes and parameters fit together; afterwards `run` may rely on them.
    ///
    /// # Errors
    /// [`Code::BadStep`] where the step could not have come from the compiler.
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code>;

    /// Bytes of working memory that `run` needs for these sizes, or for fewer threads. Never more for smaller sizes: a
    /// session asks at its upper and lower bounds, takes the larger answer, and refuses sizes that need more.
    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize;

    /// Computes the results. Never allocates and never panics on a step that passed `check`.
    ///
    /// # Errors
    /// [`Code::IndexOutOfRange`] where an index operand points outside its tensor.
    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code>;

    /// What `run` does at these sizes, which passed `check`.
    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::moving(step)
    }
}

/// A set of kernels under one name, such as `cpu`.
pub trait Executor: Sync {
    /// The name by which artifacts refer to it.
    fn name(&self) -> &'static str;

    /// Gets ready to compute. Called whenever a session is made.
    ///
    /// # Errors
    /// [`Code::NoInstructionSet`] where the environment asks for one that there is not.
    fn ready(&self) -> Result<(), Code> {
        Ok(())
    }

    /// The kernel with this name.
    fn kernel(&self, name: &str) -> Option<&'static dyn Kernel>;
}
