//! `conv_T`: convolution over one to three spatial axes.
//!
//! Operands: `x` `[n, c, ..]`, `w` `[o, c / groups, ..]`, optional `bias` of o elements, optional `residual` and
//! `gate` like the result. Parameters: `groups`, then for each spatial axis `stride`, `dilation`, `pad_low`, `pad_high`,
//! then optionally `activation`; it, `residual` and `gate` exist only for `f32`, see [`epilogue`](crate::epilogue). It is
//! a matrix product of the weights and the windows of `x`, which are laid out panel by panel while they are needed.

mod direct;
mod windows;

use crate::epilogue::{self, Activation, Bias, Epilogue, of_group};
use crate::gemm::{Product, Size, Stored, multiply};
use crate::isa::Isa;
use crate::number::Numeric;
use crate::step::{count, operand, present, read, read_optional, require, result, scratch, write};
use core::marker::PhantomData;
use direct::{Direct, direct_grid, direct_piece};
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads, Work};
use windows::{SPACE, Window, Windows};

/// The kernel for one type.
pub(crate) struct Conv<E>(PhantomData<E>);

impl<E> Conv<E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);
}

struct Plan {
    /// A product for each batch and group of channels.
    size: Size,
    groups: usize,
    window: Window,
    activation: Activation,
}

fn plan<E: Numeric>(step: &StepShape<'_>) -> Result<Plan, Code> {
    let (x, w, out) = (operand(step, 0, E::DTYPE)?, operand(step, 1, E::DTYPE)?, result(step, E::DTYPE)?);
    let ([n, c, input @ ..], [o, c_group, kernel @ ..], [out_n, out_o, output @ ..]) = (&*x, &*w, &*out) else {
        return Err(Code::BadStep);
    };
    let space = input.len();
    require((1..=SPACE).contains(&space) && kernel.len() == space && output.len() == space)?;
    let (&groups, axes) = step.params.split_first().ok_or(Code::BadStep)?;
    let groups = usize::try_from(groups).map_err(|_| Code::BadStep)?;
    let (axes, activation) = axes.split_at_checked(4 * space).ok_or(Code::BadStep)?;
    let activation = epilogue::check::<E>(step, *o, &out, activation)?;
    require(groups > 0 && n == out_n && o == out_o && o % groups == 0)?;
    require(c_group.checked_mul(groups) == Some(*c))?;
    let ones = [1; SPACE];
    let mut window = Window { input: ones, kernel: ones, output: ones, stride: ones, dilation: ones, low: [0; SPACE] };
    for (axis, params) in axes.chunks_exact(4).enumerate() {
        let at = SPACE - space + axis;
        let mut sizes = [0usize; 4];
        for (size, &param) in sizes.iter_mut().zip(params) {
            // Positions are computed in `isize`, so all of them must fit, as all sizes of tensors do.
            *size = usize::try_from(param).map_err(|_| Code::BadStep)?;
        }
        let [stride, dilation, low, high] = sizes;
        require(stride > 0 && dilation > 0 && kernel[axis] > 0)?;
        let reach = (kernel[axis] - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
        let padded = input[axis].checked_add(low).and_then(|size| size.checked_add(high));
        let (Some(reach), Some(padded)) = (reach, padded) else { return Err(Code::BadStep) };
        require(padded <= isize::MAX as usize && reach <= padded)?;
        require(output[axis] == (padded - reach) / stride + 1)?;
        window.input[at] = input[axis];
        window.kernel[at] = kernel[axis];
        window.output[at] = output[axis];
        window.stride[at] = stride;
        window.dilation[at] = dilation;
        window.low[at] = low;
    }
    if count(&out) == 0 {
        return Ok(Plan { size: Size { groups: 0, rows: 0, cols: 0, k: 0 }, groups, window, activation });
    }
    let pointwise = window.kernel == ones && window.stride == ones && window.input == window.output;
    if pointwise && window.low == [0; SPACE] {
        // Every window is one element, so that all axes are one, and panels are contiguous.
        window.input = [1, 1, count(&window.input)];
        window.output = window.input;
    }
    let k = c_group.checked_mul(count(kernel)).ok_or(Code::BadStep)?;
    let size = Size { groups: n * groups, rows: o / groups, cols: count(output), k };
    Ok(Plan { size, groups, window, activation })
}

impl<E: Numeric> Kernel for Conv<E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        plan::<E>(step).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        let Ok(Plan { size, window, .. }) = plan::<E>(step) else { return 0 };
        if size.rows != 1 {
            return size.scratch::<E>(threads);
        }
        let grid = direct_grid(&size, &window);
        (direct_piece::<E>(&grid) * size_of::<E::Number>()).saturating_mul(threads.max(1))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { size, groups, window, activation } = plan::<E>(step)?;
        let x: &[E::Raw] = read(step, data.operands, 0)?;
        let w: &[E::Raw] = read(step, data.operands, 1)?;
        let bias: Option<&[E::Raw]> = read_optional(step, data.operands, 2)?;
        let residual: Option<&[E::Raw]> = read_optional(step, data.operands, 3)?;
        let gate: Option<&[E::Raw]> = read_optional(step, data.operands, 4)?;
        let epilogue = |group: usize| {
            let channel = group % groups * size.rows;
            let own = |all| of_group(all, group, size.rows * size.cols);
            Epilogue {
                bias: bias.map_or(Bias::None, |bias| Bias::PerRow(&bias[channel..][..size.rows])),
                activation,
                gate: own(gate),
                residual: own(residual),
            }
        };
        let (out, scratch) = (write(step, data.results)?, scratch(data.scratch)?);
        if size.rows == 1 {
            let direct = Direct::<E, _> { x, w, epilogue, size, groups, window };
            return direct.run_on(Isa::best(), out, scratch, threads);
        }
        // Groups of all batches follow one another in `x`, and those of one batch in `w`.
        let channels = x.len().checked_div(size.groups).unwrap_or(0);
        let group = |index: usize| {
            let of_weights = index % groups;
            Product {
                rows: Stored::<E> { matrix: &w[of_weights * size.rows * size.k..][..size.rows * size.k], k: size.k },
                columns: Windows::<E> { x: &x[index * channels..][..channels], window },
                epilogue: epilogue(index),
            }
        };
        multiply::<E, _, _>(Isa::best(), &size, group, out, scratch, threads)
    }

    fn work(&self, step: &StepShape<'_>) -> Work {
        let taps = present(step, 1).map_or(0, |w| w.dims.iter().skip(1).product());
        Work::multiplying(step, taps)
    }
}
