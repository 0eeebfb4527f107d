//! Files of arrays, as given to `m4c run`.

use m4c_cli::array::ArrayFile;
use std::cell::OnceCell;
use std::path::PathBuf;
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Reads every array of a NumPy archive.
pub(super) fn read_npz(bytes: &[u8]) {
    read("arrays.npz", bytes);
}

/// Reads every tensor of a safetensors file.
pub(super) fn read_safetensors(bytes: &[u8]) {
    read("arrays.safetensors", bytes);
}

fn read(name: &str, bytes: &[u8]) {
    let path: PathBuf = FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder"));
        folder.path().join(name)
    });
    std::fs::write(&path, bytes).expect("a file");
    if let Ok(mut file) = ArrayFile::open(&path) {
        for name in file.names().to_vec() {
            let _ = file.read(&name);
        }
    }
}
