//! An executor with just enough kernels to exercise the runtime.

use m4c_format::DType;
use m4c_runtime::Code;
use m4c_runtime::executor::{Executor, Kernel, StepData, StepShape, Threads};

/// The executor `test`.
pub(crate) struct TestExecutor;

/// The list that sessions take.
pub(crate) static EXECUTORS: &[&dyn Executor] = &[&TestExecutor];

impl Executor for TestExecutor {
    fn name(&self) -> &'static str {
        "test"
    }

    fn kernel(&self, name: &str) -> Option<&'static dyn Kernel> {
        Some(match name {
            "add" => &Add,
            "double" => &Double,
            "concat" => &Concat,
            "panic" => &Panic,
            "select" => &Select,
            _ => return None,
        })
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().expect("four bytes")))
}

/// `left + right`, element by element.
struct Add;

impl Kernel for Add {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        match (step.operands, step.results) {
            ([Some(left), Some(right)], [sum])
                if left.dims == right.dims && left.dims == sum.dims && sum.dtype == DType::F32 =>
            {
                Ok(())
            }
            _ => Err(Code::BadStep),
        }
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, _: &StepShape<'_>, data: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        let sums = floats(data.operands[0]).zip(floats(data.operands[1])).map(|(left, right)| left + right);
        data.results[0].chunks_exact_mut(4).zip(sums).for_each(|(slot, sum)| slot.copy_from_slice(&sum.to_le_bytes()));
        Ok(())
    }
}

/// Twice the operand, by way of the scratch memory and the threads.
struct Double;

impl Kernel for Double {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        match (step.operands, step.results) {
            ([Some(from)], [to]) if from.bytes == to.bytes => Ok(()),
            _ => Err(Code::BadStep),
        }
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        step.results[0].bytes + threads
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        assert!(data.scratch.len() >= step.results[0].bytes + threads.count());
        assert!(data.scratch.as_ptr().addr().is_multiple_of(64));
        let slots = data.scratch.chunks_exact_mut(4);
        slots
            .zip(floats(data.operands[0]))
            .for_each(|(slot, value)| slot.copy_from_slice(&(2.0 * value).to_le_bytes()));
        threads.run(threads.count(), &|_| {});
        let bytes = data.results[0].len();
        data.results[0].copy_from_slice(&data.scratch[..bytes]);
        Ok(())
    }
}

/// All operands one after the other.
struct Concat;

impl Kernel for Concat {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        let bytes: usize = step.operands.iter().flatten().map(|shape| shape.bytes).sum();
        if step.results.len() == 1 && step.results[0].bytes == bytes { Ok(()) } else { Err(Code::BadStep) }
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, _: &StepShape<'_>, data: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        let mut rest = &mut *data.results[0];
        for operand in data.operands {
            let (head, tail) = rest.split_at_mut(operand.len());
            head.copy_from_slice(operand);
            rest = tail;
        }
        Ok(())
    }
}

/// Panics while running.
struct Panic;

impl Kernel for Panic {
    fn check(&self, _: &StepShape<'_>) -> Result<(), Code> {
        Ok(())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, _: &StepShape<'_>, _: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        panic!("planted")
    }
}

/// The element of the first operand that the second, an `i64`, names.
struct Select;

impl Kernel for Select {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        match (step.operands, step.results) {
            ([Some(_), Some(index)], [one]) if index.bytes == 8 && one.bytes == 4 => Ok(()),
            _ => Err(Code::BadStep),
        }
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, _: &StepShape<'_>, data: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        let index = i64::from_le_bytes(data.operands[1].try_into().map_err(|_| Code::BadStep)?);
        let index = usize::try_from(index).map_err(|_| Code::IndexOutOfRange)?;
        let element = data.operands[0].chunks_exact(4).nth(index).ok_or(Code::IndexOutOfRange)?;
        data.results[0].copy_from_slice(element);
        Ok(())
    }
}
