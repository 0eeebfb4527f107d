//! What values a size can have, from the ranges of its symbols.

use std::ops;

/// Values from `low` to `high`; no bound where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Interval {
    pub(super) low: Option<i128>,
    pub(super) high: Option<i128>,
}

impl Interval {
    pub(super) fn exactly(value: i64) -> Interval {
        Interval { low: Some(value.into()), high: Some(value.into()) }
    }

    pub(super) fn between(low: i64, high: Option<i64>) -> Interval {
        Interval { low: Some(low.into()), high: high.map(i128::from) }
    }

    pub(super) fn floor_div(self, divisor: i64) -> Interval {
        let floor = |value: i128| value.div_euclid(divisor.into());
        Interval { low: self.low.map(floor), high: self.high.map(floor) }
    }

    pub(super) fn min(self, other: Interval) -> Interval {
        let low = self.low.zip(other.low).map(|(a, b)| a.min(b));
        Interval { low, high: self.high.into_iter().chain(other.high).min() }
    }

    pub(super) fn max(self, other: Interval) -> Interval {
        let high = self.high.zip(other.high).map(|(a, b)| a.max(b));
        Interval { low: self.low.into_iter().chain(other.low).max(), high }
    }
}

impl ops::Add for Interval {
    type Output = Interval;

    fn add(self, other: Interval) -> Interval {
        let sum = |a: Option<i128>, b: Option<i128>| a?.checked_add(b?);
        Interval { low: sum(self.low, other.low), high: sum(self.high, other.high) }
    }
}

impl ops::Mul for Interval {
    type Output = Interval;

    fn mul(self, other: Interval) -> Interval {
        // A product has its extremes at the corners; a corner at infinity is one only if the other factor is not 0.
        let mut result = Interval { low: Some(i128::MAX), high: Some(i128::MIN) };
        for (a, a_sign) in [(self.low, -1), (self.high, 1)] {
            for (b, b_sign) in [(other.low, -1), (other.high, 1)] {
                let corner = match (a, b) {
                    (Some(0), _) | (_, Some(0)) => Ok(0),
                    (Some(a), Some(b)) => a.checked_mul(b).ok_or((a.signum() * b.signum()) as i32),
                    (Some(a), None) => Err(a.signum() as i32 * b_sign),
                    (None, Some(b)) => Err(b.signum() as i32 * a_sign),
                    (None, None) => Err(a_sign * b_sign),
                };
                match corner {
                    Ok(value) => {
                        result.low = result.low.map(|low| low.min(value));
                        result.high = result.high.map(|high| high.max(value));
                    }
                    Err(sign) if sign < 0 => result.low = None,
                    Err(_) => result.high = None,
                }
            }
        }
        result
    }
}
