//! Weights in files beside the model: found, confined to the model's folder, and mapped once each.

use super::format_check::refuse_lfs_pointer;
use super::message::StringStringEntryProto;
use super::{Slice, Source};
use crate::diagnostic::{Diagnostic, codes};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The data files of one model.
#[derive(Debug)]
pub(super) struct ExternalFiles {
    model: PathBuf,
    folder: PathBuf,
    opened: Mutex<Opened>,
}

/// Two ways to the same map: spelled as in the model, which is quick, and by the real path.
#[derive(Debug, Default)]
struct Opened {
    by_location: HashMap<String, Arc<Source>>,
    by_path: HashMap<PathBuf, Arc<Source>>,
}

/// What `external_data` says of one tensor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'m> {
    pub(super) location: &'m str,
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

impl ExternalFiles {
    /// Files beside `model`; none is opened yet.
    pub(super) fn beside(model: &Path) -> Self {
        let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty());
        ExternalFiles {
            model: model.to_owned(),
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            opened: Mutex::default(),
        }
    }

    /// The bytes of a tensor that needs `needed` of them.
    pub(super) fn slice(
        &self,
        tensor: &str,
        entries: &[StringStringEntryProto],
        needed: u64,
    ) -> Result<Slice, Diagnostic> {
        let place = Place::parse(tensor, entries).map_err(|error| error.at(&*self.model))?;
        if let Some(length) = place.length.filter(|length| *length != needed) {
            let message =
                format!("tensor `{tensor}` has {length} bytes in `{}`, its shape needs {needed}", place.location);
            return Err(Diagnostic::error(codes::TENSOR_LENGTH, message)
                .at(&*self.model)
                .help("export the model again"));
        }
        let source = self.open(tensor, place.location)?;
        source.slice(place.offset, needed).ok_or_else(|| {
            let message = format!(
                "tensor `{tensor}` is at byte {} of `{}` with {needed} bytes, the file has {}",
                place.offset,
                place.location,
                source.bytes().len()
            );
            Diagnostic::error(codes::EXTERNAL_DATA_RANGE, message)
                .at(source.path())
                .help("the file is cut short or of another export: fetch or export both again")
        })
    }

    /// Where the files are that were opened, spelled as in the model and in order.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let mut paths: Vec<PathBuf> = opened.by_location.keys().map(|location| self.folder.join(location)).collect();
        paths.sort();
        paths
    }

    fn open(&self, tensor: &str, location: &str) -> Result<Arc<Source>, Diagnostic> {
        // A panic elsewhere cannot leave the maps half changed: each insertion is one step.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = opened.by_location.get(location) {
            return Ok(Arc::clone(source));
        }
        let path = self.real_path(tensor, location)?;
        let source = match opened.by_path.get(&path) {
            Some(source) => Arc::clone(source),
            None => {
                let source = Source::map(&path)?;
                refuse_lfs_pointer(&path, source.bytes())?;
                opened.by_path.insert(path, Arc::clone(&source));
                source
            }
        };
        opened.by_location.insert(location.to_owned(), Arc::clone(&source));
        Ok(source)
    }

    /// The file behind a location, with all links followed, inside the folder.
    fn real_path(&self, tensor: &str, location: &str) -> Result<PathBuf, Diagnostic> {
        if !stays_inside(Path::new(location)) {
            return Err(self.outside(tensor, location, "the location leads out of it"));
        }
        let path = self.folder.join(location);
        let real = path.canonicalize().map_err(|error| self.unreachable(tensor, &path, &error))?;
        // A download cache links both the model and its data to files in one store.
        let own_folder = self.folder.canonicalize().ok();
        let store = self.model.canonicalize().ok().and_then(|model| Some(model.parent()?.to_owned()));
        if [own_folder, store].iter().flatten().any(|folder| real.starts_with(folder)) {
            Ok(real)
        } else {
            Err(self.outside(tensor, location, "a symbolic link leads out of it"))
        }
    }

    fn outside(&self, tensor: &str, location: &str, reason: &str) -> Diagnostic {
        let message =
            format!("tensor `{tensor}` wants data from `{location}`, which is not in the model's folder: {reason}");
        Diagnostic::error(codes::EXTERNAL_DATA_OUTSIDE, message)
            .at(&*self.model)
            .help("move the data file into the model's folder and correct the location")
    }

    fn unreachable(&self, tensor: &str, path: &Path, error: &std::io::Error) -> Diagnostic {
        let shown = path.display();
        let message = if error.kind() == ErrorKind::NotFound {
            format!("tensor `{tensor}` has its data in `{shown}`, which does not exist")
        } else {
            format!("tensor `{tensor}` has its data in `{shown}`, which cannot be reached: {error}")
        };
        Diagnostic::error(codes::EXTERNAL_DATA_MISSING, message)
            .at(&*self.model)
            .help("put the data files beside the .onnx file, under the names that it uses")
    }
}

impl<'m> Place<'m> {
    /// Reads the keys that matter; others, such as a checksum, say nothing about the place.
    fn parse(tensor: &str, entries: &'m [StringStringEntryProto]) -> Result<Self, Diagnostic> {
        let malformed = |what: String| {
            let message = format!("the external data of tensor `{tensor}` is not understood: {what}");
            Diagnostic::error(codes::EXTERNAL_DATA_MALFORMED, message).help("export the model again")
        };
        let value = |key: &str| {
            let mut found = entries.iter().filter(|entry| entry.key() == key);
            match (found.next(), found.next()) {
                (_, Some(_)) => Err(malformed(format!("{key} is given twice"))),
                (first, None) => Ok(first.map(|entry| entry.value())),
            }
        };
        let number = |key: &str| {
            value(key)?.map_or(Ok(None), |text| match text.trim().parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(malformed(format!("{key} is `{text}`, not a number of bytes"))),
            })
        };
        let location = value("location")?.filter(|location| !location.is_empty());
        Ok(Place {
            location: location.ok_or_else(|| malformed("it has no location".into()))?,
            offset: number("offset")?.unwrap_or(0),
            length: number("length")?,
        })
    }
}

/// Whether a relative path never climbs above its start. Links are followed later.
fn stays_inside(path: &Path) -> bool {
    let mut depth = 0_usize;
    for part in path.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    depth > 0
}
