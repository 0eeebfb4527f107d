//! Tensors as text: `f32[2, 2] 1 2 3 4`.

use super::{Data, Tensor};
use crate::dim::{Dim, Symbols};
use crate::dtype::DType;
use std::fmt;

/// Why a text is not a tensor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorSyntax(pub String);

impl fmt::Display for TensorSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tensor {
    /// Floats print with the fewest digits that read back to the same bits; NaN loses its payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fact())?;
        match self.data() {
            Data::F32(v) => v.iter().try_for_each(|x| write!(f, " {x:?}")),
            Data::F16(v) => v.iter().try_for_each(|x| write!(f, " {:?}", x.to_f32())),
            Data::BF16(v) => v.iter().try_for_each(|x| write!(f, " {:?}", x.to_f32())),
            Data::Bool(v) => v.iter().try_for_each(|x| write!(f, " {x}")),
            Data::Dim(v) => v.iter().try_for_each(|x| write!(f, " ({x})")),
            _ => self.as_i64s().unwrap_or_default().iter().try_for_each(|x| write!(f, " {x}")),
        }
    }
}

impl Tensor {
    /// Reads what `Display` writes; sizes in parentheses may be expressions over `symbols`.
    ///
    /// # Errors
    /// Where the text is no tensor: a sentence that says what is wrong.
    pub fn parse(text: &str, symbols: &Symbols) -> Result<Tensor, TensorSyntax> {
        let wrong = |what: String| TensorSyntax(what);
        let (head, body) =
            text.trim().split_once(']').ok_or_else(|| wrong(format!("no `]` after the shape in `{text}`")))?;
        let (dtype, shape) =
            head.split_once('[').ok_or_else(|| wrong(format!("no `[` before the shape in `{text}`")))?;
        let dtype = DType::parse(dtype.trim()).ok_or_else(|| wrong(format!("`{dtype}` is no type")))?;
        let shape: Vec<usize> = shape
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty())
            .map(|size| size.parse().map_err(|_| wrong(format!("`{size}` is no size"))))
            .collect::<Result<_, _>>()?;
        let data = if body.contains('(') {
            let sizes = body.split('(').skip(1).map(|part| {
                let inner = part.trim_end().strip_suffix(')').unwrap_or(part);
                Dim::parse(inner, symbols).map_err(|error| wrong(format!("`{inner}`: {error}")))
            });
            Data::Dim(sizes.collect::<Result<_, _>>()?)
        } else if dtype == DType::F32 {
            Data::F32(numbers(body)?)
        } else if dtype.is_float() {
            Data::from_f64(dtype, numbers::<f64>(body)?.into_iter())
        } else if dtype == DType::Bool {
            Data::Bool(numbers(body)?)
        } else {
            Data::from_i64(dtype, numbers::<i64>(body)?.into_iter())
        };
        let found = data.len();
        Tensor::new(shape.clone(), data).ok_or_else(|| wrong(format!("{found} elements do not fill shape {shape:?}")))
    }
}

fn numbers<T: std::str::FromStr>(body: &str) -> Result<Vec<T>, TensorSyntax> {
    body.split_whitespace()
        .map(|word| word.parse().map_err(|_| TensorSyntax(format!("`{word}` is no element of that type"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_read_back() {
        let symbols = Symbols::default();
        for text in [
            "f32[2] 1.0 -0.0",
            "f32[3] NaN inf -inf",
            "i64[] 7",
            "bool[2] true false",
            "f16[1] 0.5",
            "i64[2] (2*n) (3)",
        ] {
            let tensor = Tensor::parse(text, &symbols).unwrap();
            assert_eq!(tensor.to_string(), text);
        }
    }

    #[test]
    fn broken_texts_are_refused() {
        for text in ["", "f32", "f32[2] 1", "q8[1] 1", "i64[1] x", "f32[-1]", "i64[1] (", "i64[99999999999999999999] 1"]
        {
            assert!(Tensor::parse(text, &Symbols::default()).is_err(), "{text}");
        }
    }
}
