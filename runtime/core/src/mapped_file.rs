//! A file mapped into memory, so that weights are read when they are used and shared between processes.

#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;

use crate::error::{Code, Error};

/// The bytes of a file. Nobody may change or cut the file while it is mapped; artifacts are replaced by renaming.
#[derive(Debug)]
pub struct MappedFile {
    map: memmap2::Mmap,
}

impl MappedFile {
    /// Maps a whole file for reading.
    ///
    /// # Errors
    /// [`Code::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<MappedFile, Error> {
        let file = File::open(path).map_err(|_| Error::new(Code::Io))?;
        // SAFETY: the map is read-only, and the documentation of the type asks that the file stays as it is. The writer
        // never changes an artifact in place: it renames a finished file over it.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|_| Error::new(Code::Io))?;
        Ok(MappedFile { map })
    }

    /// The content, aligned to a page.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }
}
