//! `matmul_T` and `matmul_packed_T`: matrix products.
//!
//! `matmul_T`: operands `a` `[.., m, k]`, `b` `[.., k, n]`, whose leading axes broadcast.
//! `matmul_packed_T`: operands `x` `[.., k]`, `w` `[k, n]` in the layout `T_kn16` (see [`layout`]); result `[.., n]`.
//!
//! Both: optional operands `bias` of n elements, `residual` and `gate` like the result; optional parameter `activation`,
//! see [`epilogue`]. `bias` alone exists for every type, the others only for `f32`.
//!
//! [`layout`]: crate::layout
//! [`epilogue`]: crate::epilogue

use crate::binary::broadcast_result;
use crate::epilogue::{self, Activation, Bias, Epilogue, of_group};
use crate::gemm::{Columns, Product, Size, Stored, multiply};
use crate::isa::Isa;
use crate::layout::{PANEL, packed_len};
use crate::nest::Nest;
use crate::number::Numeric;
use crate::step::{count, depth, operand, present, read, read_optional, require, result, scratch, write};
use core::marker::PhantomData;
use core::ops::Range;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads, Work};

/// The product of two tensors of matrices of one type.
pub(crate) struct Matmul<E>(PhantomData<E>);

impl<E> Matmul<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

/// The product of rows and one packed matrix.
pub(crate) struct MatmulPacked<E>(PhantomData<E>);

impl<E> MatmulPacked<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

struct Plan {
    size: Size,
    /// The matrices of `a` and `b` that make each matrix of the result.
    batch: Nest<2>,
    activation: Activation,
}

fn plan<E: Numeric>(step: &StepShape<'_>) -> Result<Plan, Code> {
    let (a, b, out) = (operand(step, 0, E::DTYPE)?, operand(step, 1, E::DTYPE)?, result(step, E::DTYPE)?);
    let ([batch_a @ .., m, k], [batch_b @ .., k_b, n], [batch @ .., rows, cols]) = (&*a, &*b, &*out) else {
        return Err(Code::BadStep);
    };
    require(k == k_b && m == rows && n == cols)?;
    let nest = broadcast_result(batch, [batch_a, batch_b])?;
    let activation = epilogue::check::<E>(step, *n, &out, step.params)?;
    if count(&out) == 0 {
        return Ok(Plan { size: Size { groups: 0, rows: 0, cols: 0, k: 0 }, batch: nest, activation });
    }
    let one_b = count(batch_b) == 1;
    // With a single `b`, the rows of all matrices of `a` are one tall matrix.
    let (groups, rows) =
        if one_b && count(batch_a) == count(batch) { (1, m * count(batch)) } else { (count(batch), *m) };
    Ok(Plan { size: Size { groups, rows, cols: *n, k: *k }, batch: nest, activation })
}

impl<E: Numeric> Kernel for Matmul<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan::<E>(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        plan::<E>(step).map_or(0, |plan| plan.size.scratch::<E>(threads))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { size, batch, activation } = plan::<E>(step)?;
        let a: &[E::Raw] = read(step, data.operands, 0)?;
        let b: &[E::Raw] = read(step, data.operands, 1)?;
        let bias = read_optional(step, data.operands, 2)?.map_or(Bias::None, Bias::PerColumn);
        let residual: Option<&[E::Raw]> = read_optional(step, data.operands, 3)?;
        let gate: Option<&[E::Raw]> = read_optional(step, data.operands, 4)?;
        let group = |group: usize| {
            let [at_a, at_b] = batch.at(group).map(|matrix| matrix as usize);
            let rows = Stored::<E> { matrix: &a[at_a * size.rows * size.k..][..size.rows * size.k], k: size.k };
            let matrix = &b[at_b * size.k * size.cols..][..size.k * size.cols];
            let own = |all| of_group(all, group, size.rows * size.cols);
            let epilogue = Epilogue { bias, activation, gate: own(gate), residual: own(residual) };
            Product { rows, columns: Plain::<E> { matrix, cols: size.cols }, epilogue }
        };
        multiply::<E, _, _>(Isa::best(), &size, group, write(step, data.results)?, scratch(data.scratch)?, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::multiplying(step, depth(step))
    }
}

/// A row-major matrix.
struct Plain<'a, E: Numeric> {
    matrix: &'a [E::Raw],
    cols: usize,
}

impl<E: Numeric> Columns<E::Number> for Plain<'_, E> {
    #[inline(always)]
    fn panels<'a>(
        &'a self,
        k: Range<usize>,
        cols: Range<usize>,
        space: &'a mut [E::Number],
    ) -> (&'a [E::Number], usize) {
        let panel = k.len() * PANEL;
        for (first, space) in cols.clone().step_by(PANEL).zip(space.chunks_exact_mut(panel)) {
            let width = PANEL.min(cols.end - first);
            for (row, k) in space.as_chunks_mut::<PANEL>().0.iter_mut().zip(k.clone()) {
                let from = &self.matrix[k * self.cols + first..];
                match from.first_chunk::<PANEL>() {
                    Some(from) if width == PANEL => *row = from.map(E::number),
                    _ => {
                        row.iter_mut().zip(&from[..width]).for_each(|(to, &raw)| *to = E::number(raw));
                        row[width..].fill(E::Number::default());
                    }
                }
            }
        }
        (space, panel)
    }

    #[inline(always)]
    fn row_major(&self) -> Option<(&[E::Number], usize)> {
        E::numbers(self.matrix).map(|matrix| (matrix, self.cols))
    }
}

/// The size of the product of operand 0 and the packed matrix that is operand `index`, and its columns.
pub(crate) fn packed_size<E: Numeric>(step: &StepShape<'_>, index: usize) -> Result<(Size, usize), Code> {
    let (x, out) = (operand(step, 0, E::DTYPE)?, result(step, E::DTYPE)?);
    let weights = present(step, index).ok_or(Code::BadStep)?;
    let &[k, n] = &*weights.dims else { return Err(Code::BadStep) };
    let bytes = packed_len(k, n).and_then(|len| len.checked_mul(size_of::<E::Raw>()));
    require(weights.dtype == E::DTYPE && bytes == Some(weights.bytes) && weights.bytes <= isize::MAX as usize)?;
    let ([lead @ .., x_k], [out_lead @ .., out_n]) = (&*x, &*out) else { return Err(Code::BadStep) };
    require(*x_k == k && *out_n == n && lead == out_lead)?;
    let size = match count(&out) {
        0 => Size { groups: 0, rows: 0, cols: 0, k: 0 },
        _ => Size { groups: 1, rows: count(lead), cols: n, k },
    };
    Ok((size, n))
}

fn packed_plan<E: Numeric>(step: &StepShape<'_>) -> Result<(Size, Activation), Code> {
    let (size, n) = packed_size::<E>(step, 1)?;
    let activation = epilogue::check::<E>(step, n, &result(step, E::DTYPE)?, step.params)?;
    Ok((size, activation))
}

impl<E: Numeric> Kernel for MatmulPacked<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        packed_plan::<E>(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        packed_plan::<E>(step).map_or(0, |(size, _)| size.scratch::<E>(threads))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let (size, activation) = packed_plan::<E>(step)?;
        let a: &[E::Raw] = read(step, data.operands, 0)?;
        let weights: &[E::Raw] = read(step, data.operands, 1)?;
        let bias = read_optional(step, data.operands, 2)?.map_or(Bias::None, Bias::PerColumn);
        let (residual, gate) = (read_optional(step, data.operands, 3)?, read_optional(step, data.operands, 4)?);
        let epilogue = Epilogue { bias, activation, gate, residual };
        let group = |_| Product {
            rows: Stored::<E> { matrix: a, k: size.k },
            columns: Packed::<E> { weights, k: size.k },
            epilogue,
        };
        multiply::<E, _, _>(Isa::best(), &size, group, write(step, data.results)?, scratch(data.scratch)?, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::multiplying(step, depth(step))
    }
}

/// A matrix that lies in panels.
pub(crate) struct Packed<'a, E: Numeric> {
    pub(crate) weights: &'a [E::Raw],
    /// Rows.
    pub(crate) k: usize,
}

impl<E: Numeric> Columns<E::Number> for Packed<'_, E> {
    #[inline(always)]
    fn panels<'a>(
        &'a self,
        k: Range<usize>,
        cols: Range<usize>,
        space: &'a mut [E::Number],
    ) -> (&'a [E::Number], usize) {
        let panel = self.k * PANEL;
        if let Some(weights) = E::numbers(self.weights) {
            let last = (cols.end - 1) / PANEL * panel + k.end * PANEL;
            return (&weights[cols.start / PANEL * panel + k.start * PANEL..last], panel);
        }
        let widened = k.len() * PANEL;
        for (first, space) in cols.step_by(PANEL).zip(space.chunks_exact_mut(widened)) {
            let from = first / PANEL * panel + k.start * PANEL;
            let from = &self.weights[from..from + widened];
            space.iter_mut().zip(from).for_each(|(to, &raw)| *to = E::number(raw));
        }
        (space, widened)
    }
}
