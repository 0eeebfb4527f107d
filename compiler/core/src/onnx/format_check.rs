//! Why a file is not a readable ONNX model: a look at its outermost bytes only.

use super::message::ModelProto;
use crate::diagnostic::{Diagnostic, codes};
use prost::bytes::Bytes;
use prost::{DecodeError, Message as _};
use std::path::Path;

const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// What the outermost fields of a message look like.
#[derive(Debug, PartialEq, Eq)]
enum Outline {
    /// Not the fields of an ONNX model.
    Foreign,
    /// A field at `offset` needs more bytes than there are.
    Truncated { offset: usize, needs: u64, has: u64 },
    /// All fields end where the file ends.
    Complete,
}

/// Decodes a model; the error says which kind of file it is instead.
pub(super) fn decode(path: &Path, bytes: Bytes) -> Result<ModelProto, Diagnostic> {
    refuse_lfs_pointer(path, &bytes)?;
    if bytes.is_empty() {
        return Err(not_onnx(path, "it is empty"));
    }
    let whole = bytes.clone();
    let model = ModelProto::decode(bytes).map_err(|error| explain(path, &whole, &error))?;
    if model.graph.is_none() {
        return Err(match outline(&whole) {
            Outline::Foreign => foreign(path, &whole),
            _ => not_onnx(path, "it has no graph"),
        });
    }
    Ok(model)
}

/// Such a pointer stands in for models and for their data files alike.
pub(super) fn refuse_lfs_pointer(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    if !bytes.starts_with(LFS_POINTER) {
        return Ok(());
    }
    let message = format!("`{}` is a Git LFS pointer of {} bytes, not the data itself", path.display(), bytes.len());
    Err(Diagnostic::error(codes::LFS_POINTER, message)
        .at(path)
        .help("run `git lfs pull` in that repository, or download the file itself"))
}

fn explain(path: &Path, bytes: &[u8], error: &DecodeError) -> Diagnostic {
    let shown = path.display();
    match outline(bytes) {
        Outline::Foreign => foreign(path, bytes),
        Outline::Truncated { offset, needs, has } => {
            let message =
                format!("`{shown}` ends early: its part at byte {offset} needs {needs} bytes more, {has} follow");
            Diagnostic::error(codes::FILE_TRUNCATED, message)
                .at(path)
                .help("fetch or export the file again; an interrupted copy looks like this")
        }
        // The decoder gives no kind of error, only this text.
        Outline::Complete if error.to_string().contains("recursion limit") => {
            Diagnostic::error(codes::NESTED_TOO_DEEP, format!("`{shown}` nests graphs too deeply"))
                .at(path)
                .help("export the model without nested control flow")
        }
        Outline::Complete => Diagnostic::error(codes::FILE_MALFORMED, format!("`{shown}` is damaged: {error}"))
            .at(path)
            .help("fetch or export the file again"),
    }
}

fn foreign(path: &Path, bytes: &[u8]) -> Diagnostic {
    let begins_at = |offset: usize, mark: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(mark));
    let known = [
        (0, b"PK\x03\x04".as_slice(), "it is a zip archive, perhaps a PyTorch checkpoint"),
        (8, b"{\"".as_slice(), "it looks like a safetensors file"),
        (0, b"GGUF".as_slice(), "it is a GGUF file"),
        (4, b"TFL3".as_slice(), "it is a TFLite model"),
        (4, b"ORTM".as_slice(), "it is a model in ONNX Runtime's own format"),
        (0, b"\x89HDF".as_slice(), "it is an HDF5 file, perhaps a Keras model"),
        (0, b"\x80\x02".as_slice(), "it is a Python pickle, perhaps a PyTorch checkpoint"),
        (0, b"<".as_slice(), "it is a web page or another markup file"),
    ];
    let reason = known.iter().find(|(offset, mark, _)| begins_at(*offset, mark));
    not_onnx(path, reason.map_or("its first bytes are not those of a model", |(_, _, reason)| reason))
}

fn not_onnx(path: &Path, reason: &str) -> Diagnostic {
    let message = format!("`{}` is not an ONNX model: {reason}", path.display());
    Diagnostic::error(codes::NOT_ONNX, message).at(path).help("give the .onnx file of an exported model")
}

/// Walks the outermost fields without looking into them.
fn outline(bytes: &[u8]) -> Outline {
    let mut at = 0;
    while at < bytes.len() {
        let begin = at;
        let Ok(tag) = read_varint(bytes, &mut at) else {
            return at_end(bytes, begin);
        };
        let (field, wire_type) = (tag >> 3, tag & 7);
        // A later edition of the schema may add fields, but none begins with one.
        let belongs = expected_wire_type(field).map_or(begin > 0 && field > 0, |kind| kind == wire_type);
        if !belongs {
            return Outline::Foreign;
        }
        let size = match wire_type {
            0 => read_varint(bytes, &mut at).map(|_| 0),
            1 => Ok(8),
            2 => read_varint(bytes, &mut at),
            5 => Ok(4),
            _ => return Outline::Foreign,
        };
        let Ok(needs) = size else {
            return at_end(bytes, begin);
        };
        let has = (bytes.len() - at) as u64;
        if needs > has {
            return Outline::Truncated { offset: begin, needs: needs - has, has };
        }
        // Fits, since it is at most the length of the rest.
        at += needs as usize;
    }
    Outline::Complete
}

/// A number that does not end: at the end of the file it was cut off, elsewhere it never was one.
fn at_end(bytes: &[u8], begin: usize) -> Outline {
    let has = bytes.len() - begin;
    if has <= 2 * MAX_VARINT_BYTES {
        Outline::Truncated { offset: begin, needs: 1, has: has as u64 }
    } else {
        Outline::Foreign
    }
}

const MAX_VARINT_BYTES: usize = 10;

pub(super) fn read_varint(bytes: &[u8], at: &mut usize) -> Result<u64, ()> {
    let mut value = 0_u64;
    for index in 0..MAX_VARINT_BYTES {
        let byte = *bytes.get(*at).ok_or(())?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << (7 * index as u32).min(63);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(())
}

/// How the fields of `ModelProto` are stored: numbers as 0, texts and messages as 2.
fn expected_wire_type(field: u64) -> Option<u64> {
    match field {
        1 | 5 => Some(0),
        2 | 3 | 4 | 6 | 7 | 8 | 14 | 20 | 25 | 26 => Some(2),
        _ => None,
    }
}
