//! The m4c command line.
fn main() {}
