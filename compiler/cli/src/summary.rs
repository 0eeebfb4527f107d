//! What an array looks like, in a few numbers.

use crate::array::Array;
use serde::Serialize;

/// A row of the table that a run prints.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) name: String,
    pub(crate) dtype: &'static str,
    pub(crate) shape: Vec<usize>,
    /// Of the finite elements; `null` where there are none.
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) nan: usize,
    pub(crate) infinite: usize,
}

impl Summary {
    pub(crate) fn of(name: &str, array: &Array) -> Summary {
        let numbers = array.numbers();
        let finite = || numbers.iter().copied().filter(|number| number.is_finite());
        let count = finite().count();
        Summary {
            name: name.to_owned(),
            dtype: array.dtype.name(),
            shape: array.shape.clone(),
            min: finite().reduce(f64::min),
            max: finite().reduce(f64::max),
            mean: (count > 0).then(|| finite().sum::<f64>() / count as f64),
            nan: numbers.iter().filter(|number| number.is_nan()).count(),
            infinite: numbers.iter().filter(|number| number.is_infinite()).count(),
        }
    }
}

/// A number for a table, with as many digits as `f32` has.
pub(crate) fn number(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(0.0) => "0".into(),
        Some(value) if (1e-4..1e7).contains(&value.abs()) => {
            let digits = (6 - value.abs().log10().floor() as i32).max(0) as usize;
            let text = format!("{value:.digits$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
        }
        Some(value) => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aligned::Aligned;
    use m4c_ops::DType;

    fn summary(numbers: &[f32]) -> Summary {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let array = Array { dtype: DType::F32, shape: vec![numbers.len()], bytes: Aligned::copy_of(&bytes) };
        Summary::of("x", &array)
    }

    #[test]
    fn only_finite_elements_count() {
        let some = summary(&[1.0, f32::NAN, 3.0, f32::INFINITY]);
        assert_eq!((some.min, some.max, some.mean), (Some(1.0), Some(3.0), Some(2.0)));
        assert_eq!((some.nan, some.infinite), (1, 1));
        let none = summary(&[]);
        assert_eq!((none.min, none.mean, none.nan), (None, None, 0));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 1.0, -0.5, 0.1234567891, 123.0, 1e-9, 1e20].map(|value| number(Some(value)));
        assert_eq!(shown, ["0", "1", "-0.5", "0.1234568", "123", "1.000e-9", "1.000e20"]);
    }
}
