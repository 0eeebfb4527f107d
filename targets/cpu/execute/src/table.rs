//! All kernels by name, in the order of their names.

use crate::argmax::Argmax;
use crate::binary::{self, Binary};
use crate::cast::Cast;
use crate::concat::Concat;
use crate::conv::Conv;
use crate::copy::Copy;
use crate::cumsum::Cumsum;
use crate::element::{Bf16, Bool, F16, F32, I8, I32, I64, U8};
use crate::gather::Gather;
use crate::iota::{Dim, Iota};
use crate::matmul::{Matmul, MatmulPacked};
use crate::max_pool::MaxPool;
use crate::norm::{LayerNorm, RmsNorm};
use crate::pad::Pad;
use crate::reduce::{self, Reduce};
use crate::scatter::{Scatter, ScatterAdd};
use crate::select::Select;
use crate::softmax::Softmax;
use crate::strided::{Broadcast, Slice};
use crate::transpose::Transpose;
use crate::unary::{self, Unary};
use m4c_runtime::executor::Kernel;

/// Every kernel. A new one is a line here, where the order of names puts it.
pub const KERNELS: &[(&str, &'static dyn Kernel)] = &[
    ("add_f32", &Binary::<binary::Add, F32>::NEW),
    ("add_i32", &Binary::<binary::Add, I32>::NEW),
    ("add_i64", &Binary::<binary::Add, I64>::NEW),
    ("argmax_f32", &Argmax::<F32>::NEW),
    ("argmax_i32", &Argmax::<I32>::NEW),
    ("argmax_i64", &Argmax::<I64>::NEW),
    ("broadcast_1", &Broadcast::<u8>::NEW),
    ("broadcast_2", &Broadcast::<u16>::NEW),
    ("broadcast_4", &Broadcast::<u32>::NEW),
    ("broadcast_8", &Broadcast::<u64>::NEW),
    ("cast_bf16_bool", &Cast::<Bf16, Bool>::NEW),
    ("cast_bf16_f16", &Cast::<Bf16, F16>::NEW),
    ("cast_bf16_f32", &Cast::<Bf16, F32>::NEW),
    ("cast_bf16_i32", &Cast::<Bf16, I32>::NEW),
    ("cast_bf16_i64", &Cast::<Bf16, I64>::NEW),
    ("cast_bf16_i8", &Cast::<Bf16, I8>::NEW),
    ("cast_bf16_u8", &Cast::<Bf16, U8>::NEW),
    ("cast_bool_bf16", &Cast::<Bool, Bf16>::NEW),
    ("cast_bool_f16", &Cast::<Bool, F16>::NEW),
    ("cast_bool_f32", &Cast::<Bool, F32>::NEW),
    ("cast_bool_i32", &Cast::<Bool, I32>::NEW),
    ("cast_bool_i64", &Cast::<Bool, I64>::NEW),
    ("cast_bool_i8", &Cast::<Bool, I8>::NEW),
    ("cast_bool_u8", &Cast::<Bool, U8>::NEW),
    ("cast_f16_bf16", &Cast::<F16, Bf16>::NEW),
    ("cast_f16_bool", &Cast::<F16, Bool>::NEW),
    ("cast_f16_f32", &Cast::<F16, F32>::NEW),
    ("cast_f16_i32", &Cast::<F16, I32>::NEW),
    ("cast_f16_i64", &Cast::<F16, I64>::NEW),
    ("cast_f16_i8", &Cast::<F16, I8>::NEW),
    ("cast_f16_u8", &Cast::<F16, U8>::NEW),
    ("cast_f32_bf16", &Cast::<F32, Bf16>::NEW),
    ("cast_f32_bool", &Cast::<F32, Bool>::NEW),
    ("cast_f32_f16", &Cast::<F32, F16>::NEW),
    ("cast_f32_i32", &Cast::<F32, I32>::NEW),
    ("cast_f32_i64", &Cast::<F32, I64>::NEW),
    ("cast_f32_i8", &Cast::<F32, I8>::NEW),
    ("cast_f32_u8", &Cast::<F32, U8>::NEW),
    ("cast_i32_bf16", &Cast::<I32, Bf16>::NEW),
    ("cast_i32_bool", &Cast::<I32, Bool>::NEW),
    ("cast_i32_f16", &Cast::<I32, F16>::NEW),
    ("cast_i32_f32", &Cast::<I32, F32>::NEW),
    ("cast_i32_i64", &Cast::<I32, I64>::NEW),
    ("cast_i32_i8", &Cast::<I32, I8>::NEW),
    ("cast_i32_u8", &Cast::<I32, U8>::NEW),
    ("cast_i64_bf16", &Cast::<I64, Bf16>::NEW),
    ("cast_i64_bool", &Cast::<I64, Bool>::NEW),
    ("cast_i64_f16", &Cast::<I64, F16>::NEW),
    ("cast_i64_f32", &Cast::<I64, F32>::NEW),
    ("cast_i64_i32", &Cast::<I64, I32>::NEW),
    ("cast_i64_i8", &Cast::<I64, I8>::NEW),
    ("cast_i64_u8", &Cast::<I64, U8>::NEW),
    ("cast_i8_bf16", &Cast::<I8, Bf16>::NEW),
    ("cast_i8_bool", &Cast::<I8, Bool>::NEW),
    ("cast_i8_f16", &Cast::<I8, F16>::NEW),
    ("cast_i8_f32", &Cast::<I8, F32>::NEW),
    ("cast_i8_i32", &Cast::<I8, I32>::NEW),
    ("cast_i8_i64", &Cast::<I8, I64>::NEW),
    ("cast_i8_u8", &Cast::<I8, U8>::NEW),
    ("cast_u8_bf16", &Cast::<U8, Bf16>::NEW),
    ("cast_u8_bool", &Cast::<U8, Bool>::NEW),
    ("cast_u8_f16", &Cast::<U8, F16>::NEW),
    ("cast_u8_f32", &Cast::<U8, F32>::NEW),
    ("cast_u8_i32", &Cast::<U8, I32>::NEW),
    ("cast_u8_i64", &Cast::<U8, I64>::NEW),
    ("cast_u8_i8", &Cast::<U8, I8>::NEW),
    ("concat_1", &Concat::<u8>::NEW),
    ("concat_2", &Concat::<u16>::NEW),
    ("concat_4", &Concat::<u32>::NEW),
    ("concat_8", &Concat::<u64>::NEW),
    ("conv_f32", &Conv),
    ("copy_1", &Copy::<u8>::NEW),
    ("copy_2", &Copy::<u16>::NEW),
    ("copy_4", &Copy::<u32>::NEW),
    ("copy_8", &Copy::<u64>::NEW),
    ("cos_f32", &Unary(unary::Cos)),
    ("cumsum_f32", &Cumsum::<F32>::NEW),
    ("cumsum_i32", &Cumsum::<I32>::NEW),
    ("cumsum_i64", &Cumsum::<I64>::NEW),
    ("dim_i64", &Dim),
    ("div_f32", &Binary::<binary::Div, F32>::NEW),
    ("div_i32", &Binary::<binary::Div, I32>::NEW),
    ("div_i64", &Binary::<binary::Div, I64>::NEW),
    ("equal_bool", &Binary::<binary::Equal, Bool>::NEW),
    ("equal_f32", &Binary::<binary::Equal, F32>::NEW),
    ("equal_i32", &Binary::<binary::Equal, I32>::NEW),
    ("equal_i64", &Binary::<binary::Equal, I64>::NEW),
    ("erf_f32", &Unary(unary::Erf)),
    ("exp_f32", &Unary(unary::Exp)),
    ("floor_f32", &Unary(unary::Floor)),
    ("gather_1", &Gather::<u8>::NEW),
    ("gather_2", &Gather::<u16>::NEW),
    ("gather_4", &Gather::<u32>::NEW),
    ("gather_8", &Gather::<u64>::NEW),
    ("gelu_f32", &Unary(unary::Gelu)),
    ("iota_i32", &Iota::<I32>::NEW),
    ("iota_i64", &Iota::<I64>::NEW),
    ("layer_norm_f32", &LayerNorm),
    ("less_f32", &Binary::<binary::Less, F32>::NEW),
    ("less_i32", &Binary::<binary::Less, I32>::NEW),
    ("less_i64", &Binary::<binary::Less, I64>::NEW),
    ("log_f32", &Unary(unary::Log)),
    ("matmul_f32", &Matmul),
    ("matmul_packed_f32", &MatmulPacked),
    ("max_f32", &Binary::<binary::Max, F32>::NEW),
    ("max_i32", &Binary::<binary::Max, I32>::NEW),
    ("max_i64", &Binary::<binary::Max, I64>::NEW),
    ("max_pool_f32", &MaxPool),
    ("min_f32", &Binary::<binary::Min, F32>::NEW),
    ("min_i32", &Binary::<binary::Min, I32>::NEW),
    ("min_i64", &Binary::<binary::Min, I64>::NEW),
    ("mul_f32", &Binary::<binary::Mul, F32>::NEW),
    ("mul_i32", &Binary::<binary::Mul, I32>::NEW),
    ("mul_i64", &Binary::<binary::Mul, I64>::NEW),
    ("pad_1", &Pad::<u8>::NEW),
    ("pad_2", &Pad::<u16>::NEW),
    ("pad_4", &Pad::<u32>::NEW),
    ("pad_8", &Pad::<u64>::NEW),
    ("pow_f32", &Binary::<binary::Pow, F32>::NEW),
    ("reduce_max_f32", &Reduce::<reduce::Max, F32>::NEW),
    ("reduce_max_i32", &Reduce::<reduce::Max, I32>::NEW),
    ("reduce_max_i64", &Reduce::<reduce::Max, I64>::NEW),
    ("reduce_sum_f32", &Reduce::<reduce::Sum, F32>::NEW),
    ("reduce_sum_i32", &Reduce::<reduce::Sum, I32>::NEW),
    ("reduce_sum_i64", &Reduce::<reduce::Sum, I64>::NEW),
    ("rms_norm_f32", &RmsNorm),
    ("round_f32", &Unary(unary::Round)),
    ("scatter_1", &Scatter::<u8>::NEW),
    ("scatter_2", &Scatter::<u16>::NEW),
    ("scatter_4", &Scatter::<u32>::NEW),
    ("scatter_8", &Scatter::<u64>::NEW),
    ("scatter_add_f32", &ScatterAdd::<F32>::NEW),
    ("scatter_add_i32", &ScatterAdd::<I32>::NEW),
    ("scatter_add_i64", &ScatterAdd::<I64>::NEW),
    ("select_1", &Select::<u8>::NEW),
    ("select_2", &Select::<u16>::NEW),
    ("select_4", &Select::<u32>::NEW),
    ("select_8", &Select::<u64>::NEW),
    ("sigmoid_f32", &Unary(unary::Sigmoid)),
    ("sin_f32", &Unary(unary::Sin)),
    ("slice_1", &Slice::<u8>::NEW),
    ("slice_2", &Slice::<u16>::NEW),
    ("slice_4", &Slice::<u32>::NEW),
    ("slice_8", &Slice::<u64>::NEW),
    ("softmax_f32", &Softmax),
    ("sqrt_f32", &Unary(unary::Sqrt)),
    ("sub_f32", &Binary::<binary::Sub, F32>::NEW),
    ("sub_i32", &Binary::<binary::Sub, I32>::NEW),
    ("sub_i64", &Binary::<binary::Sub, I64>::NEW),
    ("tanh_f32", &Unary(unary::Tanh)),
    ("transpose_1", &Transpose::<u8>::NEW),
    ("transpose_2", &Transpose::<u16>::NEW),
    ("transpose_4", &Transpose::<u32>::NEW),
    ("transpose_8", &Transpose::<u64>::NEW),
];

#[cfg(test)]
mod tests {
    use super::KERNELS;

    #[test]
    fn names_are_unique_and_in_order() {
        assert!(KERNELS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
