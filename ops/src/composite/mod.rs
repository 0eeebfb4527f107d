//! Names for decompositions into primitives, one room each.

crate::rooms! {
    gelu,
    group_norm,
    layer_norm,
    rms_norm,
    sigmoid,
    softmax,
}
