//! Opening files of arrays.

use super::header::NpyHeader;
use super::safetensors::Tensors;
use super::{Array, is_safetensors};
use m4c_compiler::diagnostic::{Diagnostic, codes};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// An array from a file.
#[derive(Debug)]
pub struct Stored {
    pub(crate) array: Array,
    /// NumPy's name of the type that the file has, where the array has another.
    pub(crate) converted_from: Option<&'static str>,
}

/// An opened file of arrays by name: `.safetensors`, or else an archive as NumPy has them, `.npz`.
#[derive(Debug)]
pub struct ArrayFile {
    path: PathBuf,
    arrays: Arrays,
    /// Names of the arrays, sorted.
    names: Vec<String>,
}

#[derive(Debug)]
enum Arrays {
    Archive(ZipArchive<BufReader<File>>),
    Tensors(Tensors),
}

impl ArrayFile {
    /// Opens a file; arrays are read one by one.
    ///
    /// # Errors
    /// Where it is of neither format.
    pub fn open(path: &Path) -> Result<ArrayFile, Diagnostic> {
        let (file, size) = open(path)?;
        if is_safetensors(path) {
            let tensors = Tensors::open(file, size).map_err(|what| unreadable(path, &what))?;
            let names = tensors.names();
            return Ok(ArrayFile { path: path.to_owned(), arrays: Arrays::Tensors(tensors), names });
        }
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            unreadable(path, &format!("it is no archive of arrays: {error}"))
                .help("numpy.savez(PATH, name=array) writes one; for a single .npy file use --input NAME=PATH")
        })?;
        let mut names: Vec<String> =
            archive.file_names().filter_map(|name| name.strip_suffix(".npy")).map(Into::into).collect();
        names.sort_unstable();
        Ok(ArrayFile { path: path.to_owned(), arrays: Arrays::Archive(archive), names })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the arrays, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads one of the arrays.
    ///
    /// # Errors
    /// Where it is damaged, or not of a type that m4c has.
    pub fn read(&mut self, name: &str) -> Result<Stored, Diagnostic> {
        let fault = |what: &str| unreadable(&self.path, &format!("array `{name}`: {what}"));
        let archive = match &mut self.arrays {
            Arrays::Tensors(tensors) => {
                let (element, array) = tensors.read(name).map_err(|what| fault(&what))?;
                return Ok(Stored { array, converted_from: element.converted_from() });
            }
            Arrays::Archive(archive) => archive,
        };
        let mut entry = match archive.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(error) => return Err(fault(&error.to_string())),
        };
        let size = entry.size();
        read_from(&mut entry, size, fault)
    }
}

/// Reads a .npy file.
pub(crate) fn read_npy(path: &Path) -> Result<Stored, Diagnostic> {
    let (file, size) = open(path)?;
    let fault = |what: &str| unreadable(path, what);
    read_from(&mut BufReader::new(file), size, fault)
}

fn read_from(from: &mut impl Read, size: u64, fault: impl Fn(&str) -> Diagnostic) -> Result<Stored, Diagnostic> {
    let header = NpyHeader::read(from).map_err(|what| fault(&what))?;
    let converted_from = header.element.converted_from();
    let array = header.read_array(from, size).map_err(|what| fault(&what))?;
    Ok(Stored { array, converted_from })
}

fn open(path: &Path) -> Result<(File, u64), Diagnostic> {
    let found = File::open(path).and_then(|file| {
        let metadata = file.metadata()?;
        Ok((file, metadata))
    });
    match found {
        Ok((file, metadata)) if metadata.is_file() => Ok((file, metadata.len())),
        Ok(_) => Err(unreadable(path, "it is not a regular file")),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(unreadable(path, "there is no such file")),
        Err(error) => Err(unreadable(path, &error.to_string())),
    }
}

fn unreadable(path: &Path, what: &str) -> Diagnostic {
    let message = format!("cannot read `{}`: {what}", path.display());
    Diagnostic::error(codes::ARRAYS_UNREADABLE, message).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aligned::Aligned;
    use crate::array::write_arrays;
    use m4c_ops::DType;

    #[test]
    fn archives_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let one = Array { dtype: DType::I16, shape: vec![2], bytes: Aligned::copy_of(&[1, 0, 2, 0]) };
        let none = Array { dtype: DType::F32, shape: vec![0, 3], bytes: Aligned::zeroed(0) };
        let arrays = [("out:b/1".to_owned(), &one), ("a".to_owned(), &none)];
        write_arrays(&path, &arrays).unwrap();
        let first = std::fs::read(&path).unwrap();
        let mut file = ArrayFile::open(&path).unwrap();
        assert_eq!(file.names(), ["a", "out:b/1"]);
        assert_eq!(file.read("out:b/1").unwrap().array.bytes.bytes(), [1, 0, 2, 0]);
        assert_eq!(file.read("a").unwrap().array.describe(), "f32[0, 3]");
        assert!(file.read("c").is_err());
        write_arrays(&path, &arrays).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        assert!(ArrayFile::open(&path).unwrap_err().message.contains("no such file"));
        assert!(ArrayFile::open(folder.path()).unwrap_err().message.contains("regular"));
        std::fs::write(&path, "no archive").unwrap();
        assert_eq!(ArrayFile::open(&path).unwrap_err().code, codes::ARRAYS_UNREADABLE);
    }

    #[test]
    fn an_archive_that_promises_more_than_it_holds_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let array = Array { dtype: DType::U8, shape: vec![300], bytes: Aligned::zeroed(300) };
        write_arrays(&path, &[("a".to_owned(), &array)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        // Every cut and every changed byte gives an error or an array, never a panic.
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            for bytes in [&changed[..], &whole[..at]] {
                std::fs::write(&path, bytes).unwrap();
                if let Ok(mut file) = ArrayFile::open(&path) {
                    let _ = file.read("a");
                }
            }
        }
    }
}
