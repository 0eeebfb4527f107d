//! Functions of one `f32` that give the same bits on every machine.
//!
//! `exp`, `tanh` and `erf` are straight-line code that compilers turn into vector instructions, accurate to 2 ulp;
//! multiplications and additions are never fused. `log`, `sin`, `cos` and `pow` are those of libm.

/// e to the power of `x`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Beyond these bounds the result is infinity or 0 anyway; NaN passes both comparisons.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
    let shifted = x * core::f32::consts::LOG2_E + ROUND;
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let whole = shifted - ROUND;
    // `LN2_HIGH` has 10 significant bits, so that its product with `whole` is exact.
    let r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5.000_000_3e-1;
    let power = p * (r * r) + r + 1.0;
    // Two factors, because 2^n itself may be out of range where the product is not.
    let half = n >> 1;
    power * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// 2 to the power of `n`, which must lie in -126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// Hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let magnitude = x.abs();
    let s = x * x;
    let mut p = -5.704_988_6e-3;
    p = p * s + 2.063_909e-2;
    p = p * s - 5.373_971_7e-2;
    p = p * s + 1.333_144_2e-1;
    p = p * s - 3.333_328e-1;
    // The sum loses the sign of -0.
    let near = (x + x * (s * p)).copysign(x);
    let far = (1.0 - 2.0 / (exp(2.0 * magnitude) + 1.0)).copysign(x);
    if magnitude < 0.625 { near } else { far }
}

/// The error function.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let s = x * x;
    let mut p = -5.967_617e-4;
    p = p * s + 4.991_194_2e-3;
    p = p * s - 2.676_813_5e-2;
    p = p * s + 1.128_199_25e-1;
    p = p * s - 3.761_253_4e-1;
    p = p * s + 1.283_791_7e-1;
    // The sum keeps the sign of -0, because `p` is positive here.
    let near = p * x + x;
    // 1 - exp(q) where q is a polynomial that fits log(1 - erf).
    let mut q = -1.728_534_7e-5 * magnitude + 3.831_972_6e-4;
    let u = -3.883_964_4e-3 * magnitude + 2.425_462_2e-2;
    q = q * s + u;
    q = q * magnitude - 1.067_778_8e-1;
    q = q * magnitude - 6.348_467e-1;
    q = q * magnitude - 1.287_175_1e-1;
    q = q * magnitude - magnitude;
    let far = (1.0 - exp(q)).copysign(x);
    if magnitude > 0.927_734_4 { far } else { near }
}

/// The Gaussian error linear unit by its definition, `x * (1 + erf(x / √2)) / 2`.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * core::f32::consts::FRAC_1_SQRT_2))
}

/// The logistic function by its definition, `1 / (1 + exp(-x))`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The Gaussian error linear unit approximated, `x * (1 + tanh(√(2 / π) * (x + 0.044715 x³))) / 2`.
#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    const ROOT: f32 = 0.797_884_6;
    let bend = x * x * 0.044_715 + 1.0;
    0.5 * (x * (1.0 + tanh(x * ROOT * bend)))
}

/// `x * sigmoid(1.702 x)`.
#[inline(always)]
pub fn quick_gelu(x: f32) -> f32 {
    x * sigmoid(x * 1.702)
}

/// The sigmoid linear unit, `x * sigmoid(x)`.
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// Natural logarithm.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    libm::logf(x)
}

/// Sine.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    libm::sinf(x)
}

/// Cosine.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    libm::cosf(x)
}

/// `x` to the power of `y`.
#[inline(always)]
pub fn pow(x: f32, y: f32) -> f32 {
    // The square is by far the most frequent power, and exact here as there.
    if y == 2.0 { x * x } else { libm::powf(x, y) }
}

// These three are exact or correctly rounded everywhere; those of `std` become single instructions.

/// Square root.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    #[cfg(feature = "std")]
    return x.sqrt();
    #[cfg(not(feature = "std"))]
    return libm::sqrtf(x);
}

/// The largest integer that is not above `x`.
#[inline(always)]
pub fn floor(x: f32) -> f32 {
    #[cfg(feature = "std")]
    return x.floor();
    #[cfg(not(feature = "std"))]
    return libm::floorf(x);
}

/// The nearest integer, the even one of two.
#[inline(always)]
pub fn round(x: f32) -> f32 {
    #[cfg(feature = "std")]
    return x.round_ties_even();
    #[cfg(not(feature = "std"))]
    return libm::rintf(x);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance of `got` from the exact value in units of the last place of `f32`.
    fn ulps(got: f32, exact: f64) -> f64 {
        let rounded = exact as f32;
        if got.to_bits() == rounded.to_bits() || (got.is_nan() && exact.is_nan()) {
            return 0.0;
        }
        if got.is_nan()
            || exact.is_nan()
            || got.is_infinite()
            || (rounded == 0.0 && got.is_sign_negative() != rounded.is_sign_negative())
        {
            return f64::INFINITY;
        }
        let exponent = libm::ilogb(exact).max(-126);
        (f64::from(got) - exact).abs() / libm::ldexp(1.0, exponent - 23)
    }

    /// The largest error over every `stride`-th bit pattern.
    fn worst(stride: usize, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        for bits in (0..=u32::MAX).step_by(stride) {
            let x = f32::from_bits(bits);
            let error = ulps(f(x), exact(f64::from(x)));
            if error > worst.0 {
                worst = (error, x);
            }
        }
        worst
    }

    fn accuracy(stride: usize) {
        let exp_error = worst(stride, exp, libm::exp);
        let tanh_error = worst(stride, tanh, libm::tanh);
        let erf_error = worst(stride, erf, libm::erf);
        println!("largest error in ulp, and where: exp {exp_error:?} tanh {tanh_error:?} erf {erf_error:?}");
        assert!(exp_error.0 < 1.1 && tanh_error.0 < 2.0 && erf_error.0 < 1.7);
    }

    #[test]
    fn errors_are_below_two_units_of_the_last_place() {
        accuracy(4099);
    }

    #[test]
    #[ignore = "takes minutes: a large part of all bit patterns"]
    fn errors_are_below_two_units_of_the_last_place_nearly_everywhere() {
        accuracy(17);
    }

    #[test]
    fn special_values() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        assert_eq!([exp(inf), exp(-inf), exp(0.0), exp(-0.0)], [inf, 0.0, 1.0, 1.0]);
        assert_eq!([exp(88.72284), exp(-1e30), exp(1e30)], [inf, 0.0, inf]);
        assert!(exp(88.72283).is_finite() && exp(-103.9) > 0.0);
        assert_eq!([tanh(inf), tanh(-inf), erf(inf), erf(-inf)], [1.0, -1.0, 1.0, -1.0]);
        assert_eq!([tanh(-0.0), erf(-0.0)].map(f32::to_bits), [(-0.0f32).to_bits(); 2]);
        assert!([exp(nan), exp(-nan), tanh(nan), erf(nan), gelu(nan)].iter().all(|x| x.is_nan()));
        assert_eq!([round(0.5), round(1.5), round(2.5), round(-0.5), round(-1.5)], [0.0, 2.0, 2.0, 0.0, -2.0]);
        assert_eq!([floor(-0.5), floor(2.7), sqrt(9.0)], [-1.0, 2.0, 3.0]);
        assert_eq!([pow(-3.0, 2.0), pow(2.0, -1.0), pow(0.0, 0.0)], [9.0, 0.5, 1.0]);
        assert_eq!([gelu(0.0), gelu(inf)], [0.0, inf]);
        assert_eq!([sigmoid(0.0), sigmoid(inf), sigmoid(-inf)], [0.5, 1.0, 0.0]);
        assert!(sigmoid(nan).is_nan() && sigmoid(-80.0) > 0.0);
    }
}
