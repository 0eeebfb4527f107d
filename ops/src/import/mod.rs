//! ONNX operators that become several of ours and belong to none of them, one room each: a file with its `IMPORT` table.
//!
//! An operator that becomes mainly one of ours imports in that one's room.

use crate::onnx::OnnxImport;

mod sampling;
pub(crate) mod scatter_by;

macro_rules! rooms {
    ($($room:ident),* $(,)?) => {
        $(pub mod $room;)*

        /// The imports of all rooms, in order.
        pub static ALL: &[&[OnnxImport]] = &[$($room::IMPORT),*];
    };
}

rooms! {
    activation,
    batch_norm,
    bit_cast,
    bit_shift,
    bitwise,
    causal_conv,
    center_crop_pad,
    conv_transpose,
    deform_conv,
    depth_to_space,
    determinant,
    dropout,
    einsum,
    embed_layer_norm,
    flex_attention,
    fourier,
    grid_sample,
    group_query_attention,
    hardmax,
    hyperbolic,
    linear_attention,
    loss,
    max_unpool,
    non_zero,
    multi_head_attention,
    non_max_suppression,
    normalization,
    one_hot,
    pool,
    product,
    quantized_elementwise,
    reduce_log_sum,
    remainder,
    resize,
    reverse_sequence,
    roi_align,
    recurrent,
    sign,
    skip_norm,
    tf_idf,
    trigonometry,
    unique,
    window_function,
}
