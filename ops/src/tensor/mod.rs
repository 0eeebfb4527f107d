//! Reference storage of tensors: slow and plain.

mod bytes;
mod elementwise;
mod text;

pub(crate) use elementwise::broadcast_shape;
pub use elementwise::{BinaryMeaning, binary, compare, unary_float};
pub use text::TensorSyntax;

use crate::dim::{Binding, Dim};
use crate::dtype::DType;
use crate::fact::Fact;
use half::{bf16, f16};

/// A dense row-major tensor.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// Elements of a [`Tensor`], one variant a storage type.
///
/// `Dim` holds sizes that are not numbers yet. It counts as `i64`; only import and folding of shape arithmetic see it.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Data {
    Bool(Vec<bool>),
    I4(Vec<i8>),
    U4(Vec<u8>),
    I8(Vec<i8>),
    U8(Vec<u8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    F32(Vec<f32>),
    Dim(Vec<Dim>),
}

/// Runs `$body` with `$v` bound to the element vector, whatever its type.
macro_rules! each {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            Data::Bool($v) => $body,
            Data::I4($v) => $body,
            Data::U4($v) => $body,
            Data::I8($v) => $body,
            Data::U8($v) => $body,
            Data::I16($v) => $body,
            Data::I32($v) => $body,
            Data::I64($v) => $body,
            Data::F16($v) => $body,
            Data::BF16($v) => $body,
            Data::F32($v) => $body,
            Data::Dim($v) => $body,
        }
    };
}

/// Maps the element vector to one of the same type.
macro_rules! map {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            Data::Bool($v) => Data::Bool($body),
            Data::I4($v) => Data::I4($body),
            Data::U4($v) => Data::U4($body),
            Data::I8($v) => Data::I8($body),
            Data::U8($v) => Data::U8($body),
            Data::I16($v) => Data::I16($body),
            Data::I32($v) => Data::I32($body),
            Data::I64($v) => Data::I64($body),
            Data::F16($v) => Data::F16($body),
            Data::BF16($v) => Data::BF16($body),
            Data::F32($v) => Data::F32($body),
            Data::Dim($v) => Data::Dim($body),
        }
    };
}

impl Tensor {
    /// A tensor of that shape, or `None` where the number of elements differs.
    pub fn new(shape: Vec<usize>, data: Data) -> Option<Tensor> {
        let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        (elements == data.len()).then_some(Tensor { shape, data })
    }

    /// A scalar.
    pub fn scalar_f32(value: f32) -> Tensor {
        Tensor { shape: Vec::new(), data: Data::F32(vec![value]) }
    }

    /// A scalar.
    pub fn scalar_i64(value: i64) -> Tensor {
        Tensor { shape: Vec::new(), data: Data::I64(vec![value]) }
    }

    /// A scalar of a given type, rounded to it.
    pub fn scalar(dtype: DType, value: f64) -> Tensor {
        Tensor { shape: Vec::new(), data: Data::from_f64(dtype, [value].into_iter()) }
    }

    /// A list of numbers.
    pub fn list_i64(values: Vec<i64>) -> Tensor {
        Tensor { shape: vec![values.len()], data: Data::I64(values) }
    }

    /// A list of sizes: plain `i64` where all are numbers.
    pub fn dims(shape: Vec<usize>, dims: Vec<Dim>) -> Option<Tensor> {
        let numbers: Option<Vec<i64>> = dims.iter().map(Dim::as_i64).collect();
        Tensor::new(shape, numbers.map_or(Data::Dim(dims), Data::I64))
    }

    /// The sizes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Storage type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// What is known of the tensor as a value.
    pub fn fact(&self) -> Fact {
        Fact::new(self.dtype(), self.shape.iter().copied())
    }

    /// Whether some element is a size that is not a number yet.
    pub fn is_symbolic(&self) -> bool {
        matches!(self.data, Data::Dim(_))
    }

    /// The tensor with symbolic sizes replaced by their values, or `None` where a symbol is not bound.
    pub fn bind(&self, binding: &Binding) -> Option<Tensor> {
        let Data::Dim(dims) = &self.data else { return Some(self.clone()) };
        let values: Option<Vec<i64>> = dims.iter().map(|dim| dim.eval(binding)).collect();
        Tensor::new(self.shape.clone(), Data::I64(values?))
    }

    /// The elements as `i64`, where they are integers or bool and numbers.
    pub fn as_i64s(&self) -> Option<Vec<i64>> {
        self.as_dims()?.iter().map(Dim::as_i64).collect()
    }

    /// The elements as sizes, where they are integers or bool.
    pub fn as_dims(&self) -> Option<Vec<Dim>> {
        Some(match &self.data {
            Data::Dim(v) => v.clone(),
            Data::Bool(v) => v.iter().map(|&x| Dim::from(i64::from(x))).collect(),
            Data::I4(v) | Data::I8(v) => v.iter().map(|&x| Dim::from(i64::from(x))).collect(),
            Data::U4(v) | Data::U8(v) => v.iter().map(|&x| Dim::from(i64::from(x))).collect(),
            Data::I16(v) => v.iter().map(|&x| Dim::from(i64::from(x))).collect(),
            Data::I32(v) => v.iter().map(|&x| Dim::from(i64::from(x))).collect(),
            Data::I64(v) => v.iter().map(|&x| Dim::from(x)).collect(),
            Data::F16(_) | Data::BF16(_) | Data::F32(_) => return None,
        })
    }

    /// The elements as `f64`; a symbolic size is `None`.
    pub fn as_f64s(&self) -> Option<Vec<f64>> {
        Some(match &self.data {
            Data::F16(v) => v.iter().map(|x| x.to_f64()).collect(),
            Data::BF16(v) => v.iter().map(|x| x.to_f64()).collect(),
            Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            _ => self.as_i64s()?.into_iter().map(|x| x as f64).collect(),
        })
    }

    /// The only element as a size, where there is exactly one integer.
    pub fn as_dim(&self) -> Option<Dim> {
        let mut dims = self.as_dims()?;
        (dims.len() == 1).then(|| dims.remove(0))
    }

    /// The same elements in another shape.
    pub fn reshaped(&self, shape: Vec<usize>) -> Option<Tensor> {
        Tensor::new(shape, self.data.clone())
    }

    /// Element `i` of the result is element `indices[i]` of this tensor. Every data movement is one of these.
    ///
    /// `None` where an index lies outside or their number does not fill the shape.
    pub fn take(&self, shape: Vec<usize>, indices: impl Iterator<Item = usize>) -> Option<Tensor> {
        let data = map!(&self.data, v => indices.map(|i| v.get(i).cloned()).collect::<Option<Vec<_>>>()?);
        Tensor::new(shape, data.settled())
    }

    /// The tensors one after the other along the outermost axis of `shape`; all must have one type.
    pub fn join(shape: Vec<usize>, parts: &[&Tensor]) -> Option<Tensor> {
        let symbolic = parts.iter().any(|part| part.is_symbolic());
        let mut all = parts.first()?.data.promoted(symbolic);
        for part in &parts[1..] {
            match (&mut all, part.data.promoted(symbolic)) {
                (Data::Bool(a), Data::Bool(b)) => a.extend(b),
                (Data::I4(a), Data::I4(b)) | (Data::I8(a), Data::I8(b)) => a.extend(b),
                (Data::U4(a), Data::U4(b)) | (Data::U8(a), Data::U8(b)) => a.extend(b),
                (Data::I16(a), Data::I16(b)) => a.extend(b),
                (Data::I32(a), Data::I32(b)) => a.extend(b),
                (Data::I64(a), Data::I64(b)) => a.extend(b),
                (Data::F16(a), Data::F16(b)) => a.extend(b),
                (Data::BF16(a), Data::BF16(b)) => a.extend(b),
                (Data::F32(a), Data::F32(b)) => a.extend(b),
                (Data::Dim(a), Data::Dim(b)) => a.extend(b),
                _ => return None,
            }
        }
        Tensor::new(shape, all.settled())
    }
}

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Storage type of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Data::Bool(_) => DType::Bool,
            Data::I4(_) => DType::I4,
            Data::U4(_) => DType::U4,
            Data::I8(_) => DType::I8,
            Data::U8(_) => DType::U8,
            Data::I16(_) => DType::I16,
            Data::I32(_) => DType::I32,
            Data::I64(_) | Data::Dim(_) => DType::I64,
            Data::F16(_) => DType::F16,
            Data::BF16(_) => DType::BF16,
            Data::F32(_) => DType::F32,
        }
    }

    /// Elements of a floating-point or integer type from `f64`: floats round once, integers as Rust's `as` does.
    pub fn from_f64(dtype: DType, values: impl Iterator<Item = f64>) -> Data {
        match dtype {
            DType::F32 => Data::F32(values.map(|x| x as f32).collect()),
            DType::F16 => Data::F16(values.map(f16::from_f64).collect()),
            DType::BF16 => Data::BF16(values.map(bf16::from_f64).collect()),
            DType::Bool => Data::Bool(values.map(|x| x != 0.0).collect()),
            _ => Data::from_i64(dtype, values.map(|x| x as i64)),
        }
    }

    /// Elements of an integer, bool or floating-point type from `i64`; narrower integers wrap.
    pub fn from_i64(dtype: DType, values: impl Iterator<Item = i64>) -> Data {
        match dtype {
            DType::Bool => Data::Bool(values.map(|x| x != 0).collect()),
            DType::I4 => Data::I4(values.map(|x| ((x as i8) << 4) >> 4).collect()),
            DType::U4 => Data::U4(values.map(|x| x as u8 & 15).collect()),
            DType::I8 => Data::I8(values.map(|x| x as i8).collect()),
            DType::U8 => Data::U8(values.map(|x| x as u8).collect()),
            DType::I16 => Data::I16(values.map(|x| x as i16).collect()),
            DType::I32 => Data::I32(values.map(|x| x as i32).collect()),
            DType::I64 => Data::I64(values.collect()),
            DType::F16 => Data::F16(values.map(|x| f16::from_f64(x as f64)).collect()),
            DType::BF16 => Data::BF16(values.map(|x| bf16::from_f64(x as f64)).collect()),
            DType::F32 => Data::F32(values.map(|x| x as f32).collect()),
        }
    }

    fn promoted(&self, symbolic: bool) -> Data {
        match self {
            Data::I64(v) if symbolic => Data::Dim(v.iter().map(|&x| Dim::from(x)).collect()),
            other => other.clone(),
        }
    }

    fn settled(self) -> Data {
        match self {
            Data::Dim(dims) => match dims.iter().map(Dim::as_i64).collect::<Option<Vec<i64>>>() {
                Some(numbers) => Data::I64(numbers),
                None => Data::Dim(dims),
            },
            other => other,
        }
    }
}

/// Row-major strides of a shape.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Calls `f` with every index of a shape in row-major order.
pub fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<'_> {
    let count: usize = shape.iter().product();
    let mut next = vec![0; shape.len()];
    (0..count).map(move |_| {
        let index = next.clone();
        for axis in (0..shape.len()).rev() {
            next[axis] += 1;
            if next[axis] < shape[axis] {
                break;
            }
            next[axis] = 0;
        }
        index
    })
}

/// For every element of `to`, the position of the element of `from` that numpy's broadcasting repeats there.
pub fn broadcast_positions<'a>(from: &'a [usize], to: &'a [usize]) -> impl Iterator<Item = usize> + use<'a> {
    let lead = to.len().saturating_sub(from.len());
    let steps: Vec<usize> =
        strides(from).into_iter().zip(from).map(|(stride, &size)| if size == 1 { 0 } else { stride }).collect();
    indices(to).map(move |index| index[lead..].iter().zip(&steps).map(|(i, step)| i * step).sum())
}
