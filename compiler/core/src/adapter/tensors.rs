//! The tensors of an adapter: places in its file, which is mapped and not loaded.

use super::Matrix;
use crate::diagnostic::{Diagnostic, codes};
use crate::onnx::Source;
use m4c_ir::{Constant, DataFile};
use m4c_ops::{DType, Dim, Fact};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;
use std::sync::Arc;

/// The bytes of a mapped file.
struct Mapped(Arc<Source>);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// All tensors of an adapter's file, in the order of their names. In text form and reports the file has the adapter's name: all
/// adapters name their file alike.
///
/// # Errors
/// Where it cannot be read, or an element has a type that weights have not.
pub(super) fn read(path: &Path, adapter: &str) -> Result<Vec<(String, Matrix)>, Diagnostic> {
    let missing = |message: String| {
        Diagnostic::error(codes::ADAPTER_UNREADABLE, message)
            .at(path)
            .help("copy it again, or save it again with `model.save_pretrained(FOLDER)`")
    };
    let unreadable = |what: &str| missing(format!("`{}`: {what}", path.display()));
    let source = Source::map(path).map_err(|error| missing(error.message))?;
    let (header, metadata) =
        SafeTensors::read_metadata(source.bytes()).map_err(|error| unreadable(&error.to_string()))?;
    // Eight bytes say how long the header is.
    let start = header as u64 + 8;
    let file = Arc::new(DataFile::new(format!("{adapter}.safetensors"), Mapped(source)));
    let mut all = Vec::new();
    for (name, info) in metadata.tensors() {
        let dtype = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => return Err(unreadable(&format!("`{name}` is {other:?}; adapters are f32, f16 or bf16"))),
        };
        let shape = info.shape.iter().map(|&size| i64::try_from(size).map(Dim::from)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| unreadable(&format!("`{name}` is too large")))?;
        let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let constant = Constant::Stored { file: file.clone(), offset: start + from, length: to - from };
        all.push((name, Matrix { fact: Fact::new(dtype, shape), constant }));
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(all)
}
