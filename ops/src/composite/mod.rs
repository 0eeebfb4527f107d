//! Names for decompositions into primitives, one room each.

crate::rooms! {
    gelu,
    layer_norm,
    softmax,
}
