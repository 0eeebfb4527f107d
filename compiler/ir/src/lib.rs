//! The graph, its text form, its verifier and the interpreter over it.
