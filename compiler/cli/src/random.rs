//! Random arrays that are the same on every machine: the generator is PCG-XSH-RR 64/32, normal numbers by Box and Muller.

use crate::aligned::Aligned;
use crate::array::Array;
use m4c_ir::memory;
use m4c_ops::tensor::Data;
use m4c_ops::{DType, Tensor};

/// A permuted congruential generator with 64 bits of state and 32-bit results.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
    increment: u64,
}

/// The multiplier of the reference implementation.
const MULTIPLIER: u64 = 6364136223846793005;

impl Random {
    /// A generator for one input: inputs of one seed have streams of their own, so adding an input changes no other.
    pub(crate) fn new(seed: u64, name: &str) -> Random {
        // FNV-1a, because streams only have to differ.
        let stream = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut random = Random { state: 0, increment: stream << 1 | 1 };
        random.bits();
        random.state = random.state.wrapping_add(seed);
        random.bits();
        random
    }

    fn bits(&mut self) -> u32 {
        let old = self.state;
        self.state = old.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
        let shifted = ((old >> 18 ^ old) >> 27) as u32;
        shifted.rotate_right((old >> 59) as u32)
    }

    /// A number above 0 and at most 1.
    fn unit(&mut self) -> f64 {
        (f64::from(self.bits()) + 1.0) / 4294967296.0
    }

    /// A standard normal number.
    fn normal(&mut self) -> f64 {
        // The standard library's functions round differently from system to system.
        let radius = (-2.0 * libm::log(self.unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// A whole number from 0 to `below` - 1.
    fn below(&mut self, below: u32) -> i64 {
        (i64::from(self.bits()) * i64::from(below)) >> 32
    }

    /// An array: normal numbers for floating-point types, whole numbers below a limit for the others.
    pub(crate) fn array(&mut self, dtype: DType, shape: Vec<usize>, below: u32) -> Option<Array> {
        let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        // The elements and their bytes are held at the same time.
        let _taken = memory::take_elements(&[count], 2 * dtype.bits().div_ceil(8)).ok()?;
        let data = match dtype {
            DType::Bool => Data::from_i64(dtype, (0..count).map(|_| self.below(2))),
            _ if dtype.is_float() => Data::from_f64(dtype, (0..count).map(|_| self.normal())),
            _ => Data::from_i64(dtype, (0..count).map(|_| self.below(below))),
        };
        let bytes = Tensor::new(shape.clone(), data)?.to_bytes()?;
        Some(Array { dtype, shape, bytes: Aligned::copy_of(&bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_everywhere_and_differ_by_input() {
        let mut random = Random { state: 0, increment: 54 << 1 | 1 };
        random.bits();
        random.state = random.state.wrapping_add(42);
        random.bits();
        // The first numbers of the generator's reference implementation for seed 42 and stream 54.
        let expected = [0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293];
        assert_eq!([(); 4].map(|()| random.bits()), expected);
        assert_ne!(Random::new(1, "a").bits(), Random::new(1, "b").bits());
        assert_ne!(Random::new(1, "a").bits(), Random::new(2, "a").bits());
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let array = Random::new(7, "x").array(DType::F32, vec![100, 100], 2).unwrap();
        let numbers = array.numbers();
        let mean = numbers.iter().sum::<f64>() / 1e4;
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / 1e4 - mean * mean;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn whole_numbers_stay_below_their_limit_and_reach_it() {
        let numbers = Random::new(7, "x").array(DType::I64, vec![1000], 3).unwrap().numbers();
        assert!(numbers.iter().all(|x| [0.0, 1.0, 2.0].contains(x)));
        assert!(numbers.contains(&2.0) && numbers.contains(&0.0));
    }

    #[test]
    fn impossible_shapes_give_nothing() {
        assert!(Random::new(0, "x").array(DType::F32, vec![usize::MAX, 2], 2).is_none());
        assert!(Random::new(0, "x").array(DType::F32, vec![1 << 50], 2).is_none());
    }
}
