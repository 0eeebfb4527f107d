//! Compiles a loop once for each instruction set and picks the best that this machine has.
//!
//! A body is plain Rust. Only multiply-and-add differs: fused where the instruction set has it.

use crate::gemm::{Call, portable};
#[cfg(feature = "std")]
use core::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that loops are compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Isa {
    /// Whatever the build's target has everywhere, in plain Rust: the reference for the others.
    Portable,
    /// AVX2 and FMA.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx2,
    /// AVX-512F.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx512,
    /// Advanced SIMD, which every 64-bit ARM has.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// What may be chosen.
#[cfg(feature = "std")]
const CHOICES: &[Isa] = &[
    Isa::Portable,
    #[cfg(target_arch = "x86_64")]
    Isa::Avx2,
    #[cfg(target_arch = "x86_64")]
    Isa::Avx512,
    #[cfg(target_arch = "aarch64")]
    Isa::Neon,
];

/// One more than the place of what was chosen, 0 for nothing.
#[cfg(feature = "std")]
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// What a body may know of the instruction set it is compiled for.
pub(crate) trait Vector {
    /// Rows of the matrix product's micro-kernel that fit the registers, at most 12.
    const ROWS: usize;

    /// `a * b + c`, with one rounding or two.
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;

    /// Asks for the memory there to come to the second-level cache.
    fn ask(_place: *const u8) {}

    /// How many of the panels that are left the micro-kernel takes beside so many rows.
    fn panels(_rows: usize, _left: usize) -> usize {
        1
    }

    /// The micro-kernel of real numbers.
    fn product(call: Call<'_, f32>);
}

/// A loop to be compiled for each instruction set. `run` must be `#[inline(always)]`.
pub(crate) trait Body {
    /// What the loop computes.
    type Output;

    /// The loop.
    fn run<V: Vector>(self) -> Self::Output;
}

impl Isa {
    /// The instruction set by this name, if this machine and this build have it.
    #[cfg(feature = "std")]
    fn named(name: &str) -> Option<Isa> {
        let isa = match name {
            "scalar" => Isa::Portable,
            #[cfg(target_arch = "x86_64")]
            "avx2" => Isa::Avx2,
            #[cfg(target_arch = "x86_64")]
            "avx512" => Isa::Avx512,
            #[cfg(target_arch = "aarch64")]
            "neon" => Isa::Neon,
            _ => return None,
        };
        isa.available().then_some(isa)
    }

    /// Makes [`best`](Isa::best) the instruction set by this name, or that of the machine for the empty name. `None` where
    /// there is none.
    #[cfg(feature = "std")]
    pub(crate) fn choose(name: &str) -> Option<()> {
        let chosen = if name.is_empty() { None } else { Some(Isa::named(name)?) };
        let number = CHOICES.iter().position(|&isa| Some(isa) == chosen).map_or(0, |at| at + 1);
        CHOSEN.store(number as u8, Ordering::Relaxed);
        Some(())
    }

    /// The one that was chosen, else the best of this machine.
    #[inline]
    pub(crate) fn best() -> Isa {
        #[cfg(feature = "std")]
        if let Some(at) = usize::from(CHOSEN.load(Ordering::Relaxed)).checked_sub(1) {
            return CHOICES[at];
        }
        Isa::of_machine()
    }

    fn of_machine() -> Isa {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        {
            let vectors = [Isa::Avx512, Isa::Avx2].into_iter().find(|isa| isa.available());
            vectors.unwrap_or(Isa::Portable)
        }
        #[cfg(target_arch = "aarch64")]
        return Isa::Neon;
        #[cfg(not(any(all(feature = "std", target_arch = "x86_64"), target_arch = "aarch64")))]
        Isa::Portable
    }

    /// Whether this machine has it.
    pub(crate) fn available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx512 => is_x86_feature_detected!("avx512f") && Isa::Avx2.available(),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => true,
        }
    }

    /// Runs the body as compiled for this instruction set, or the portable one where the machine lacks it.
    #[inline]
    pub(crate) fn run<B: Body>(self, body: B) -> B::Output {
        if !self.available() {
            return body.run::<Portable>();
        }
        match self {
            Isa::Portable => body.run::<Portable>(),
            // SAFETY: `available` has just found the features that the function is compiled for.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx2 => unsafe { x86::for_avx2(body) },
            // SAFETY: as above.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx512 => unsafe { x86::for_avx512(body) },
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => body.run::<arm::Neon>(),
        }
    }

    /// All instruction sets of this machine.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Isa> {
        let mut all = vec![Isa::Portable];
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        all.extend([Isa::Avx2, Isa::Avx512]);
        #[cfg(target_arch = "aarch64")]
        all.push(Isa::Neon);
        all.retain(|isa| isa.available());
        all
    }
}

/// The build's own target.
struct Portable;

impl Vector for Portable {
    // SSE2 has 16 registers of 4 lanes.
    const ROWS: usize = 2;

    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        // Without hardware, a fused multiply-add would be a slow function call.
        #[cfg(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma")))]
        return a.mul_add(b, c);
        #[cfg(not(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma"))))]
        return a * b + c;
    }

    #[inline(always)]
    fn product(call: Call<'_, f32>) {
        portable::product::<Portable, f32>(call);
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{Call, Vector};
    use crate::gemm::neon;

    pub(super) struct Neon;

    impl Vector for Neon {
        const ROWS: usize = neon::ROWS;

        #[inline(always)]
        fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
            <super::Portable as Vector>::multiply_add(a, b, c)
        }

        #[inline(always)]
        fn product(call: Call<'_, f32>) {
            neon::product(call);
        }
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod x86 {
    use super::{Body, Call, Vector};
    use crate::gemm::{avx2, avx512};
    use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

    /// Only [`for_avx2`] names it, so that its methods run where the instruction set exists.
    struct Avx2;

    impl Vector for Avx2 {
        const ROWS: usize = avx2::ROWS;

        #[inline(always)]
        fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }

        #[inline(always)]
        fn ask(place: *const u8) {
            // SAFETY: every x86-64 machine has it.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(place.cast()) };
        }

        #[inline(always)]
        fn product(call: Call<'_, f32>) {
            // SAFETY: see `Avx2`.
            unsafe { avx2::product(call) }
        }
    }

    /// Only [`for_avx512`] names it, so that its methods run where the instruction set exists.
    struct Avx512;

    impl Vector for Avx512 {
        const ROWS: usize = avx512::ROWS;

        #[inline(always)]
        fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }

        #[inline(always)]
        fn ask(place: *const u8) {
            // SAFETY: every x86-64 machine has it.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(place.cast()) };
        }

        #[inline(always)]
        fn panels(rows: usize, left: usize) -> usize {
            avx512::panels(rows, left)
        }

        #[inline(always)]
        fn product(call: Call<'_, f32>) {
            // SAFETY: see `Avx512`.
            unsafe { avx512::product(call) }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn for_avx2<B: Body>(body: B) -> B::Output {
        body.run::<Avx2>()
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) fn for_avx512<B: Body>(body: B) -> B::Output {
        body.run::<Avx512>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_machine_has_can_be_chosen() {
        for name in ["AVX2", "sse", "best", " "] {
            assert_eq!(Isa::named(name), None);
            assert_eq!(Isa::choose(name), None);
        }
        let named = ["scalar", "avx2", "avx512", "neon"].into_iter().filter_map(Isa::named);
        assert_eq!(named.collect::<Vec<_>>(), Isa::all());
        assert!(Isa::all().iter().all(|isa| CHOICES.contains(isa)));
        assert_eq!(Isa::choose(""), Some(()));
        assert_eq!(Isa::best(), Isa::of_machine());
    }
}
