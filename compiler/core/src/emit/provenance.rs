//! What an artifact was made of. No time and no folder: they would make equal builds differ.

use super::pace::Hashing;
use m4c_format::description;
use m4c_ir::DataFile;
use std::sync::Arc;

/// What an artifact was made of.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// The files that were read.
    pub sources: Vec<Source>,
    /// The settings that change the result, as they would be typed.
    pub flags: Vec<String>,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name without folder.
    pub name: String,
    /// Its content.
    pub file: Arc<DataFile>,
}

impl Provenance {
    /// Hashes all sources.
    pub(super) fn describe(&self, mut hashing: Hashing<'_>) -> description::Provenance {
        let mut sources: Vec<description::SourceFile> = Vec::with_capacity(self.sources.len());
        for Source { name, file } in &self.sources {
            let digest = hashing.digest(file.bytes()).into();
            let source = description::SourceFile { name: name.clone(), digest };
            // Programs share files, also as copies.
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        description::Provenance {
            compiler: concat!("m4c ", env!("CARGO_PKG_VERSION")).into(),
            sources,
            flags: self.flags.clone(),
        }
    }
}
