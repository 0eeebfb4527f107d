//! Output files appear whole or not at all.

use crate::diagnostic::{Diagnostic, codes};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file in the making, beside its final place. Dropped without [`commit`](AtomicFile::commit), it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

/// An [`AtomicFile`] whose bytes are on the disk and which only lacks its name.
#[derive(Debug)]
pub struct CompleteFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Begins a file that will be at `path`.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, Diagnostic> {
        let path = path.into();
        if path.file_name().is_none() || path.is_dir() {
            return Err(not_writable(&path, "it is a folder"));
        }
        if path.exists() && !path.is_file() {
            return Err(not_writable(&path, "it is not a regular file"));
        }
        let file = new_temporary(folder_of(&path)).map_err(|error| from_io(&path, &error))?;
        Ok(AtomicFile { path, file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Where the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Explains a failed write to this file.
    pub fn failure(&self, error: &io::Error) -> Diagnostic {
        from_io(&self.path, error)
    }

    /// Puts all bytes on the disk. Files that belong together are all completed before one gets its name.
    pub fn complete(self) -> Result<CompleteFile, Diagnostic> {
        let AtomicFile { path, file } = self;
        let done = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| {
            file.as_file().sync_all()?;
            Ok(file)
        });
        match done {
            Ok(file) => Ok(CompleteFile { path, file }),
            Err(error) => Err(from_io(&path, &error)),
        }
    }

    /// Puts all bytes on the disk, then gives the file its name.
    pub fn commit(self) -> Result<(), Diagnostic> {
        self.complete()?.commit()
    }
}

impl CompleteFile {
    /// Gives the file its name, in place of a file that had it before.
    pub fn commit(self) -> Result<(), Diagnostic> {
        self.file.persist(&self.path).map_err(|failure| from_io(&self.path, &failure.error))?;
        // The new name survives a power failure only once the folder is on the disk, too. Not every
        // system can do that, and the file itself is complete, so a failure here is not one of the write.
        let _ = File::open(folder_of(&self.path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

/// Writes a whole file through `fill`.
pub fn write_with(
    path: impl Into<PathBuf>,
    fill: impl FnOnce(&mut AtomicFile) -> io::Result<()>,
) -> Result<(), Diagnostic> {
    let mut file = AtomicFile::create(path)?;
    match fill(&mut file) {
        Ok(()) => file.commit(),
        Err(error) => Err(file.failure(&error)),
    }
}

/// Writes a whole file.
pub fn write(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<(), Diagnostic> {
    write_with(path, |file| file.write_all(bytes))
}

/// A bare file name has the empty path as its parent.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// In the same folder, because a rename cannot cross file systems.
fn new_temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".m4c-").suffix(".part");
    // The library makes private files; an output gets the rights of any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn from_io(path: &Path, error: &io::Error) -> Diagnostic {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Diagnostic::error(codes::DISK_FULL, format!("no room for `{}`: {error}", path.display()))
                .at(path)
                .help("make room, or write to another disk; nothing was left behind")
        }
        ErrorKind::NotFound => {
            let folder = folder_of(path).display().to_string();
            not_writable(path, &format!("the folder `{folder}` does not exist"))
                .help(format!("make the folder: mkdir -p {folder}"))
        }
        _ => not_writable(path, &error.to_string()),
    }
}

fn not_writable(path: &Path, reason: &str) -> Diagnostic {
    let message = format!("cannot write `{}`: {reason}", path.display());
    Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message)
        .at(path)
        .help("choose a path in a folder that you may write to")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.m4fw");
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(names_in(folder.path()), ["out.m4fw"]);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.m4fw");
        write(&path, b"old").unwrap();
        let failure = write_with(&path, |file| {
            file.write_all(&[0; 4096])?;
            Err(io::Error::from(ErrorKind::StorageFull))
        });
        assert_eq!(failure.unwrap_err().code, codes::DISK_FULL);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["out.m4fw"]);
    }

    #[test]
    fn places_that_cannot_hold_a_file_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = write(folder.path().join("no/such/out"), b"").unwrap_err();
        assert_eq!(missing.code, codes::OUTPUT_NOT_WRITABLE);
        assert!(missing.message.contains("does not exist"), "{}", missing.message);
        let is_folder = write(folder.path(), b"").unwrap_err();
        assert!(is_folder.message.contains("it is a folder"), "{}", is_folder.message);
        assert_eq!(names_in(folder.path()), Vec::<String>::new());
    }

    #[cfg(unix)]
    #[test]
    fn an_output_is_readable_like_any_new_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write(&ours, b"").unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_replaced() {
        assert_eq!(write("/dev/null", b"").unwrap_err().code, codes::OUTPUT_NOT_WRITABLE);
    }
}
