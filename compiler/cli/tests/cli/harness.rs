//! Runs the binary on the small image encoder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Finished {
    /// Fails the test unless the process ended well.
    pub(crate) fn ok(self) -> Finished {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Fails the test unless the process ended with this exit code and said all of these words.
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Finished {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in:\n{}", self.err);
        }
        self
    }

    /// The standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}", self.out))
    }
}

/// Runs the binary.
pub(crate) fn m4c(arguments: &[&str]) -> Finished {
    let output = Command::new(env!("CARGO_BIN_EXE_m4c")).args(arguments).output().expect("the binary starts");
    Finished {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// A file of the model's folder.
pub(crate) fn model(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/img_enc").join(name);
    path.to_str().expect("text").to_owned()
}

/// A folder for one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("text").to_owned()
    }

    /// Names of all files in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }
}

/// The encoder, compiled once for all tests.
pub(crate) fn artifact() -> &'static str {
    static ARTIFACT: LazyLock<(TempDir, String)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path: PathBuf = folder.path().join("img_enc.m4fw");
        let path = path.to_str().expect("text").to_owned();
        m4c(&["compile", &model("dyn-op20.onnx"), "-o", &path]).ok();
        (folder, path)
    });
    &ARTIFACT.1
}

/// Writes a .npy file with zeros.
pub(crate) fn zeros(path: &str, descriptor: &str, shape: &str, bytes: usize) {
    let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.resize(file.len() + bytes, 0);
    std::fs::write(path, file).expect("written");
}
