//! Archives of named arrays.

use super::{Array, header, unwritable};
use m4c_compiler::diagnostic::Diagnostic;
use m4c_compiler::file;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

/// Writes an archive that NumPy reads; the same arrays give the same bytes.
pub(crate) fn write_npz(path: &Path, arrays: &[(String, &Array)]) -> Result<(), Diagnostic> {
    for (name, array) in arrays {
        if header::write(array.dtype, &array.shape).is_none() {
            let dtype = array.dtype;
            return Err(unwritable(path, &format!("NumPy has no type for `{name}`, which is {dtype}")));
        }
    }
    let bytes = archive(arrays).map_err(|error| unwritable(path, &error.to_string()))?;
    file::write(path, &bytes)
}

fn archive(arrays: &[(String, &Array)]) -> Result<Vec<u8>, ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        let bytes = array.bytes.bytes();
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .large_file(bytes.len() as u64 >= u64::from(u32::MAX) / 2);
        archive.start_file(format!("{name}.npy"), options)?;
        archive.write_all(&header::write(array.dtype, &array.shape).unwrap_or_default())?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}
