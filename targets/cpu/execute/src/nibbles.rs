//! `cast_i4_<to>`, `cast_<from>_u4` …: conversions from and to 4-bit integers, two to a byte, the first in the low half.
//!
//! Operand: `x`. No parameters. Narrower integers wrap.

use crate::cast::ConvertTo;
use crate::element::{Element, I64};
use crate::step::{arity, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::DType;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Dims, Kernel, Shape, StepData, StepShape, Threads};

/// A 4-bit type.
pub(crate) trait Nibble: Sync + 'static {
    /// Its name in shapes.
    const DTYPE: DType;

    /// The number in the low half of a byte.
    fn number(half: u8) -> i64;
}

pub(crate) struct I4;
pub(crate) struct U4;

impl Nibble for I4 {
    const DTYPE: DType = DType::I4;

    fn number(half: u8) -> i64 {
        i64::from(((half << 4) as i8) >> 4)
    }
}

impl Nibble for U4 {
    const DTYPE: DType = DType::U4;

    fn number(half: u8) -> i64 {
        i64::from(half & 15)
    }
}

/// From 4 bits.
pub(crate) struct Widen<S, T>(PhantomData<(S, T)>);

/// To 4 bits.
pub(crate) struct Narrow<S, T>(PhantomData<(S, T)>);

/// Between 4-bit types: the same bits.
pub(crate) struct Relabel<S, T>(PhantomData<(S, T)>);

/// The sizes of a tensor of 4-bit elements.
fn nibbles(shape: Option<Shape>, dtype: DType) -> Result<Dims, Code> {
    let shape = shape.ok_or(Code::BadStep)?;
    let elements = shape.dims.elements().ok_or(Code::BadStep)?;
    require(shape.dtype == dtype && shape.bytes == elements.div_ceil(2))?;
    Ok(shape.dims)
}

fn first_operand(step: &StepShape<'_>) -> Option<Shape> {
    step.operands.first().copied().flatten()
}

impl<S: Nibble, T: Element> Widen<S, T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<S: Nibble, T: Element> Kernel for Widen<S, T>
where
    I64: ConvertTo<T>,
{
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        arity(step, 1, 1)?;
        require(step.params.is_empty())?;
        require(nibbles(first_operand(step), S::DTYPE)? == result(step, T::DTYPE)?)
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        self.check(step)?;
        let x: &[u8] = read(step, data.operands, 0)?;
        flat(threads, write(step, data.results)?, 1, |start, out: &mut [T::Raw]| {
            for (i, out) in (start..).zip(out) {
                *out = I64::convert(S::number(x[i / 2] >> (i % 2 * 4)));
            }
        })
    }
}

impl<S: ConvertTo<I64>, T: Nibble> Narrow<S, T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<S: ConvertTo<I64>, T: Nibble> Kernel for Narrow<S, T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        arity(step, 1, 1)?;
        require(step.params.is_empty())?;
        require(operand(step, 0, S::DTYPE)? == nibbles(step.results.first().copied(), T::DTYPE)?)
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        self.check(step)?;
        let x: &[S::Raw] = read(step, data.operands, 0)?;
        flat(threads, write(step, data.results)?, 2, |start, out: &mut [u8]| {
            for (pair, out) in x[2 * start..].chunks(2).zip(out) {
                let half = |i: usize| pair.get(i).map_or(0, |&x| S::convert(x) as u8 & 15);
                *out = half(0) | half(1) << 4;
            }
        })
    }
}

impl<S: Nibble, T: Nibble> Relabel<S, T> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<S: Nibble, T: Nibble> Kernel for Relabel<S, T> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        arity(step, 1, 1)?;
        require(step.params.is_empty())?;
        require(nibbles(first_operand(step), S::DTYPE)? == nibbles(step.results.first().copied(), T::DTYPE)?)
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, _: &dyn Threads) -> Result<(), Code> {
        self.check(step)?;
        let x: &[u8] = read(step, data.operands, 0)?;
        write::<u8>(step, data.results)?.copy_from_slice(x);
        Ok(())
    }
}
