//! ONNX operators that become several of ours and belong to none of them, one room each: a file with its `IMPORT` table.
//!
//! An operator that becomes mainly one of ours imports in that one's room.

use crate::onnx::OnnxImport;

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
    causal_conv,
    dropout,
    embed_layer_norm,
    flex_attention,
    group_query_attention,
    hardmax,
    hyperbolic,
    linear_attention,
    loss,
    multi_head_attention,
    normalization,
    product,
    quantized_elementwise,
    reduce_log_sum,
    remainder,
    resize,
    sign,
    skip_norm,
    trigonometry,
}
