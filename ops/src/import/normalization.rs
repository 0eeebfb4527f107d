//! Normalizations that are none of ours: by a norm, by mean and variance, and over neighboring channels.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::{conv, reduce_sum};
use crate::signature::normalized_axes;

/// `LpNormalization`, `MeanVarianceNormalization` and `LRN`.
pub static IMPORT: &[OnnxImport] = &[
    from("LpNormalization", 1, by_norm),
    from("MeanVarianceNormalization", 9, by_mean_and_variance),
    from("LRN", 1, over_channels),
];

/// What has norm 0 stays.
fn by_norm(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let axes = vec![node.axis(b, x, -1)? as i64];
    let norm = match node.int("p")?.unwrap_or(2) {
        1 => {
            let sizes = b.abs(x)?;
            b.sum(sizes, axes, true)?
        }
        2 => {
            let squares = b.mul(x, x)?;
            let sum = b.sum(squares, axes, true)?;
            b.sqrt(sum)?
        }
        p => return Err(ImportError::Attribute { name: "p".into(), found: format!("is {p}, not 1 or 2") }),
    };
    let (zero, one) = (b.like(x, 0.0), b.like(x, 1.0));
    let none = b.equal(norm, zero)?;
    let norm = b.select(none, one, norm)?;
    Ok(vec![b.div(x, norm)?])
}

/// The deviation gets 10⁻⁹ added, which the standard's function body says.
fn by_mean_and_variance(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let axes = node.ints("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    let axes = normalized_axes(b, x, &axes, &reduce_sum::OP)?;
    let result = b.in_f32(x, |b, x| {
        let mean = reduce_sum::mean(b, x, axes.clone(), true)?;
        let centered = b.sub(x, mean)?;
        let squares = b.mul(centered, centered)?;
        let variance = reduce_sum::mean(b, squares, axes, true)?;
        let deviation = b.sqrt(variance)?;
        let deviation = b.plus(deviation, 1e-9)?;
        b.div(centered, deviation)
    })?;
    Ok(vec![result])
}

/// `x / (bias + alpha / size * s) ^ beta`, `s` the sum of squares over `size` channels around each: a convolution along the
/// channels.
fn over_channels(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let shape = b.fact(x).shape.clone();
    let missing = || ImportError::Attribute { name: "size".into(), found: "is missing or not positive".into() };
    let size = node.int("size")?.filter(|size| (1..=i64::from(u16::MAX)).contains(size)).ok_or_else(missing)?;
    let number = |name: &str, absent: f32| Ok::<f64, ImportError>(f64::from(node.float(name)?.unwrap_or(absent)));
    let (alpha, beta, bias) = (number("alpha", 1e-4)?, number("beta", 0.75)?, number("bias", 1.0)?);
    let [batch, channels, inner @ ..] = &shape[..] else {
        return Err(ImportError::Operand { index: 0, found: format!("is {}", b.fact(x)) });
    };
    let squares = b.mul(x, x)?;
    let one = Dim::from(1);
    let image = b.reshape(squares, &[batch.clone(), one.clone(), channels.clone(), Dim::product(inner)])?;
    let window = b.filled(b.fact(x).dtype, 1.0, &[one.clone(), one.clone(), Dim::from(size), one])?;
    let attrs = Attrs::none()
        .ints("strides", vec![1, 1])
        .ints("dilations", vec![1, 1])
        .ints("pads", vec![(size - 1) / 2, 0, size / 2, 0])
        .int("groups", 1);
    let sums = b.op(&conv::OP, &[image, window], attrs)?;
    let sums = b.reshape(sums, &shape)?;
    let scaled = b.times(sums, alpha / size as f64)?;
    let base = b.plus(scaled, bias)?;
    let beta = b.like(x, beta);
    let power = b.pow(base, beta)?;
    Ok(vec![b.div(x, power)?])
}
