//! Weights in the layouts of `m4c-exec-cpu`, panel by panel.

use m4c_exec_cpu::layout::{PANEL, pack_f32_kn16};
use m4c_ops::DType;
use m4c_target::Weight;
use std::io::{self, Write};

/// Writes a k × n matrix. Only one panel is held at a time.
pub(crate) fn f32_kn16(weight: Weight<'_>, out: &mut dyn Write) -> io::Result<()> {
    let wrong = || {
        let message = format!("{} of {} bytes is no f32 matrix", weight.fact, weight.bytes.len());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    let sizes = weight.fact.sizes().ok_or_else(wrong)?;
    let &[k, n] = &*sizes else { return Err(wrong()) };
    let (elements, rest) = weight.bytes.as_chunks::<4>();
    let fits = k.checked_mul(n) == Some(elements.len()) && rest.is_empty();
    if weight.fact.dtype != DType::F32 || !fits {
        return Err(wrong());
    }
    if k == 0 {
        return Ok(());
    }
    let mut columns = Vec::new();
    let mut panel = vec![0f32; k * PANEL];
    let mut bytes = Vec::with_capacity(k * PANEL * 4);
    for first in (0..n).step_by(PANEL) {
        let width = PANEL.min(n - first);
        columns.clear();
        for row in elements.chunks_exact(n) {
            let row = &row[first..first + width];
            columns.extend(row.iter().map(|element| f32::from_le_bytes(*element)));
        }
        pack_f32_kn16(&columns, k, width, width, 1, &mut panel);
        bytes.clear();
        bytes.extend(panel.iter().flat_map(|element| element.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_exec_cpu::layout::packed_len;
    use m4c_ops::Fact;

    #[test]
    fn panels_are_those_of_the_whole_matrix() {
        for (k, n) in [(3, 20), (1, 16), (5, 1), (0, 7), (4, 0), (2, 33)] {
            let elements: Vec<f32> = (0..k * n).map(|i| 1.0 + i as f32).collect();
            let mut expected = vec![0.0; packed_len(k, n).unwrap()];
            pack_f32_kn16(&elements, k, n, n, 1, &mut expected);
            let bytes = |elements: &[f32]| -> Vec<u8> { elements.iter().flat_map(|x| x.to_le_bytes()).collect() };
            let fact = Fact::new(DType::F32, [k, n]);
            let mut packed = Vec::new();
            let source = bytes(&elements);
            let weight = Weight { fact: &fact, bytes: &source };
            f32_kn16(weight, &mut packed).unwrap();
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
            assert!(f32_kn16(weight, &mut Vec::new()).is_err(), "{fact}");
        }
    }
}
