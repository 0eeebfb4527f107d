//! Windows of signals and the weights of mel filters.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, dtype_from_onnx, from};
use crate::tensor::{Data, Tensor};
use std::f64::consts::TAU;

/// `BlackmanWindow`, `HammingWindow`, `HannWindow` and `MelWeightMatrix`.
pub static IMPORT: &[OnnxImport] = &[
    from("BlackmanWindow", 17, |b, node| cosines(b, node, &[0.42, -0.5, 0.08])),
    from("HammingWindow", 17, |b, node| cosines(b, node, &[25.0 / 46.0, -21.0 / 46.0])),
    from("HannWindow", 17, |b, node| cosines(b, node, &[0.5, -0.5])),
    from("MelWeightMatrix", 17, mel_weights),
];

fn output(node: &OnnxNode) -> Result<DType, ImportError> {
    let number = node.int("output_datatype")?.unwrap_or(1);
    let found = || ImportError::Attribute { name: "output_datatype".into(), found: format!("is type {number}") };
    dtype_from_onnx(number).ok_or_else(found)
}

/// No window has more elements.
const LARGEST: i64 = 1 << 26;

/// The sum of `weights[k] * cos(2 π k i / size)`, over one less where the window is not periodic.
fn cosines(b: &mut dyn Build, node: &OnnxNode, weights: &[f64]) -> Result<Vec<Value>, ImportError> {
    let dtype = output(node)?;
    let known = b.known(node.operand(0)?).and_then(Tensor::as_dim);
    let size = known.ok_or(ImportError::NotConstant { index: 0, sets: "the size of the window" })?;
    if size.as_i64().is_some_and(|size| !(0..=LARGEST).contains(&size)) {
        return Err(ImportError::Operand { index: 0, found: format!("is a window of {size} elements") });
    }
    let periodic = node.int("periodic")?.unwrap_or(1) != 0;
    let period = if periodic { size.clone() } else { size.clone() - Dim::from(1) };
    let period = b.size(period.maximum(&Dim::from(1)));
    let period = b.cast(period, DType::F32)?;
    let numbers = b.count(1, 0, size, DType::F32)?;
    let turns = b.div(numbers, period)?;
    let mut sum = b.scalar(DType::F32, weights[0]);
    for (k, weight) in weights.iter().enumerate().skip(1) {
        let angle = b.times(turns, TAU * k as f64)?;
        let cosine = b.cos(angle)?;
        let wave = b.times(cosine, *weight)?;
        sum = b.add(wave, sum)?;
    }
    Ok(vec![b.cast(sum, dtype)?])
}

/// Triangles over the bins of a spectrum, evenly spaced on the mel scale.
fn mel_weights(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let number = |index: usize, sets| -> Result<f64, ImportError> {
        let known = b.known(node.operand(index)?).and_then(Tensor::as_f64s).filter(|values| values.len() == 1);
        known.map(|values| values[0]).ok_or(ImportError::NotConstant { index, sets })
    };
    let (bins, length) = (number(0, "the number of filters")?, number(1, "the length of the transform")?);
    let rate = number(2, "the sample rate")?;
    let (low, high) = (number(3, "the lowest frequency")?, number(4, "the highest frequency")?);
    let sane = (1.0..=65536.0).contains(&bins) && (1.0..=1048576.0).contains(&length) && rate > 0.0;
    if !sane || (bins * length) > 2e7 || low.is_nan() || high.is_nan() {
        let found = format!("gives {bins} filters over a transform of length {length}");
        return Err(ImportError::Operand { index: 0, found });
    }
    let (rows, columns) = (length as usize / 2 + 1, bins as usize);
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let step = (mel(high) - mel(low)) / (bins + 2.0);
    let bin = |i: usize| {
        let hertz = 700.0 * (10f64.powf((mel(low) + i as f64 * step) / 2595.0) - 1.0);
        ((length + 1.0) * hertz / rate).floor() as i64
    };
    let mut weights = vec![0.0; rows * columns];
    for column in 0..columns {
        let (left, center, right) = (bin(column), bin(column + 1), bin(column + 2));
        let mut set = |row: i64, weight: f64| {
            if let Some(row) = usize::try_from(row).ok().filter(|row| *row < rows) {
                weights[row * columns + column] = weight;
            }
        };
        if left == center {
            set(center, 1.0);
        }
        let clipped = |row: i64| row.clamp(0, rows as i64);
        for row in clipped(left)..=clipped(center) {
            if left < center && row <= center {
                set(row, (row - left) as f64 / (center - left) as f64);
            }
        }
        for row in clipped(center)..clipped(right) {
            set(row, (right - row) as f64 / (right - center) as f64);
        }
    }
    let data = Data::from_f64(output(node)?, weights.into_iter());
    let tensor = Tensor::new(vec![rows, columns], data);
    let empty = || ImportError::Operand { index: 0, found: "gives no weights".into() };
    Ok(vec![b.constant(tensor.ok_or_else(empty)?)])
}
