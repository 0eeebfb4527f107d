//! How fast the machine multiplies and adds, to compare the rates of kernels with.

use crate::isa::{Body, Isa, Vector};
use std::hint::black_box;

/// Registers that are worked on in turn: enough to hide the latency of an operation, few enough to stay in registers.
const REGISTERS: usize = 10;

/// A loop over registers alone, compiled for one instruction set of this machine.
#[derive(Clone, Copy, Debug)]
pub struct MultiplyAdd {
    /// The name of the instruction set.
    pub name: &'static str,
    isa: Isa,
    lanes: usize,
}

/// All instruction sets of this machine that kernels are compiled for, the best first.
pub fn multiply_adds() -> Vec<MultiplyAdd> {
    let mut all = vec![
        #[cfg(target_arch = "x86_64")]
        MultiplyAdd { name: "AVX-512", isa: Isa::Avx512, lanes: 16 },
        #[cfg(target_arch = "x86_64")]
        MultiplyAdd { name: "AVX2 and FMA", isa: Isa::Avx2, lanes: 8 },
        MultiplyAdd { name: "portable", isa: Isa::Portable, lanes: 4 },
    ];
    all.retain(|entry| entry.isa.available());
    all
}

impl MultiplyAdd {
    /// Computes for this many rounds, and says how many operations on f32 that were; a multiplication with addition is two.
    pub fn run(&self, rounds: u64) -> u64 {
        match self.lanes {
            16 => self.isa.run(Chains::<16> { rounds }),
            8 => self.isa.run(Chains::<8> { rounds }),
            _ => self.isa.run(Chains::<4> { rounds }),
        }
        rounds.saturating_mul((2 * REGISTERS * self.lanes) as u64)
    }
}

struct Chains<const LANES: usize> {
    rounds: u64,
}

impl<const LANES: usize> Body for Chains<LANES> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let (factor, term) = (black_box([0.5f32; LANES]), black_box([0.25f32; LANES]));
        let mut registers = [[1f32; LANES]; REGISTERS];
        for _ in 0..self.rounds {
            for register in &mut registers {
                for lane in 0..LANES {
                    register[lane] = V::multiply_add(register[lane], factor[lane], term[lane]);
                }
            }
        }
        black_box(registers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_of_the_machine_is_there() {
        let all = multiply_adds();
        assert_eq!(all.len(), Isa::all().len());
        assert_eq!(all.iter().map(|entry| entry.isa).next(), Some(Isa::best()));
        for entry in all {
            assert_eq!(entry.run(3), 3 * 2 * (REGISTERS * entry.lanes) as u64);
        }
    }
}
