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
    embed_layer_norm,
    group_query_attention,
    multi_head_attention,
    quantized_elementwise,
    sign,
    skip_norm,
}
