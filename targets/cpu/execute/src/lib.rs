//! The CPU target, device side: kernels, and the layouts of the weights that they read.
//!
//! A kernel is a name and an implementation of [`Kernel`]; `table.rs` lists them all, and the first lines of each file
//! say what operands and parameters its kernels take. A kernel reads a step into a plan, which fails where the step is
//! not one that the compiler could have made: `check` is to make the plan, `run` to make it and follow it. Kernels
//! never allocate. Results do not depend on the number of threads. Only matrix products depend on the machine, by
//! fusing multiplication and addition where it can.

#![cfg_attr(not(any(feature = "std", test)), no_std)]

pub mod elementwise;
pub mod epilogue;
pub mod layout;
pub mod math;
#[cfg(feature = "std")]
pub mod rate;
pub mod table;

mod argmax;
mod attention;
mod binary;
mod cast;
mod concat;
mod conv;
mod copy;
mod cumsum;
mod element;
mod gather;
mod gemm;
mod group_norm;
mod half;
mod iota;
mod isa;
mod lie;
mod matmul;
mod matmul_gated;
mod matmul_ordered;
mod max_pool;
mod nest;
mod nibbles;
mod norm;
mod number;
mod pad;
mod quantize;
mod real;
mod reduce;
mod rope;
mod scatter;
mod select;
mod softmax;
mod step;
mod strided;
mod tiles;
mod top_k;
mod transpose;
mod unary;

pub use table::KERNELS;

#[cfg(feature = "std")]
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Executor, Kernel};

/// The executor of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Cpu;

/// The executor that artifacts name `cpu`.
pub static CPU: Cpu = Cpu;

impl Executor for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    /// Reads `M4RT_ISA`, which makes all sessions from here on use this instruction set: `scalar`, `avx2`, `avx512` or
    /// `neon`. Where it is not set or empty, they use the best of the machine.
    #[cfg(feature = "std")]
    fn ready(&self) -> Result<(), Code> {
        let name = std::env::var_os("M4RT_ISA").unwrap_or_default();
        isa::Isa::choose(name.to_str().ok_or(Code::NoInstructionSet)?).ok_or(Code::NoInstructionSet)
    }

    fn kernel(&self, name: &str) -> Option<&'static dyn Kernel> {
        let index = KERNELS.binary_search_by_key(&name, |&(name, _)| name).ok()?;
        Some(KERNELS[index].1)
    }
}
