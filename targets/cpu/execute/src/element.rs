//! Storage types of tensors as Rust types.

use crate::half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use bytemuck::Pod;
use m4c_runtime::DType;

/// A storage type.
pub(crate) trait Element: Sync + 'static {
    /// Its name in shapes.
    const DTYPE: DType;
    /// The memory of one element.
    type Raw: Pod + Send + Sync;
}

macro_rules! elements {
    ($($(#[doc = $doc:literal])+ $name:ident = $dtype:ident in $raw:ty;)+) => {
        $(
            $(#[doc = $doc])+
            pub(crate) struct $name;

            impl Element for $name {
                const DTYPE: DType = DType::$dtype;
                type Raw = $raw;
            }
        )+
    };
}

elements! {
    /// One byte; any but 0 is true, and true is written as 1.
    Bool = Bool in u8;
    /// Signed byte.
    I8 = I8 in i8;
    /// Unsigned byte.
    U8 = U8 in u8;
    /// 16-bit integer.
    I16 = I16 in i16;
    /// 32-bit integer.
    I32 = I32 in i32;
    /// 64-bit integer.
    I64 = I64 in i64;
    /// IEEE 754 half precision, as bits.
    F16 = F16 in u16;
    /// The upper half of an `f32`, as bits.
    Bf16 = Bf16 in u16;
    /// IEEE 754 single precision.
    F32 = F32 in f32;
}

/// A floating-point type. 16-bit ones are computed in `f32` and rounded once.
pub(crate) trait Float: Element {
    /// The value.
    fn to_f32(raw: Self::Raw) -> f32;

    /// The nearest element.
    fn from_f32(value: f32) -> Self::Raw;
}

macro_rules! floats {
    ($($name:ident: $to:expr, $from:expr;)+) => {
        $(
            impl Float for $name {
                #[inline(always)]
                fn to_f32(raw: Self::Raw) -> f32 {
                    $to(raw)
                }

                #[inline(always)]
                fn from_f32(value: f32) -> Self::Raw {
                    $from(value)
                }
            }
        )+
    };
}

floats! {
    F16: f16_to_f32, f32_to_f16;
    Bf16: bf16_to_f32, f32_to_bf16;
    F32: core::convert::identity, core::convert::identity;
}

/// Opaque elements that are moved but not computed with.
pub(crate) trait Word: Pod + Send + Sync {}

impl Word for u8 {}
impl Word for u16 {}
impl Word for u32 {}
impl Word for u64 {}
