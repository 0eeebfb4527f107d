//! Traps in what PyTorch's exporters write, one test for each, on real files.

mod exporters;
mod masks;
mod numbers;
mod shapes;
