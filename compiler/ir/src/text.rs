//! The graph as text that reads back to the same graph.
//!
//! ```text
//! graph "main" {
//!   symbol "seq" 0..512:1
//!   guard seq <= 512
//!   origin 3 "MatMul" "/layer/MatMul" "layer"
//!   %0 = input "x" : f32[seq, 4]
//!   %1 = constant f32[1] 2.0
//!   %2 = constant f32[4, 4] file "weights.bin" 128 64
//!   %3 = matmul %0, %2 : f32[seq, 4] @ 3
//!   output "y" = %3
//! }
//! ```

mod read;
mod write;

pub use read::{Files, TextError, parse};
