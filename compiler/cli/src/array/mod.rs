//! Arrays from and to files of NumPy and of safetensors.

mod element;
mod file;
mod header;
mod npz;
mod safetensors;

pub(crate) use file::read_npy;
pub use file::{ArrayFile, Stored};

use crate::aligned::Aligned;
use m4c_compiler::diagnostic::{Diagnostic, codes};
use m4c_ops::{DType, Tensor};
use std::path::Path;
use std::sync::Arc;

/// A dense row-major array, its bytes little-endian and aligned for kernels.
#[derive(Clone, Debug)]
pub struct Array {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Aligned,
}

impl Array {
    /// The elements of a tensor; `None` where a size in it is symbolic.
    pub(crate) fn from_tensor(tensor: &Tensor) -> Option<Array> {
        Some(Array {
            dtype: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            bytes: Aligned::copy_of(&tensor.to_bytes()?),
        })
    }

    /// The array as the interpreter takes it; `None` where bytes and shape do not fit.
    pub(crate) fn to_tensor(&self) -> Option<Arc<Tensor>> {
        Tensor::from_bytes(self.dtype, self.shape.clone(), self.bytes.bytes()).map(Arc::new)
    }

    /// The elements as numbers.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        self.to_tensor().and_then(|tensor| tensor.as_f64s()).unwrap_or_default()
    }

    /// Type and shape, `f32[2, 3]`.
    pub(crate) fn describe(&self) -> String {
        describe(self.dtype.name(), &self.shape)
    }
}

/// Writes arrays by name, in the format that the file's name says: safetensors, or else an archive that NumPy reads.
///
/// # Errors
/// Where the format has no type for an array, or the file cannot be written.
pub(crate) fn write_arrays(path: &Path, arrays: &[(String, &Array)]) -> Result<(), Diagnostic> {
    if is_safetensors(path) { safetensors::write(path, arrays) } else { npz::write_npz(path, arrays) }
}

fn unwritable(path: &Path, what: &str) -> Diagnostic {
    let message = format!("cannot write `{}`: {what}", path.display());
    Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message).at(path)
}

fn is_safetensors(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

/// A type and a shape as one word.
pub(crate) fn describe(dtype: &str, shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("{dtype}[{}]", sizes.join(", "))
}
