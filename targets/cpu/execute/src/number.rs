//! The numbers in which matrix products are computed, and the storage types that they come from and go to.

use crate::element::{Bf16, Element, F16, F32, Float, I32};
use crate::epilogue::Activation;
use crate::gemm::{Call, portable};
use crate::isa::Vector;
use crate::tiles::Tile;
use bytemuck::Pod;

/// A number that products are accumulated in.
pub(crate) trait Number: Pod + Send + Sync + Default {
    /// `a * b + c`.
    fn multiply_add<V: Vector>(a: Self, b: Self, c: Self) -> Self;

    /// The sum.
    fn plus(self, other: Self) -> Self;

    /// The product.
    fn times(self, other: Self) -> Self;

    /// How many of the panels that are left the micro-kernel takes beside so many rows, which are at most `V::ROWS`.
    fn panels<V: Vector>(rows: usize, left: usize) -> usize;

    /// The micro-kernel of matrix products.
    fn product<V: Vector>(call: Call<'_, Self>);

    /// Applies the activation, which integers do not have.
    fn activate(activation: Activation, values: &mut [Self]);
}

impl Number for f32 {
    #[inline(always)]
    fn multiply_add<V: Vector>(a: f32, b: f32, c: f32) -> f32 {
        V::multiply_add(a, b, c)
    }

    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }

    #[inline(always)]
    fn times(self, other: f32) -> f32 {
        self * other
    }

    #[inline(always)]
    fn panels<V: Vector>(rows: usize, left: usize) -> usize {
        V::panels(rows, left)
    }

    #[inline(always)]
    fn product<V: Vector>(call: Call<'_, f32>) {
        V::product(call);
    }

    #[inline(always)]
    fn activate(activation: Activation, values: &mut [f32]) {
        activation.apply(values);
    }
}

impl Number for i32 {
    #[inline(always)]
    fn multiply_add<V: Vector>(a: i32, b: i32, c: i32) -> i32 {
        a.wrapping_mul(b).wrapping_add(c)
    }

    #[inline(always)]
    fn plus(self, other: i32) -> i32 {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn times(self, other: i32) -> i32 {
        self.wrapping_mul(other)
    }

    #[inline(always)]
    fn panels<V: Vector>(_: usize, _: usize) -> usize {
        1
    }

    #[inline(always)]
    fn product<V: Vector>(call: Call<'_, i32>) {
        portable::product::<V, i32>(call);
    }

    #[inline(always)]
    fn activate(_: Activation, _: &mut [i32]) {}
}

/// A storage type of factors and products.
pub(crate) trait Numeric: Element {
    /// What it is computed in.
    type Number: Number;
    /// Whether elements are stored as the numbers that they are computed in.
    const IS_NUMBER: bool;

    /// The element as a number.
    fn number(raw: Self::Raw) -> Self::Number;

    /// The elements as numbers, where they are stored so.
    fn numbers(raw: &[Self::Raw]) -> Option<&[Self::Number]>;

    /// Lets `body` fill a tile with numbers, which become its elements. `space` has room for the tile unless elements are
    /// numbers.
    fn with_sums(tile: Tile<'_, Self::Raw>, space: &mut [Self::Number], body: impl FnOnce(Tile<'_, Self::Number>));
}

macro_rules! numbers {
    ($($element:ident in $number:ty;)+) => {
        $(
            impl Numeric for $element {
                type Number = $number;
                const IS_NUMBER: bool = true;

                #[inline(always)]
                fn number(raw: $number) -> $number {
                    raw
                }

                #[inline(always)]
                fn numbers(raw: &[$number]) -> Option<&[$number]> {
                    Some(raw)
                }

                #[inline(always)]
                fn with_sums(tile: Tile<'_, $number>, _: &mut [$number], body: impl FnOnce(Tile<'_, $number>)) {
                    body(tile);
                }
            }
        )+
    };
}

macro_rules! rounded {
    ($($element:ident)+) => {
        $(
            impl Numeric for $element {
                type Number = f32;
                const IS_NUMBER: bool = false;

                #[inline(always)]
                fn number(raw: u16) -> f32 {
                    $element::to_f32(raw)
                }

                #[inline(always)]
                fn numbers(_: &[u16]) -> Option<&[f32]> {
                    None
                }

                #[inline(always)]
                fn with_sums(mut tile: Tile<'_, u16>, space: &mut [f32], body: impl FnOnce(Tile<'_, f32>)) {
                    let (rows, cols) = (tile.rows, tile.cols);
                    let space = &mut space[..rows * cols];
                    body(tile.shadow(space));
                    for (row, sums) in space.chunks_exact(cols).enumerate() {
                        for (out, &sum) in tile.row_mut(row).iter_mut().zip(sums) {
                            *out = $element::from_f32(sum);
                        }
                    }
                }
            }
        )+
    };
}

numbers! {
    F32 in f32;
    I32 in i32;
}

rounded! { F16 Bf16 }
