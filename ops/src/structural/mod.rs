//! Forms that stand beside the operators, one room each.

crate::rooms! {
    bind,
    dim,
}
