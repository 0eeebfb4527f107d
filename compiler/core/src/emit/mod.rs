//! Plans to one artifact file: weights streamed tensor by tensor, then the description. The same plans give the same bytes.

mod constants;
mod elements;
mod expressions;
mod pace;
mod program;
mod provenance;
mod states;

pub use provenance::{Provenance, Source};

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::file::AtomicFile;
use crate::plan::Plan;
use constants::Constants;
use m4c_format::Writer;
use m4c_target::Target;
use pace::Pace;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Writes the artifact of several programs and gives its length. Nothing is left behind on failure. `observer` is told how
/// many of all weight bytes are written.
///
/// # Errors
/// Why the file cannot be written, or a constant cannot be computed.
pub fn emit(
    plans: &[Plan],
    provenance: &Provenance,
    target: &dyn Target,
    output: &Path,
    observer: &mut dyn FnMut(u64, u64),
) -> Result<u64, Diagnostics> {
    let mut file = AtomicFile::create(output)?;
    let written = write(plans, provenance, target, &mut file, observer);
    let length = written.map_err(|failure| match failure {
        Failure::Io(error) => file.failure(&error),
        Failure::Diagnostic(diagnostic) => *diagnostic,
    })?;
    file.commit()?;
    Ok(length)
}

/// The artifact of several programs in memory.
///
/// # Errors
/// Why a constant cannot be computed.
pub fn to_bytes(plans: &[Plan], provenance: &Provenance, target: &dyn Target) -> Result<Vec<u8>, Diagnostics> {
    let mut bytes = io::Cursor::new(Vec::new());
    match write(plans, provenance, target, &mut bytes, &mut |_, _| {}) {
        Ok(_) => Ok(bytes.into_inner()),
        Err(Failure::Diagnostic(diagnostic)) => Err((*diagnostic).into()),
        Err(Failure::Io(error)) => Err(Diagnostic::bug(codes::INTERNAL, error.to_string()).into()),
    }
}

/// Why an artifact cannot be written.
pub(crate) enum Failure {
    /// The file is to blame.
    Io(io::Error),
    /// The plan or the target is.
    Diagnostic(Box<Diagnostic>),
}

impl Failure {
    /// An invariant is broken.
    fn bug(message: impl Into<String>) -> Failure {
        Failure::Diagnostic(Box::new(Diagnostic::bug(codes::INTERNAL, message)))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            // The file system never says so; the writer and the target do, of what they are given.
            io::ErrorKind::InvalidInput => Failure::bug(error.to_string()),
            _ => Failure::Io(error),
        }
    }
}

/// Writes the artifact of several programs to the beginning of an empty file and gives its length.
pub(crate) fn write<W: Write + Seek>(
    plans: &[Plan],
    provenance: &Provenance,
    target: &dyn Target,
    file: W,
    observer: &mut dyn FnMut(u64, u64),
) -> Result<u64, Failure> {
    let pace = Pace::default();
    let (packing, hashing) = pace.sides();
    // What is moved into the scope ends with it, also on failure: then hashing need not wait for what is not packed.
    std::thread::scope(move |scope| {
        let provenance = scope.spawn(|| provenance.describe(hashing));
        let mut observer = |done, total| {
            packing.reached(done);
            observer(done, total);
        };
        let mut writer = Writer::new(file);
        let mut constants = Constants::new(plans, target, &mut observer);
        let mut programs = Vec::with_capacity(plans.len());
        let shared = states::shared(plans);
        writer.set_states(shared.iter().map(|state| states::describe(state)).collect());
        for plan in plans {
            let ids = constants.write(plan, &mut writer)?;
            programs.push(program::describe(plan, &ids, &shared)?);
        }
        drop(packing);
        let provenance = provenance.join().map_err(|_| Failure::bug("the sources could not be hashed"))?;
        let mut file = writer.finish(programs, provenance)?;
        Ok(file.seek(SeekFrom::End(0))?)
    })
}
