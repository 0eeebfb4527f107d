//! Files that are not models, or not any more, are refused with a reason and never with a panic.

use super::*;
use crate::diagnostic::{Code, codes};
use crate::onnx::message::{AttributeProto, attribute_proto::AttributeType};

fn refused(bytes: &[u8]) -> Diagnostic {
    ModelFile::from_bytes("test.onnx", bytes.to_vec().into()).unwrap_err()
}

fn check(bytes: &[u8], code: Code, words: &str) {
    let error = refused(bytes);
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(words), "{error}");
    assert!(error.help.is_some());
}

#[test]
fn a_model_that_is_cut_off_anywhere_is_refused() {
    let whole = model_of(small_graph()).encode_to_vec();
    ModelFile::from_bytes("test.onnx", whole.clone().into()).unwrap();
    for len in 0..whole.len() {
        let error = refused(&whole[..len]);
        let expected = [codes::NOT_ONNX, codes::FILE_TRUNCATED, codes::UNSUPPORTED_OPSET];
        assert!(expected.contains(&error.code), "{len} bytes: {error}");
    }
}

#[test]
fn a_truncated_graph_says_how_much_is_missing() {
    let whole = model_of(small_graph()).encode_to_vec();
    // The graph begins after two bytes of IR version and is followed by four of the operator set.
    check(&whole[..whole.len() - 14], codes::FILE_TRUNCATED, "at byte 2 needs 10 bytes more");
}

#[test]
fn no_changed_byte_causes_a_panic() {
    let whole = model_of(small_graph()).encode_to_vec();
    for index in 0..whole.len() {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff, whole[index] ^ 1, whole[index].wrapping_add(8)] {
            let mut changed = whole.clone();
            changed[index] = value;
            if let Ok(file) = ModelFile::from_bytes("test.onnx", changed.into()) {
                touch_all(&file);
            }
        }
    }
}

#[test]
fn other_formats_are_named() {
    check(b"", codes::NOT_ONNX, "empty");
    check(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        codes::LFS_POINTER,
        "Git LFS pointer of 63 bytes",
    );
    check(b"PK\x03\x04rest", codes::NOT_ONNX, "zip archive");
    check(b"GGUF\x03\x00\x00\x00", codes::NOT_ONNX, "GGUF");
    check(b"\x1c\x00\x00\x00TFL3", codes::NOT_ONNX, "TFLite");
    check(b"<!DOCTYPE html>", codes::NOT_ONNX, "web page");
    check(b"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}", codes::NOT_ONNX, "safetensors");
    check(&[0; 100], codes::NOT_ONNX, "first bytes");
    check(&[0xff; 100], codes::NOT_ONNX, "first bytes");
}

#[test]
fn a_missing_file_and_a_folder_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let missing = ModelFile::open(folder.path().join("no.onnx")).unwrap_err();
    assert_eq!(missing.code, codes::FILE_MISSING);
    let is_folder = ModelFile::open(folder.path()).unwrap_err();
    assert_eq!(is_folder.code, codes::FILE_UNREADABLE);
    assert!(is_folder.message.contains("is a folder"), "{is_folder}");
    let empty = folder.path().join("empty.onnx");
    std::fs::write(&empty, b"").unwrap();
    assert_eq!(ModelFile::open(empty).unwrap_err().code, codes::NOT_ONNX);
}

#[test]
fn versions_are_checked() {
    let with = |change: fn(&mut ModelProto)| {
        let mut model = model_of(small_graph());
        change(&mut model);
        model.encode_to_vec()
    };
    check(&with(|model| model.ir_version = None), codes::UNSUPPORTED_IR_VERSION, "does not say");
    check(&with(|model| model.ir_version = Some(2)), codes::UNSUPPORTED_IR_VERSION, "IR version 2 ");
    check(&with(|model| model.ir_version = Some(15)), codes::UNSUPPORTED_IR_VERSION, "IR version 15 ");
    check(&with(|model| model.opset_import.clear()), codes::UNSUPPORTED_OPSET, "no operator set");
    check(&with(|model| model.opset_import[0].version = None), codes::UNSUPPORTED_OPSET, "version 0");
    let twice = |model: &mut ModelProto| {
        let domain = Some("ai.onnx".to_owned());
        model.opset_import.push(OperatorSetIdProto { domain, version: Some(17) });
    };
    check(&with(twice), codes::UNSUPPORTED_OPSET, "as 20 and as 17");
    check(&with(|model| model.graph = None), codes::NOT_ONNX, "no graph");
}

#[test]
fn graphs_that_nest_too_deeply_are_refused() {
    let mut graph = small_graph();
    for _ in 0..60 {
        let branch = AttributeProto {
            name: Some("then_branch".into()),
            r#type: Some(AttributeType::Graph as i32),
            g: Some(graph),
            ..Default::default()
        };
        let node = NodeProto { attribute: vec![branch], ..NodeProto::new("If", ["c"], ["y"]) };
        graph = GraphProto { node: vec![node], ..Default::default() };
    }
    check(&model_of(graph).encode_to_vec(), codes::NESTED_TOO_DEEP, "too deeply");
}

#[test]
fn damage_inside_of_whole_fields_is_told_from_truncation() {
    let mut bytes = model_of(small_graph()).encode_to_vec();
    let at = bytes.windows(5).position(|five| five == b"small").unwrap();
    bytes[at] = 0xff;
    check(&bytes, codes::FILE_MALFORMED, "damaged");
}
