//! Weights in the layouts of `m4c-exec-cpu`, panel by panel.

use m4c_exec_cpu::layout::PANEL;
use m4c_ops::DType;
use m4c_target::Weight;
use std::io::{self, Write};

/// Panels that are held at a time: whole cache lines of the rows that they come from.
const TOGETHER: usize = 8;

/// Writes a k × n matrix of this type, so many panels at a time.
pub(crate) fn kn16(dtype: DType, weight: Weight<'_>, out: &mut dyn Write) -> io::Result<()> {
    let wrong = || {
        let message = format!("{} of {} bytes is no {dtype} matrix", weight.fact, weight.bytes.len());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    let sizes = weight.fact.sizes().ok_or_else(wrong)?;
    let &[k, n] = &*sizes else { return Err(wrong()) };
    let width = dtype.bits() / 8;
    let length = k.checked_mul(n).and_then(|elements| elements.checked_mul(width));
    if weight.fact.dtype != dtype || length != Some(weight.bytes.len()) {
        return Err(wrong());
    }
    if k == 0 || n == 0 {
        return Ok(());
    }
    let row_of_panel = PANEL * width;
    let mut panels = Vec::new();
    for first in (0..n).step_by(TOGETHER * PANEL) {
        let columns = (n - first).min(TOGETHER * PANEL);
        // Zeros of every type are bytes of zero.
        panels.clear();
        panels.resize(columns.div_ceil(PANEL) * k * row_of_panel, 0u8);
        for (at, row) in weight.bytes.chunks_exact(n * width).enumerate() {
            let row = &row[first * width..(first + columns) * width];
            for (panel, part) in panels.chunks_exact_mut(k * row_of_panel).zip(row.chunks(row_of_panel)) {
                panel[at * row_of_panel..][..part.len()].copy_from_slice(part);
            }
        }
        out.write_all(&panels)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_exec_cpu::layout::{pack_kn16, packed_len};
    use m4c_ops::Fact;

    #[test]
    fn panels_are_those_of_the_whole_matrix() {
        for (k, n) in [(3, 20), (1, 16), (5, 1), (0, 7), (4, 0), (2, 33), (3, 300)] {
            let elements: Vec<f32> = (0..k * n).map(|i| 1.0 + i as f32).collect();
            let mut expected = vec![0.0; packed_len(k, n).unwrap()];
            pack_kn16(&elements, k, n, n, 1, &mut expected);
            let bytes = |elements: &[f32]| -> Vec<u8> { elements.iter().flat_map(|x| x.to_le_bytes()).collect() };
            let fact = Fact::new(DType::F32, [k, n]);
            let mut packed = Vec::new();
            let source = bytes(&elements);
            let weight = Weight { fact: &fact, bytes: &source };
            kn16(DType::F32, weight, &mut packed).unwrap();
            assert_eq!(packed, bytes(&expected), "{k} x {n}");
        }
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        for (fact, len) in [
            (Fact::new(DType::F32, [2usize, 2]), 15),
            (Fact::new(DType::F32, [2usize]), 8),
            (Fact::new(DType::I32, [2usize, 2]), 16),
        ] {
            let weight = Weight { fact: &fact, bytes: &vec![0; len] };
            assert!(kn16(DType::F32, weight, &mut Vec::new()).is_err(), "{fact}");
        }
    }
}
