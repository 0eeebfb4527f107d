//! `DFT` and `STFT`: products with matrices of sines and cosines, whose size must be known when compiling.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, between, from};
use crate::op::Violation;
use crate::primitive::conv;
use crate::tensor::{Data, Tensor};
use std::f64::consts::TAU;

/// `DFT` and `STFT`.
pub static IMPORT: &[OnnxImport] = &[
    between("DFT", 17, 19, |b, node| {
        let x = node.operand(0)?;
        let axis = node.axis(b, x, 1)?;
        dft(b, node, x, axis)
    }),
    from("DFT", 20, |b, node| {
        let x = node.operand(0)?;
        let given = match node.optional(2) {
            Some(_) => node.numbers(b, 2, "the axis")?.first().copied().unwrap_or(-2),
            None => -2,
        };
        let fact = b.fact(x);
        let found = || ImportError::Operand { index: 2, found: format!("is {given} for {fact}") };
        let axis = fact.axis(given).ok_or_else(found)?;
        dft(b, node, x, axis)
    }),
    from("STFT", 17, stft),
];

/// No matrix has more elements.
const LARGEST: usize = 1 << 24;

/// Numbers that a transform reads and makes.
struct Transform {
    /// Its length.
    length: usize,
    /// How many complex or real numbers it reads.
    from: usize,
    /// How many it makes.
    to: usize,
    /// Whether what it reads is complex, and whether what it makes is.
    complex: (bool, bool),
    inverse: bool,
    /// Whether it reads only half of numbers that are mirrored.
    half: bool,
}

impl Transform {
    /// By real part and imaginary part, then number, of what is read and of what is made: what one contributes to the other.
    fn matrix(&self) -> Result<Vec<f64>, ImportError> {
        let parts = |complex: bool| 1 + usize::from(complex);
        let size = [parts(self.complex.0), self.from, parts(self.complex.1), self.to];
        let count = size.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let Some(count) = count.filter(|count| *count <= LARGEST) else {
            return Err(ImportError::Unsupported(format!("a Fourier transform of length {}", self.length)));
        };
        let mut matrix = Vec::with_capacity(count);
        for read in 0..size[0] {
            for i in 0..self.from {
                for made in 0..size[2] {
                    for k in 0..self.to {
                        let (cosine, sine) = wave(i as u128 * k as u128 % self.length.max(1) as u128, self.length);
                        let sine = if self.inverse { sine } else { -sine };
                        // (a + bi)(cos + i sin)
                        let factor = match (read, made) {
                            (0, 0) | (1, 1) => cosine,
                            (0, _) => sine,
                            _ => -sine,
                        };
                        let twice = self.half && i > 0 && 2 * i < self.length;
                        let scale = if self.inverse { 1.0 / self.length as f64 } else { 1.0 };
                        matrix.push(factor * scale * if twice { 2.0 } else { 1.0 });
                    }
                }
            }
        }
        Ok(matrix)
    }
}

/// Cosine and sine of a part of a turn; quarters are exact.
fn wave(part: u128, length: usize) -> (f64, f64) {
    if (4 * part).is_multiple_of(length as u128) {
        return [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][(4 * part / length as u128 % 4) as usize];
    }
    let angle = TAU * part as f64 / length as f64;
    (angle.cos(), angle.sin())
}

fn constant(b: &mut dyn Build, like: Value, shape: Vec<usize>, values: Vec<f64>) -> Value {
    let data = Data::from_f64(b.fact(like).dtype, values.into_iter());
    let tensor = Tensor::new(shape, data).unwrap_or_else(|| Tensor::list_i64(Vec::new()));
    b.constant(tensor)
}

/// Whether the last axis holds complex numbers.
fn is_complex(b: &dyn Build, x: Value) -> Result<bool, ImportError> {
    match b.fact(x).shape.last().and_then(Dim::as_i64) {
        Some(1) => Ok(false),
        Some(2) => Ok(true),
        _ => Err(ImportError::Operand { index: 0, found: format!("is {}: its last axis is not 1 or 2", b.fact(x)) }),
    }
}

fn dft(b: &mut dyn Build, node: &OnnxNode, x: Value, axis: usize) -> Result<Vec<Value>, ImportError> {
    let (fact, complex) = (b.fact(x).clone(), is_complex(b, x)?);
    let flag = |name| Ok::<bool, ImportError>(node.int(name)?.unwrap_or(0) != 0);
    let (inverse, half) = (flag("inverse")?, flag("onesided")?);
    let rank = fact.rank();
    if axis + 1 >= rank {
        return Err(ImportError::Operand { index: 0, found: format!("is {fact}, transformed along axis {axis}") });
    }
    let size = fact.shape[axis].as_usize();
    let size = size.ok_or(ImportError::NotConstant { index: 0, sets: "the size along the axis" })?;
    let length = match node.optional(1) {
        Some(_) => node.numbers(b, 1, "the length")?.first().copied().unwrap_or(0),
        None if inverse && half => 2 * (size as i64 - 1),
        None => size as i64,
    };
    let length = usize::try_from(length).ok().filter(|length| (1..LARGEST).contains(length));
    let length = length.ok_or_else(|| ImportError::Operand { index: 1, found: "is not a positive length".into() })?;
    let bins = if half { length / 2 + 1 } else { length };
    let (from, to) = if inverse { (bins, length) } else { (length, bins) };
    // What is missing is zero, and adds nothing.
    let from = from.min(size);
    let transform =
        Transform { length, from, to, complex: (complex, !(inverse && half)), inverse, half: inverse && half };
    let parts = (1 + usize::from(complex), 1 + usize::from(transform.complex.1));
    let matrix = constant(b, x, vec![parts.0 * from, parts.1 * to], transform.matrix()?);
    let cut = b.cut(x, axis, Dim::from(0), Dim::from(from))?;
    let (at, last) = (axis as i64, rank as i64 - 1);
    let others = || (0..last).filter(move |&i| i != at);
    let rows = b.transpose(cut, others().chain([last, at]).collect())?;
    let outer: Vec<Dim> = b.fact(rows).shape[..rank - 2].to_vec();
    let rows = b.reshape(rows, &[&outer[..], &[Dim::from(parts.0 * from)]].concat())?;
    // One row is a matrix, too.
    let rows = if rank == 2 { b.with_axis(rows, 0)? } else { rows };
    let result = b.matmul(rows, matrix)?;
    let result = b.reshape(result, &[&outer[..], &[Dim::from(parts.1), Dim::from(to)]].concat())?;
    let back = (0..at).chain([last]).chain(at..last - 1).chain([last - 1]).collect();
    Ok(vec![b.transpose(result, back)?])
}

/// A convolution by windowed waves, one step a frame.
fn stft(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let x = if b.fact(x).rank() == 2 { b.with_axis(x, 2)? } else { x };
    let (complex, half) = (is_complex(b, x)?, node.int("onesided")?.unwrap_or(1) != 0);
    let one = |b: &dyn Build, index: usize, sets| -> Result<i64, ImportError> {
        Ok(node.numbers(b, index, sets)?.first().copied().unwrap_or(0))
    };
    let step = one(b, 1, "the distance of frames")?;
    let length = match (node.optional(3), node.optional(2)) {
        (Some(_), _) => one(b, 3, "the length of a frame")?,
        (None, Some(window)) => {
            let size = b.fact(window).shape.first().and_then(Dim::as_i64);
            size.ok_or(ImportError::NotConstant { index: 2, sets: "the length of a frame" })?
        }
        (None, None) => return Err(ImportError::Operand { index: 3, found: "is missing, and so is a window".into() }),
    };
    let Some(length) = usize::try_from(length).ok().filter(|length| (1..LARGEST).contains(length) && step > 0) else {
        return Err(ImportError::Operand { index: 3, found: format!("is {length}, with a step of {step}") });
    };
    let to = if half { length / 2 + 1 } else { length };
    let transform = Transform { length, from: length, to, complex: (complex, true), inverse: false, half: false };
    let parts = 1 + usize::from(complex);
    let matrix = constant(b, x, vec![parts, length, 2 * to], transform.matrix()?);
    let mut waves = b.transpose(matrix, vec![2, 0, 1])?;
    if let Some(window) = node.optional(2) {
        let window = b.cast(window, b.fact(x).dtype)?;
        waves = b.mul(waves, window)?;
    }
    let frames = framed(b, x, waves, step)?;
    let sizes = b.fact(frames).shape.clone();
    let split = [sizes[0].clone(), Dim::from(2), Dim::from(to), sizes[2].clone()];
    let frames = b.reshape(frames, &split)?;
    Ok(vec![b.transpose(frames, vec![0, 3, 2, 1])?])
}

fn framed(b: &mut dyn Build, x: Value, waves: Value, step: i64) -> Result<Value, Violation> {
    let channels_first = b.transpose(x, vec![0, 2, 1])?;
    let attrs =
        Attrs::none().ints("strides", vec![step]).ints("dilations", vec![1]).ints("pads", vec![0, 0]).int("groups", 1);
    b.op(&conv::OP, &[channels_first, waves], attrs)
}
