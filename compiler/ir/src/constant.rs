//! Constants: small ones as tensors, weights as places in files that nobody loads to pass them on.

use m4c_ops::{DType, Fact, Tensor};
use std::fmt;
use std::sync::Arc;

/// The content of a constant node.
#[derive(Clone, Debug)]
pub enum Constant {
    /// Elements in memory.
    Inline(Arc<Tensor>),
    /// Row-major little-endian elements at `offset` in a file.
    Stored {
        /// The file.
        file: Arc<DataFile>,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

/// What tells constants apart, for as long as their files are open.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Identity {
    /// Elements in memory: their bytes.
    Content(Vec<u8>),
    /// A place in a file.
    Place {
        /// Where the file is mapped.
        file: usize,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

/// The bytes of a file, usually a memory map.
pub struct DataFile {
    name: String,
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
}

impl DataFile {
    /// A file's bytes under the name that text form and reports show.
    pub fn new(name: impl Into<String>, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> DataFile {
        DataFile { name: name.into(), bytes: Box::new(bytes) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Whether both are the same bytes in memory: a file that is mapped once.
    pub fn is_same(&self, other: &DataFile) -> bool {
        std::ptr::eq(self.bytes(), other.bytes())
    }
}

impl fmt::Debug for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataFile({:?}, {} bytes)", self.name, self.bytes().len())
    }
}

impl Constant {
    /// The bytes of a stored constant, without copying; `None` for an inline one and where the file is too short.
    pub fn stored_bytes(&self) -> Option<&[u8]> {
        match self {
            Constant::Inline(_) => None,
            Constant::Stored { file, offset, length } => {
                let start = usize::try_from(*offset).ok()?;
                file.bytes().get(start..start.checked_add(usize::try_from(*length).ok()?)?)
            }
        }
    }

    /// The elements. Copies what is stored; `None` where the stored bytes do not fit the fact.
    pub fn load(&self, fact: &Fact) -> Option<Arc<Tensor>> {
        match self {
            Constant::Inline(tensor) => Some(tensor.clone()),
            Constant::Stored { .. } => {
                Tensor::from_bytes(fact.dtype, fact.sizes()?, self.stored_bytes()?).map(Arc::new)
            }
        }
    }

    /// The row-major little-endian bytes; `None` where they do not fit the fact.
    pub fn bytes(&self, fact: &Fact) -> Option<std::borrow::Cow<'_, [u8]>> {
        let needed = fact.dtype.bytes(fact.sizes()?.iter().try_fold(1usize, |p, &s| p.checked_mul(s))?)?;
        let bytes = match self {
            Constant::Inline(tensor) => tensor.to_bytes()?.into(),
            // `bool` is any non-zero byte in files, and exactly 0 or 1 in artifacts.
            Constant::Stored { .. } if fact.dtype == DType::Bool => self.load(fact)?.to_bytes()?.into(),
            Constant::Stored { .. } => std::borrow::Cow::Borrowed(self.stored_bytes()?),
        };
        (bytes.len() == needed).then_some(bytes)
    }

    /// Equal for two constants of one fact that are certainly the same elements; `None` where a size is not a number.
    pub fn identity(&self) -> Option<Identity> {
        Some(match self {
            // By bytes, so that zeros of either sign and NaN payloads stay apart.
            Constant::Inline(tensor) => Identity::Content(tensor.to_bytes()?),
            Constant::Stored { file, offset, length } => {
                Identity::Place { file: file.bytes().as_ptr().addr(), offset: *offset, length: *length }
            }
        })
    }
}
