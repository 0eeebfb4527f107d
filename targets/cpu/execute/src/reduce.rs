//! `reduce_sum_T`, `reduce_max_T`: one element for all that differ only along the given axes.
//!
//! Operand: `x`. Parameters: the axes, distinct. The result has the elements in order; its own sizes do not matter, so
//! the reduced axes may stay with size 1 or vanish. The order of additions depends on the sizes alone.

use crate::element::{Bf16, Element, F16, F32, Float, I8, I16, I32, I64, U8};
use crate::isa::{Body, Isa, Vector};
use crate::nest::{Nest, row_major};
use crate::step::{arity, axis, count, operand, read, require, result, write};
use crate::tiles::flat;
use core::marker::PhantomData;
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, MAX_RANK, StepData, StepShape, Threads};

/// Independent accumulators along a contiguous stretch.
const LANES: usize = 16;
/// Columns that are reduced side by side.
const COLUMNS: usize = 32;

/// A way to make one value of many.
pub(crate) trait Reduction<E: Element>: Sync + 'static {
    /// What is carried from element to element.
    type State: Copy;
    /// Whether there is a value for no elements.
    const HAS_EMPTY: bool;
    /// The state before the first element.
    const START: Self::State;

    /// The state after another element.
    fn add(state: Self::State, x: E::Raw) -> Self::State;

    /// The state after the elements of both.
    fn join(a: Self::State, b: Self::State) -> Self::State;

    /// The value.
    fn finish(state: Self::State) -> E::Raw;
}

pub(crate) struct Sum;
pub(crate) struct Max;

macro_rules! float_reductions {
    ($($element:ident)+) => {
        $(
            // In f64, so that the error does not grow with the number of elements.
            impl Reduction<$element> for Sum {
                type State = f64;
                const HAS_EMPTY: bool = true;
                const START: f64 = 0.0;

                #[inline(always)]
                fn add(state: f64, x: <$element as Element>::Raw) -> f64 {
                    state + f64::from($element::to_f32(x))
                }

                #[inline(always)]
                fn join(a: f64, b: f64) -> f64 {
                    a + b
                }

                #[inline(always)]
                fn finish(state: f64) -> <$element as Element>::Raw {
                    $element::from_f32(state as f32)
                }
            }

            impl Reduction<$element> for Max {
                type State = f32;
                const HAS_EMPTY: bool = false;
                const START: f32 = f32::NEG_INFINITY;

                #[inline(always)]
                fn add(state: f32, x: <$element as Element>::Raw) -> f32 {
                    <Self as Reduction<$element>>::join(state, $element::to_f32(x))
                }

                #[inline(always)]
                fn join(a: f32, b: f32) -> f32 {
                    if a > b || a.is_nan() { a } else { b }
                }

                #[inline(always)]
                fn finish(state: f32) -> <$element as Element>::Raw {
                    $element::from_f32(state)
                }
            }
        )+
    };
}

float_reductions! { F16 Bf16 F32 }

macro_rules! integer_reductions {
    ($($element:ident: $raw:ident;)+) => {
        $(
            impl Reduction<$element> for Sum {
                type State = $raw;
                const HAS_EMPTY: bool = true;
                const START: $raw = 0;

                #[inline(always)]
                fn add(state: $raw, x: $raw) -> $raw {
                    state.wrapping_add(x)
                }

                #[inline(always)]
                fn join(a: $raw, b: $raw) -> $raw {
                    a.wrapping_add(b)
                }

                #[inline(always)]
                fn finish(state: $raw) -> $raw {
                    state
                }
            }

            impl Reduction<$element> for Max {
                type State = $raw;
                const HAS_EMPTY: bool = false;
                const START: $raw = $raw::MIN;

                #[inline(always)]
                fn add(state: $raw, x: $raw) -> $raw {
                    state.max(x)
                }

                #[inline(always)]
                fn join(a: $raw, b: $raw) -> $raw {
                    a.max(b)
                }

                #[inline(always)]
                fn finish(state: $raw) -> $raw {
                    state
                }
            }
        )+
    };
}

integer_reductions! {
    I8: i8;
    U8: u8;
    I16: i16;
    I32: i32;
    I64: i64;
}

/// The kernel of one [`Reduction`] on one type.
pub(crate) struct Reduce<R, E>(PhantomData<(R, E)>);

struct Plan {
    /// Where the elements begin that make an element of the result.
    kept: Nest<1>,
    /// Where these elements lie.
    reduced: Nest<1>,
    /// How many they are.
    count: usize,
    /// Whether neighbors in memory make the same element.
    along: bool,
}

impl<R: Reduction<E>, E: Element> Reduce<R, E> {
    /// The kernel.
    pub(crate) const NEW: Self = Self(PhantomData);

    fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
        arity(step, 1, 1)?;
        let dims = operand(step, 0, E::DTYPE)?;
        let mut is_reduced = [false; MAX_RANK];
        for &param in step.params {
            let axis = axis(param, dims.len())?;
            require(!core::mem::replace(&mut is_reduced[axis], true))?;
        }
        let distances = row_major(&dims);
        // Sizes of the axes that are kept, and of those that are reduced; 1 stands for an axis of the other kind.
        let mut sizes = [[1; MAX_RANK]; 2];
        let mut steps = [[0]; MAX_RANK];
        for axis in 0..dims.len() {
            sizes[usize::from(is_reduced[axis])][axis] = dims[axis];
            steps[axis] = [distances[axis]];
        }
        let [kept, reduced] = sizes;
        let elements = count(&result(step, E::DTYPE)?);
        let kept_count = kept.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        require(kept_count == Some(elements))?;
        require(R::HAS_EMPTY || elements == 0 || count(&reduced) > 0)?;
        let innermost = (0..dims.len()).rev().find(|&axis| dims[axis] != 1);
        Ok(Plan {
            kept: Nest::new(&kept, &steps),
            reduced: Nest::new(&reduced, &steps),
            count: count(&reduced),
            along: innermost.is_none_or(|axis| is_reduced[axis]),
        })
    }
}

impl<R: Reduction<E>, E: Element> Reduce<R, E> {
    fn compute(isa: Isa, plan: &Plan, x: &[E::Raw], out: &mut [E::Raw], threads: &dyn Threads) -> Result<(), Code> {
        flat(threads, out, plan.count, |start, out| {
            isa.run(Stretch::<R, E> { plan, x, start, out, reduction: PhantomData });
        })
    }
}

impl<R: Reduction<E>, E: Element> Kernel for Reduce<R, E> {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        Self::plan(step).map(|_| ())
    }

    fn scratch(&self, _: &StepShape<'_>, _: usize) -> usize {
        0
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = Self::plan(step)?;
        Self::compute(Isa::best(), &plan, read(step, data.operands, 0)?, write(step, data.results)?, threads)
    }
}

/// Some neighbors of the result.
struct Stretch<'a, R, E: Element> {
    plan: &'a Plan,
    x: &'a [E::Raw],
    start: usize,
    out: &'a mut [E::Raw],
    reduction: PhantomData<R>,
}

impl<R: Reduction<E>, E: Element> Body for Stretch<'_, R, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Stretch { plan, x, start, out, .. } = self;
        let [inner] = plan.kept.inner();
        plan.kept.runs(start, out.len(), |done, len, [base]| {
            let out = &mut out[done..done + len];
            if plan.count == 0 {
                out.fill(R::finish(R::START));
            } else if plan.along {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = along::<R, E>(&plan.reduced, plan.count, x, (base + i as isize * inner) as usize);
                }
            } else {
                across::<R, E>(&plan.reduced, plan.count, x, base as usize, out);
            }
        });
    }
}

/// The value of elements that lie in contiguous stretches.
#[inline(always)]
fn along<R: Reduction<E>, E: Element>(reduced: &Nest<1>, count: usize, x: &[E::Raw], base: usize) -> E::Raw {
    let mut lanes = [R::START; LANES];
    reduced.runs(0, count, |_, len, [offset]| {
        let (blocks, rest) = x[base + offset as usize..][..len].as_chunks::<LANES>();
        // In an own variable, which can live in registers.
        let mut sums = lanes;
        for block in blocks {
            for lane in 0..LANES {
                sums[lane] = R::add(sums[lane], block[lane]);
            }
        }
        lanes = sums;
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane = R::add(*lane, x);
        }
    });
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = R::join(lanes[lane], lanes[lane + width]);
        }
    }
    R::finish(lanes[0])
}

/// The values of neighboring columns.
#[inline(always)]
fn across<R: Reduction<E>, E: Element>(reduced: &Nest<1>, count: usize, x: &[E::Raw], base: usize, out: &mut [E::Raw]) {
    let [step] = reduced.inner();
    for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
        let mut states = [R::START; COLUMNS];
        reduced.runs(0, count, |_, len, [offset]| {
            let first = base + block * COLUMNS + offset as usize;
            for row in 0..len {
                let line = &x[first + row * step as usize..];
                // The full width is its own case, for a loop of known length.
                match line.first_chunk::<COLUMNS>() {
                    Some(line) if out.len() == COLUMNS => {
                        for col in 0..COLUMNS {
                            states[col] = R::add(states[col], line[col]);
                        }
                    }
                    _ => {
                        for (state, &x) in states.iter_mut().zip(&line[..out.len()]) {
                            *state = R::add(*state, x);
                        }
                    }
                }
            }
        });
        for (out, &state) in out.iter_mut().zip(&states) {
            *out = R::finish(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_runtime::executor::{Dims, Shape, SingleThread};

    fn same_bits<R: Reduction<F32>>() {
        let x: Vec<f32> = (0..9000).map(|i| (i * 7919 % 1009) as f32 / 50.0).collect();
        let shape = |sizes: &[usize]| {
            let dims = Dims::new(sizes).unwrap();
            Shape { dtype: F32::DTYPE, dims, bytes: 4 * count(sizes) }
        };
        for axis in 0..2 {
            let to = [[1, 100], [90, 1]][axis];
            let params = [axis as i64];
            let operands = [Some(shape(&[90, 100]))];
            let step = StepShape { operands: &operands, results: &[shape(&to)], params: &params };
            let plan = Reduce::<R, F32>::plan(&step).unwrap();
            let results = Isa::all().into_iter().map(|isa| {
                let mut out = vec![f32::NAN; count(&to)];
                Reduce::<R, F32>::compute(isa, &plan, &x, &mut out, &SingleThread).unwrap();
                out
            });
            let results: Vec<_> = results.collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        same_bits::<Sum>();
        same_bits::<Max>();
    }
}
