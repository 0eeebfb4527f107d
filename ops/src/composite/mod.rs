//! Names for decompositions into primitives, one room each.

crate::rooms! {
    attention,
    dequantize,
    gelu,
    gelu_tanh,
    group_norm,
    hard_swish,
    integer_conv,
    integer_matmul,
    l2_norm,
    layer_norm,
    quantize,
    rms_norm,
    rope,
    sigmoid,
    softmax,
    swish,
    weight_only_matmul,
}
