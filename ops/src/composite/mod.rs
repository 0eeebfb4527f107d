//! Names for decompositions into primitives, one room each.

crate::rooms! {
    attention,
    gelu,
    gelu_tanh,
    group_norm,
    layer_norm,
    rms_norm,
    rope,
    sigmoid,
    softmax,
}
