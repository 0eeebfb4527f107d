//! What many timings say together.

use serde::Serialize;

/// Times of runs, in seconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Statistics {
    pub(crate) runs: usize,
    pub(crate) min: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
    /// The standard deviation of the sample; 0 for a single run.
    pub(crate) deviation: f64,
}

impl Statistics {
    /// Percentiles are of the nearest rank; `None` without times.
    pub(crate) fn of(times: &[f64]) -> Option<Statistics> {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let runs = sorted.len();
        let rank = |percent: usize| sorted.get((percent * runs).div_ceil(100) - 1).copied().unwrap_or(max);
        let mean = sorted.iter().sum::<f64>() / runs as f64;
        let squares: f64 = sorted.iter().map(|time| (time - mean) * (time - mean)).sum();
        let deviation = if runs > 1 { (squares / (runs - 1) as f64).sqrt() } else { 0.0 };
        Some(Statistics { runs, min, p50: rank(50), p90: rank(90), p99: rank(99), max, mean, deviation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let all = Statistics::of(&times).expect("times");
        assert_eq!((all.min, all.p50, all.p90, all.p99, all.max), (1.0, 100.0, 180.0, 198.0, 200.0));
        assert_eq!(all.mean, 100.5);
        assert!((all.deviation - 57.879_184_5).abs() < 1e-6, "{}", all.deviation);
        let few = Statistics::of(&[3.0, 1.0]).expect("times");
        assert_eq!((few.p50, few.p90, few.p99), (1.0, 3.0, 3.0));
        let one = Statistics::of(&[2.0]).expect("a time");
        assert_eq!((one.min, one.p50, one.p99, one.mean, one.deviation), (2.0, 2.0, 2.0, 2.0, 0.0));
        assert_eq!(Statistics::of(&[]), None);
    }
}
