//! Elementwise meaning over all storage types, in plain loops.

use super::{Data, Tensor, broadcast_positions};
use crate::dim::Dim;
use crate::dtype::DType;
use half::{bf16, f16};

/// The scalar meaning of a binary operator, by kind of number.
///
/// `f16` and `bf16` compute in `f32` and round once; integers compute in `i64` and wrap to their width.
pub struct BinaryMeaning {
    /// On floating-point numbers.
    pub float: fn(f32, f32) -> f32,
    /// On integers.
    pub int: fn(i64, i64) -> i64,
    /// On sizes that are not numbers yet, where that can be said.
    pub dim: fn(&Dim, &Dim) -> Option<Dim>,
}

/// Applies `meaning` elementwise with numpy's broadcasting to two tensors of one type.
///
/// `None` where the types differ, the shapes do not broadcast or a symbolic size cannot be said.
pub fn binary(a: &Tensor, b: &Tensor, meaning: &BinaryMeaning) -> Option<Tensor> {
    let shape = broadcast_shape(a.shape(), b.shape())?;
    if a.is_symbolic() || b.is_symbolic() {
        let (x, y) = (a.as_dims()?, b.as_dims()?);
        let dims = pairs(&x, &y, a, b, &shape).map(|(x, y)| (meaning.dim)(x, y)).collect::<Option<Vec<Dim>>>()?;
        return Tensor::dims(shape, dims);
    }
    macro_rules! floats {
        ($x:expr, $y:expr, $wrap:path, $to:expr, $from:expr) => {
            $wrap(pairs($x, $y, a, b, &shape).map(|(&x, &y)| $from((meaning.float)($to(x), $to(y)))).collect())
        };
    }
    let data = match (a.data(), b.data()) {
        (Data::F32(x), Data::F32(y)) => {
            Data::F32(pairs(x, y, a, b, &shape).map(|(&x, &y)| (meaning.float)(x, y)).collect())
        }
        (Data::F16(x), Data::F16(y)) => floats!(x, y, Data::F16, f16::to_f32, f16::from_f32),
        (Data::BF16(x), Data::BF16(y)) => floats!(x, y, Data::BF16, bf16::to_f32, bf16::from_f32),
        (x, y) if x.dtype() == y.dtype() => {
            let (x, y) = (a.as_i64s()?, b.as_i64s()?);
            Data::from_i64(a.dtype(), pairs(&x, &y, a, b, &shape).map(|(&x, &y)| (meaning.int)(x, y)))
        }
        _ => return None,
    };
    Tensor::new(shape, data)
}

/// Compares elementwise with numpy's broadcasting: `float` for floating-point numbers, `int` for the others, `dim` for
/// sizes that are not numbers yet.
pub fn compare(
    a: &Tensor,
    b: &Tensor,
    float: fn(f32, f32) -> bool,
    int: fn(i64, i64) -> bool,
    dim: fn(&Dim, &Dim) -> Option<bool>,
) -> Option<Tensor> {
    let shape = broadcast_shape(a.shape(), b.shape())?;
    if a.dtype() != b.dtype() {
        return None;
    }
    let data: Vec<bool> = if a.is_symbolic() || b.is_symbolic() {
        let (x, y) = (a.as_dims()?, b.as_dims()?);
        pairs(&x, &y, a, b, &shape).map(|(x, y)| dim(x, y)).collect::<Option<_>>()?
    } else if a.dtype().is_float() {
        let (x, y) = (a.as_f64s()?, b.as_f64s()?);
        pairs(&x, &y, a, b, &shape).map(|(&x, &y)| float(x as f32, y as f32)).collect()
    } else {
        let (x, y) = (a.as_i64s()?, b.as_i64s()?);
        pairs(&x, &y, a, b, &shape).map(|(&x, &y)| int(x, y)).collect()
    };
    Tensor::new(shape, Data::Bool(data))
}

/// Applies `f` to every element of a floating-point tensor.
pub fn unary_float(x: &Tensor, f: fn(f32) -> f32) -> Option<Tensor> {
    let data = match x.data() {
        Data::F32(v) => Data::F32(v.iter().map(|&x| f(x)).collect()),
        Data::F16(v) => Data::F16(v.iter().map(|&x| f16::from_f32(f(x.to_f32()))).collect()),
        Data::BF16(v) => Data::BF16(v.iter().map(|&x| bf16::from_f32(f(x.to_f32()))).collect()),
        _ => return None,
    };
    Tensor::new(x.shape().to_vec(), data)
}

impl Tensor {
    /// Converts the elements: floats to integers truncate and saturate to `i64` before they wrap to the width, numbers
    /// to bool are `!= 0`, everything else rounds once.
    pub fn cast(&self, to: DType) -> Option<Tensor> {
        if self.dtype() == to {
            return Some(self.clone());
        }
        if self.is_symbolic() {
            return None;
        }
        let data = if self.dtype().is_float() {
            Data::from_f64(to, self.as_f64s()?.into_iter())
        } else {
            Data::from_i64(to, self.as_i64s()?.into_iter())
        };
        Tensor::new(self.shape().to_vec(), data)
    }
}

/// The shape that numpy's broadcasting gives two shapes.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

fn pairs<'a, T>(
    x: &'a [T],
    y: &'a [T],
    a: &'a Tensor,
    b: &'a Tensor,
    shape: &'a [usize],
) -> impl Iterator<Item = (&'a T, &'a T)> {
    broadcast_positions(a.shape(), shape).zip(broadcast_positions(b.shape(), shape)).map(|(i, j)| (&x[i], &y[j]))
}
