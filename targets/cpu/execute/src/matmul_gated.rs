//! `matmul_gated_f32`: two products of the same rows, multiplied with one another before they leave the cache, as the
//! feed-forward of most language models has them.
//!
//! Operands: `x` `[.., k]`; `w` and `v` `[k, n]` in the layout `f32_kn16` (see [`layout`]); optional `bias` and `shift`
//! of n elements. Parameters: `activation` and `bend`, the numbers of two [`Activation`]s. The result `[.., n]` is
//! `activation(x · w + bias) * bend(x · v + shift)`, with the bits of separate steps.
//!
//! [`layout`]: crate::layout

use crate::element::{Element, F32};
use crate::epilogue::{Activation, Bias, Epilogue};
use crate::gemm::{Product, Size, Stored, multiply_pair};
use crate::isa::Isa;
use crate::matmul::{Packed, packed_size};
use crate::step::{arity, count, depth, optional, read, read_optional, require, scratch, write};
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads, Work};

/// The kernel.
pub(crate) struct MatmulGated;

fn plan(step: &StepShape<'_>) -> Result<(Size, [Activation; 2]), Code> {
    arity(step, 5, 1)?;
    let (size, n) = packed_size::<F32>(step, 1)?;
    packed_size::<F32>(step, 2)?;
    for index in [3, 4] {
        require(optional(step, index, F32::DTYPE)?.is_none_or(|bias| count(&bias) == n))?;
    }
    let &[first, second] = step.params else { return Err(Code::BadStep) };
    let activation = |number: i64| Activation::from_number(number).ok_or(Code::BadStep);
    Ok((size, [activation(first)?, activation(second)?]))
}

impl Kernel for MatmulGated {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        plan(step).map_or(0, |(size, _)| size.scratch_of_pair(threads))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let (size, activations) = plan(step)?;
        let x: &[f32] = read(step, data.operands, 0)?;
        let product = |index: usize| -> Result<_, Code> {
            let bias = read_optional(step, data.operands, 3 + index)?.map_or(Bias::None, Bias::PerColumn);
            Ok(Product {
                rows: Stored::<F32> { matrix: x, k: size.k },
                columns: Packed::<F32> { weights: read(step, data.operands, 1 + index)?, k: size.k },
                epilogue: Epilogue { bias, activation: activations[index], ..Epilogue::NONE },
            })
        };
        let products = [product(0)?, product(1)?];
        let (out, scratch) = (write(step, data.results)?, scratch(data.scratch)?);
        multiply_pair(Isa::best(), &size, &products, out, scratch, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        Work::multiplying(step, depth(step).saturating_mul(2))
    }
}
