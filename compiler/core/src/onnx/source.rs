//! Files that tensors lie in, mapped into memory, and pieces of them.

use crate::diagnostic::{Diagnostic, codes};
use memmap2::Mmap;
use prost::bytes::Bytes;
use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The bytes of one file. Pages are read when they are touched, so a large file costs nothing by itself.
///
/// The file must not change while it is mapped: a build that writes over its own inputs is not supported.
pub struct Source {
    path: PathBuf,
    bytes: Bytes,
}

/// A piece of a [`Source`], which it keeps mapped. Cheap to clone; the bytes are never copied.
#[derive(Clone)]
pub struct Slice {
    source: Arc<Source>,
    offset: usize,
    len: usize,
}

impl Source {
    /// Maps a regular file.
    pub fn map(path: impl Into<PathBuf>) -> Result<Arc<Source>, Diagnostic> {
        let path = path.into();
        // Asked before opening, since opening a pipe would wait for its other end.
        let kind = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if !kind.is_file() {
            let what = if kind.is_dir() { "a folder" } else { "not a regular file" };
            let message = format!("`{}` is {what}", path.display());
            return Err(Diagnostic::error(codes::FILE_UNREADABLE, message)
                .at(&*path)
                .help("give the path of the file itself"));
        }
        let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        if kind.len() == 0 {
            return Ok(Source::in_memory(path, Bytes::new()));
        }
        // SAFETY: the map is read-only and this process never writes to an input: outputs are new files
        // that take a name by rename, which leaves the mapped file as it was. That no other process
        // changes the file is a documented condition of `Source`.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| unreadable(&path, &error))?;
        Ok(Source::in_memory(path, Bytes::from_owner(map)))
    }

    /// Bytes that are already here; `path` only names them.
    pub fn in_memory(path: impl Into<PathBuf>, bytes: Bytes) -> Arc<Source> {
        Arc::new(Source { path: path.into(), bytes })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole content as a handle that shares it.
    pub(crate) fn shared_bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// A piece; `None` if it reaches beyond the end.
    pub fn slice(self: &Arc<Self>, offset: u64, len: u64) -> Option<Slice> {
        let (offset, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
        let end = offset.checked_add(len)?;
        (end <= self.bytes.len()).then(|| Slice { source: Arc::clone(self), offset, len })
    }

    /// The piece that `part` is, if it is one, by the addresses of the two.
    pub fn locate(self: &Arc<Self>, part: &[u8]) -> Option<Slice> {
        let offset = part.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        self.slice(u64::try_from(offset).ok()?, u64::try_from(part.len()).ok()?)
    }
}

impl Slice {
    /// The file that it lies in.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Where it begins in the file.
    pub fn offset(&self) -> u64 {
        self.offset as u64
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len as u64
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its bytes, in the map.
    pub fn bytes(&self) -> &[u8] {
        // In range since `Source::slice` made it.
        &self.source.bytes[self.offset..self.offset + self.len]
    }
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({} bytes)", self.path.display(), self.bytes.len())
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}[{}; {}]", self.source.path.display(), self.offset, self.len)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => Diagnostic::error(codes::FILE_MISSING, format!("`{shown}` does not exist"))
            .help("check the path, and the folder that the command runs in"),
        _ => Diagnostic::error(codes::FILE_UNREADABLE, format!("cannot read `{shown}`: {error}"))
            .help("make sure that you may read the file"),
    }
    .at(path)
}
