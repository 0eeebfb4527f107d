//! `matmul_f32` and `matmul_packed_f32`: matrix products.
//!
//! `matmul_f32`: operands `a` `[.., m, k]`, `b` `[.., k, n]`, whose leading axes broadcast. No parameters.
//! `matmul_packed_f32`: operands `x` `[.., k]`, `w` `[k, n]` in the layout [`F32_KN16`], optional `bias` of n elements;
//! result `[.., n]`. No parameters.
//!
//! [`F32_KN16`]: crate::layout::F32_KN16

use crate::binary::broadcast_result;
use crate::element::{Element, F32};
use crate::gemm::{Bias, Columns, Product, Row, Size, multiply};
use crate::isa::Isa;
use crate::layout::{PANEL, packed_len};
use crate::nest::Nest;
use crate::step::{arity, count, operand, optional, present, read, read_optional, require, result, scratch, write};
use core::ops::Range;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// The product of two tensors of matrices.
pub(crate) struct Matmul;

/// The product of rows and one packed matrix.
pub(crate) struct MatmulPacked;

struct Plan {
    size: Size,
    /// The matrices of `a` and `b` that make each matrix of the result.
    batch: Nest<2>,
}

fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
    arity(step, 2, 1)?;
    require(step.params.is_empty())?;
    let (a, b, out) = (operand(step, 0, F32::DTYPE)?, operand(step, 1, F32::DTYPE)?, result(step, F32::DTYPE)?);
    let ([batch_a @ .., m, k], [batch_b @ .., k_b, n], [batch @ .., rows, cols]) = (&*a, &*b, &*out) else {
        return Err(Code::BadStep);
    };
    require(k == k_b && m == rows && n == cols)?;
    let nest = broadcast_result(batch, [batch_a, batch_b])?;
    if count(&out) == 0 {
        return Ok(Plan { size: Size { groups: 0, rows: 0, cols: 0, k: 0 }, batch: nest });
    }
    let one_b = count(batch_b) == 1;
    // With a single `b`, the rows of all matrices of `a` are one tall matrix.
    let (groups, rows) =
        if one_b && count(batch_a) == count(batch) { (1, m * count(batch)) } else { (count(batch), *m) };
    Ok(Plan { size: Size { groups, rows, cols: *n, k: *k }, batch: nest })
}

impl Kernel for Matmul {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        plan(step).map_or(0, |plan| plan.size.scratch(threads))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { size, batch } = plan(step)?;
        let a: &[f32] = read(step, data.operands, 0)?;
        let b: &[f32] = read(step, data.operands, 1)?;
        let group = |group: usize| {
            let [at_a, at_b] = batch.at(group).map(|matrix| matrix as usize);
            let a = &a[at_a * size.rows * size.k..][..size.rows * size.k];
            let b = &b[at_b * size.k * size.cols..][..size.k * size.cols];
            Product { a, columns: Plain { matrix: b, cols: size.cols }, bias: Bias::None }
        };
        multiply(Isa::best(), &size, group, write(step, data.results)?, scratch(data.scratch)?, threads)
    }
}

/// A row-major matrix.
struct Plain<'a> {
    matrix: &'a [f32],
    cols: usize,
}

impl Columns for Plain<'_> {
    #[inline(always)]
    fn panel<'a>(&'a self, k: Range<usize>, first: usize, space: &'a mut [Row]) -> &'a [Row] {
        let width = PANEL.min(self.cols - first);
        for (row, k) in space.iter_mut().zip(k) {
            let from = &self.matrix[k * self.cols + first..];
            match from.first_chunk() {
                Some(from) if width == PANEL => *row = *from,
                _ => {
                    row[..width].copy_from_slice(&from[..width]);
                    row[width..].fill(0.0);
                }
            }
        }
        space
    }

    #[inline(always)]
    fn row_major(&self) -> Option<(&[f32], usize)> {
        Some((self.matrix, self.cols))
    }
}

fn packed_plan(step: &StepShape<'_>) -> Result<Size, Code> {
    let bias = match step.operands.len() {
        2 => None,
        3 => optional(step, 2, F32::DTYPE)?,
        _ => return Err(Code::BadStep),
    };
    require(step.params.is_empty())?;
    let (x, out) = (operand(step, 0, F32::DTYPE)?, result(step, F32::DTYPE)?);
    let weights = present(step, 1).ok_or(Code::BadStep)?;
    let &[k, n] = &*weights.dims else { return Err(Code::BadStep) };
    let bytes = packed_len(k, n).and_then(|len| len.checked_mul(size_of::<f32>()));
    require(weights.dtype == F32::DTYPE && bytes == Some(weights.bytes) && weights.bytes <= isize::MAX as usize)?;
    let ([lead @ .., x_k], [out_lead @ .., out_n]) = (&*x, &*out) else { return Err(Code::BadStep) };
    require(*x_k == k && *out_n == n && lead == out_lead)?;
    require(bias.is_none_or(|bias| count(&bias) == n))?;
    if count(&out) == 0 {
        return Ok(Size { groups: 0, rows: 0, cols: 0, k: 0 });
    }
    Ok(Size { groups: 1, rows: count(lead), cols: n, k })
}

impl Kernel for MatmulPacked {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        packed_plan(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        packed_plan(step).map_or(0, |size| size.scratch(threads))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let size = packed_plan(step)?;
        let a: &[f32] = read(step, data.operands, 0)?;
        let weights: &[f32] = read(step, data.operands, 1)?;
        let bias = read_optional(step, data.operands, 2)?.map_or(Bias::None, Bias::PerColumn);
        let rows = weights.as_chunks().0;
        let group = |_| Product { a, columns: Packed { rows, k: size.k }, bias };
        multiply(Isa::best(), &size, group, write(step, data.results)?, scratch(data.scratch)?, threads)
    }
}

/// A matrix that lies in panels.
struct Packed<'a> {
    rows: &'a [Row],
    k: usize,
}

impl Columns for Packed<'_> {
    #[inline(always)]
    fn panel<'a>(&'a self, k: Range<usize>, first: usize, _: &'a mut [Row]) -> &'a [Row] {
        let start = first / PANEL * self.k;
        &self.rows[start + k.start..start + k.end]
    }

    #[inline(always)]
    fn row_major(&self) -> Option<(&[f32], usize)> {
        None
    }
}
