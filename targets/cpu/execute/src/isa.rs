//! Compiles a loop once for each instruction set and picks the best that this machine has.
//!
//! A body is plain Rust. Only multiply-and-add differs: fused where the instruction set has it.

/// An instruction set that loops are compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Isa {
    /// Whatever the build's target has everywhere: the reference for the others.
    Portable,
    /// AVX2 and FMA.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx2,
    /// AVX-512F.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx512,
}

/// What a body may know of the instruction set it is compiled for.
pub(crate) trait Vector {
    /// Rows of the matrix product's micro-kernel that fit the registers.
    const ROWS: usize;

    /// `a * b + c`, with one rounding or two.
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;
}

/// A loop to be compiled for each instruction set. `run` must be `#[inline(always)]`.
pub(crate) trait Body {
    /// What the loop computes.
    type Output;

    /// The loop.
    fn run<V: Vector>(self) -> Self::Output;
}

impl Isa {
    /// The best of this machine.
    #[inline]
    pub(crate) fn best() -> Isa {
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        {
            if is_x86_feature_detected!("avx512f") {
                return Isa::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Isa::Avx2;
            }
        }
        Isa::Portable
    }

    /// Whether this machine has it.
    pub(crate) fn available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx512 => is_x86_feature_detected!("avx512f"),
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
            Isa::Avx2 => unsafe { x86::avx2(body) },
            // SAFETY: as above.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx512 => unsafe { x86::avx512(body) },
        }
    }

    /// All instruction sets of this machine.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Isa> {
        let mut all = vec![Isa::Portable];
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        all.extend([Isa::Avx2, Isa::Avx512]);
        all.retain(|isa| isa.available());
        all
    }
}

/// The build's own target.
struct Portable;

impl Vector for Portable {
    // SSE2 has 16 registers of 4 lanes, NEON 32.
    const ROWS: usize = if cfg!(target_arch = "aarch64") { 6 } else { 2 };

    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        // Without hardware, a fused multiply-add would be a slow function call.
        #[cfg(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma")))]
        return a.mul_add(b, c);
        #[cfg(not(all(feature = "std", any(target_arch = "aarch64", target_feature = "fma"))))]
        return a * b + c;
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod x86 {
    use super::{Body, Vector};

    struct Avx2;

    impl Vector for Avx2 {
        const ROWS: usize = 6;

        #[inline(always)]
        fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }

    struct Avx512;

    impl Vector for Avx512 {
        const ROWS: usize = 12;

        #[inline(always)]
        fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2<B: Body>(body: B) -> B::Output {
        body.run::<Avx2>()
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) fn avx512<B: Body>(body: B) -> B::Output {
        body.run::<Avx512>()
    }
}
