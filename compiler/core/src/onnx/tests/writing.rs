//! What is written can be read again, in one file or in two.

use super::*;
use crate::diagnostic::{Severity, codes};
use crate::onnx::{OnnxWriter, TensorData, TensorRef};
use std::path::Path;

fn tensor(dtype: ElementType, dims: &[u64], bytes: Vec<u8>) -> TensorRef {
    TensorRef { dtype, dims: dims.to_vec(), data: TensorData::Owned(bytes.into()) }
}

/// y = (x + big) + small, where `big` is stored and `made` is made while it is written.
fn writer<'w>() -> OnnxWriter<'w> {
    let dims = [Dim::Named("n".into()), Dim::Known(512)];
    let mut writer = OnnxWriter::new("sum");
    writer
        .doc("a sum")
        .input("x", ElementType::Float, &dims)
        .output("y", ElementType::Float, &dims)
        .value("t", ElementType::Float, &dims)
        .initializer("big", tensor(ElementType::Float, &[512], bytes_of(&[1.5; 512])))
        .initializer("small", tensor(ElementType::Float, &[], bytes_of(&[0.25])))
        .made_initializer("made::1", ElementType::Float, &[512], |out| {
            (0..512).try_for_each(|index| out.write_all(&(index as f32).to_le_bytes()))
        })
        .node(NodeProto::new("Add", ["x", "big"], ["t"]))
        .node(NodeProto::new("Add", ["t", "small"], ["u"]))
        .node(NodeProto::new("Add", ["u", "made::1"], ["y"]).named("last"));
    writer
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn check_content(path: &Path) {
    let file = ModelFile::open(path).unwrap();
    let mut diagnostics = Diagnostics::new();
    let graph = file.graph(&mut diagnostics);
    let tensors = graph.initializers(&mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    assert_eq!(tensors.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["big", "small", "made::1"]);
    assert_eq!(tensors[0].1.bytes(), bytes_of(&[1.5; 512]));
    assert_eq!(tensors[1].1.bytes(), bytes_of(&[0.25]));
    assert_eq!(tensors[2].1.bytes(), bytes_of(&(0..512).map(|index| index as f32).collect::<Vec<_>>()));
    assert!(tensors.iter().all(|(_, tensor)| matches!(tensor.data, TensorData::Slice(_))));
    assert_eq!(file.opset(""), Some(20));
    assert_eq!(file.proto().producer_name(), "m4c");
    assert_eq!(graph.nodes().map(|node| node.op_type().to_owned()).collect::<Vec<_>>(), ["Add"; 3]);
    let dims = Some(vec![Dim::Named("n".into()), Dim::Known(512)]);
    for value in ["x", "t", "y"] {
        assert_eq!(graph.value_type(value).unwrap().dims, dims);
    }
}

#[test]
fn a_small_model_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sum.onnx");
    writer().save(&path).unwrap();
    assert_eq!(names_in(folder.path()), ["sum.onnx"]);
    check_content(&path);
}

#[test]
fn a_large_model_is_two_files_with_aligned_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sum.onnx");
    let mut large = writer();
    large.inline_limit(4096);
    large.save(&path).unwrap();
    assert_eq!(names_in(folder.path()), ["sum.onnx", "sum.onnx.data"]);
    assert_eq!(std::fs::metadata(folder.path().join("sum.onnx.data")).unwrap().len(), 4096);
    check_content(&path);
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.onnx", "b.onnx"].map(|name| folder.path().join(name));
    for path in &paths {
        writer().save(path).unwrap();
    }
    assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
}

#[test]
fn a_model_can_be_written_over_the_one_it_was_read_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    std::fs::write(&path, model_of(small_graph()).encode_to_vec()).unwrap();
    let file = ModelFile::open(&path).unwrap();
    let weight = file.tensor(&file.graph_proto().initializer[0]).unwrap();
    for limit in [0, 1_000_000] {
        let mut writer = OnnxWriter::new("copy");
        writer.inline_limit(limit).initializer("w", weight.clone());
        writer.save(&path).unwrap();
        let copy = ModelFile::open(&path).unwrap();
        assert_eq!(copy.tensor(&copy.graph_proto().initializer[0]).unwrap().bytes(), weight.bytes());
    }
}

#[test]
fn a_weight_of_the_wrong_length_is_a_bug_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for limit in [0, 1_000_000] {
        let mut writer = OnnxWriter::new("bad");
        writer.inline_limit(limit).made_initializer("w", ElementType::Float, &[512], |out| out.write_all(&[0; 2044]));
        let bug = writer.save(&folder.path().join("bad.onnx")).unwrap_err();
        assert_eq!((bug.code, bug.severity), (codes::INTERNAL, Severity::Bug));
        assert!(bug.message.contains("2044 bytes were made, its shape needs 2048"), "{bug}");
        assert_eq!(names_in(folder.path()), Vec::<String>::new());
    }
}

#[test]
fn a_failed_write_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let error = writer().save(&folder.path().join("no/sum.onnx")).unwrap_err();
    assert_eq!(error.code, codes::OUTPUT_NOT_WRITABLE);
    let mut failing = OnnxWriter::new("full");
    failing
        .inline_limit(0)
        .made_initializer("w", ElementType::Float, &[512], |_| Err(std::io::ErrorKind::StorageFull.into()));
    assert_eq!(failing.save(&folder.path().join("full.onnx")).unwrap_err().code, codes::DISK_FULL);
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
}
