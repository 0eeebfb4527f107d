//! Where a diagnostic points: always something that the user can open or find.

use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in the user's input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Location {
    /// A node of an ONNX file. Boxed, so that `Result<_, Diagnostic>` stays small.
    Onnx(Box<NodeRef>),
    /// A value of the graph in m4c's own form.
    Ir {
        /// The value's number in the text form.
        value: u32,
        /// The operator that makes it.
        op: String,
    },
    /// A line of a text file.
    Data {
        /// The file.
        #[serde(serialize_with = "lossy_path")]
        file: PathBuf,
        /// Counted from 1.
        line: u32,
    },
    /// A whole file.
    File {
        /// The file.
        #[serde(serialize_with = "lossy_path")]
        path: PathBuf,
    },
    /// Nowhere in particular, for instance the command line.
    #[default]
    None,
}

/// A node of an ONNX file, in the words of that file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct NodeRef {
    /// The ONNX file.
    #[serde(serialize_with = "lossy_path")]
    pub file: Arc<Path>,
    /// Position in the graph's node list: names may be empty or repeated.
    pub index: u32,
    /// The node's name, perhaps empty.
    pub name: String,
    /// The ONNX operator.
    pub op_type: String,
    /// Dotted path of the module that the exporter traced.
    pub scope: Option<String>,
    /// Line of the traced program, as `file:line`.
    pub source: Option<String>,
}

impl Location {
    /// A whole file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Location::File { path: path.into() }
    }

    /// A line of a text file, counted from 1.
    pub fn line(file: impl Into<PathBuf>, line: u32) -> Self {
        Location::Data { file: file.into(), line }
    }

    /// A value of the graph.
    pub fn value(value: u32, op: impl Into<String>) -> Self {
        Location::Ir { value, op: op.into() }
    }
}

impl From<NodeRef> for Location {
    fn from(node: NodeRef) -> Self {
        Location::Onnx(Box::new(node))
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Location::file(path)
    }
}

/// A path need not be UTF-8, a JSON text must be.
fn lossy_path<S: Serializer>(path: impl AsRef<Path>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&path.as_ref().to_string_lossy())
}
