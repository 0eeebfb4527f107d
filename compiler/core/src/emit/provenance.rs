//! What an artifact was made of. No time and no folder: they would make equal builds differ.

use m4c_format::description;
use std::path::Path;

/// What an artifact was made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Provenance {
    /// The files that were read.
    pub sources: Vec<Source>,
    /// The settings that change the result, as they would be typed.
    pub flags: Vec<String>,
}

/// A file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its name without folder.
    pub name: String,
    /// BLAKE3 of its bytes.
    pub digest: [u8; 32],
}

impl Source {
    /// A file by its path and content.
    pub fn new(path: &Path, bytes: &[u8]) -> Source {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Source { name, digest: *blake3::hash(bytes).as_bytes() }
    }
}

impl Provenance {
    pub(super) fn describe(&self) -> description::Provenance {
        let source =
            |source: &Source| description::SourceFile { name: source.name.clone(), digest: source.digest.into() };
        description::Provenance {
            compiler: concat!("m4c ", env!("CARGO_PKG_VERSION")).into(),
            sources: self.sources.iter().map(source).collect(),
            flags: self.flags.clone(),
        }
    }
}
