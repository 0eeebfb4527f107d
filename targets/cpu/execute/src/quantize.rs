//! `dequantize_T`: `(x - zero_point) * scale`; `quantize_T`: `round(x / scale) + zero_point`, limited to what T holds.
//!
//! Operands: `x` of any type with numbers of at most 32 bits, `scale` of a floating-point type, optional `zero_point`, which
//! broadcast to `x`. No parameters. Everything is computed in `f32`; 4-bit elements lie two to a byte.

use crate::element::{Element, Float, I8, I16, U8};
use crate::isa::{Body, Isa, Vector};
use crate::math::round;
use crate::nest::Nest;
use crate::real::{CHUNK, Reals};
use crate::step::{arity, count, present, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, Shape, StepData, StepShape, Threads};

/// Numbers for neighbors of `x`, their scales and their zero points.
pub(crate) trait Direction: Sync + 'static {
    /// The type of the result.
    type Output: Element;

    /// The element for one number.
    fn apply(x: f32, scale: f32, zero: f32) -> <Self::Output as Element>::Raw;
}

/// To real numbers of type `E`.
pub(crate) struct Dequantize<E>(PhantomData<E>);

impl<E: Float> Direction for Dequantize<E> {
    type Output = E;

    #[inline(always)]
    fn apply(x: f32, scale: f32, zero: f32) -> E::Raw {
        E::from_f32((x - zero) * scale)
    }
}

/// To integers of type `E`.
pub(crate) struct Quantize<E>(PhantomData<E>);

macro_rules! quantize {
    ($($element:ident as $raw:ty;)+) => {
        $(
            impl Direction for Quantize<$element> {
                type Output = $element;

                #[inline(always)]
                fn apply(x: f32, scale: f32, zero: f32) -> $raw {
                    (round(x / scale) + zero) as $raw
                }
            }
        )+
    };
}

quantize! {
    U8 as u8;
    I8 as i8;
    I16 as i16;
}

/// The kernel of one direction.
pub(crate) struct Steps<D>(PhantomData<D>);

struct Plan {
    x: Shape,
    scale: Shape,
    zero: Option<Shape>,
    /// The scale and the zero point of each element.
    nest: Nest<2>,
}

/// Requires that the bytes are those of a row-major tensor whose elements may be parts of bytes.
fn whole(shape: &Shape) -> Result<(), Code> {
    let bits = shape.dims.elements().and_then(|elements| elements.checked_mul(shape.dtype.bits() as usize));
    require(bits.map(|bits| bits.div_ceil(8)) == Some(shape.bytes) && shape.bytes <= isize::MAX as usize)
}

impl<D: Direction> Steps<D> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 3, 1)?;
        require(step.params.is_empty())?;
        let out = result(step, D::Output::DTYPE)?;
        let (x, scale) = (present(step, 0).ok_or(Code::BadStep)?, present(step, 1).ok_or(Code::BadStep)?);
        let zero = present(step, 2);
        for shape in [Some(&x), Some(&scale), zero.as_ref()].into_iter().flatten() {
            whole(shape)?;
            crate::real::load(shape.dtype)?;
        }
        require(x.dims == out)?;
        let beside = zero.as_ref().unwrap_or(&scale);
        let nest = Nest::broadcast(&out, [&scale.dims, &beside.dims])?;
        Ok(Plan { x, scale, zero, nest })
    }
}

impl<D: Direction> Kernel for Steps<D> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let Plan { x, scale, zero, nest } = Self::plan(step)?;
        let reals = |index: usize, shape: &Shape| {
            let bytes = data.operands.get(index).ok_or(Code::BadStep)?;
            Reals::new(shape.dtype, bytes, count(&shape.dims))
        };
        let (x, scale) = (reals(0, &x)?, reals(1, &scale)?);
        let zero = zero.map(|zero| reals(2, &zero)).transpose()?;
        let isa = Isa::best();
        flat(threads, write(step, data.results)?, 4, |start, out| {
            isa.run(Stretch::<D> { start, out, x, scale, zero, nest: &nest });
        })
    }
}

/// Some neighbors of the result.
struct Stretch<'a, D: Direction> {
    start: usize,
    out: &'a mut [<D::Output as Element>::Raw],
    x: Reals<'a>,
    scale: Reals<'a>,
    zero: Option<Reals<'a>>,
    nest: &'a Nest<2>,
}

impl<D: Direction> Body for Stretch<'_, D> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Stretch { start, out, x, scale, zero, nest } = self;
        let [scale_step, zero_step] = nest.inner();
        let (mut steps, mut scales, mut zeros) = ([0.0; CHUNK], [0.0; CHUNK], [0.0; CHUNK]);
        nest.runs(start, out.len(), |done, len, [at_scale, at_zero]| {
            for first in (0..len).step_by(CHUNK) {
                let size = CHUNK.min(len - first);
                let place = |at: isize, step: isize| (at + first as isize * step) as usize;
                x.read(start + done + first, 1, &mut steps[..size]);
                scale.read(place(at_scale, scale_step), scale_step, &mut scales[..size]);
                if let Some(zero) = zero {
                    zero.read(place(at_zero, zero_step), zero_step, &mut zeros[..size]);
                }
                let out = &mut out[done + first..done + first + size];
                for (((out, &x), &scale), &zero) in out.iter_mut().zip(&steps).zip(&scales).zip(&zeros) {
                    *out = D::apply(x, scale, zero);
                }
            }
        });
    }
}
