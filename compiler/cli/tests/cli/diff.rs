//! `m4c diff`.

use crate::harness::{Folder, artifact, m4c, model};

fn compiled(folder: &Folder, name: &str, file: &str, more: &[&str]) -> String {
    let path = folder.path(name);
    m4c(&[&["compile", &model(file), "-o", &path][..], more].concat()).ok();
    path
}

#[test]
fn equal_artifacts_exit_with_0() {
    let folder = Folder::new();
    let again = compiled(&folder, "again.m4fw", "dyn-op20.onnx", &[]);
    let done = m4c(&["diff", artifact(), &again]).ok();
    assert!(done.out.starts_with("the same "), "{}", done.out);
    let report = m4c(&["diff", artifact(), &again, "--json"]).ok().json();
    assert_eq!(report["same"], true);
    assert_eq!(report["weights"]["only_first"].as_array().map(Vec::len), Some(0));
    assert!(report["weights"]["common"].as_u64().expect("a number") > 10);
}

#[test]
fn sizes_and_memory_differ_but_weights_do_not() {
    let folder = Folder::new();
    let [small, large] = [("small.m4fw", "batch=1..2"), ("large.m4fw", "batch=1..8")]
        .map(|(name, dim)| compiled(&folder, name, "dyn-op20.onnx", &["--dim", dim]));
    let done = m4c(&["diff", &small, &large]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    for words in
        ["--- ", "+++ ", "- size batch = 1..2", "+ size batch = 1..8", "arena ", "- made from --dim batch=1..2"]
    {
        assert!(done.out.contains(words), "no `{words}` in:\n{}", done.out);
    }
    assert!(!done.out.contains("in both"), "{}", done.out);
    let report = m4c(&["diff", &small, &large, "--json"]);
    assert_eq!(report.code, Some(1));
    let program = &report.json()["programs"][0];
    assert_eq!(program["steps"][0], program["steps"][1]);
    assert_eq!(program["interface"]["only_first"][0], "size batch = 1..2");
    let arena = |side: usize| program["arena_bytes"][side].as_u64().expect("bounded");
    assert!(arena(0) < arena(1));
}

#[test]
fn other_weights_and_kernels_are_named() {
    let folder = Folder::new();
    let other = compiled(&folder, "half.m4fw", "dyn-op20-f16.onnx", &["--name", "half"]);
    let done = m4c(&["diff", artifact(), &other]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    for words in
        ["program half, only in the second", "program main, only in the first", "- input vision", "- output embedding"]
    {
        assert!(done.out.contains(words), "no `{words}` in:\n{}", done.out);
    }
    let report = m4c(&["diff", artifact(), &other, "--json"]).json();
    let weights = report["weights"]["only_second"].as_array().expect("a list");
    assert!(weights.iter().any(|weight| weight["tensor"].as_str().is_some_and(|tensor| tensor.starts_with("f16["))));
    assert!(weights.iter().all(|weight| weight["blake3"].as_str().is_some_and(|hash| hash.len() == 64)));

    let quantized = compiled(&folder, "qdq.m4fw", "dyn-op20-qdq.onnx", &[]);
    let done = m4c(&["diff", artifact(), &quantized]);
    assert!(done.out.contains("quantize_u8") && done.out.contains(" steps -> "), "{}", done.out);
}

#[test]
fn what_cannot_be_read_exits_with_2() {
    let folder = Folder::new();
    let broken = folder.path("broken.m4fw");
    std::fs::write(&broken, "no artifact").expect("written");
    m4c(&["diff", artifact(), &broken]).fails(2, &["broken.m4fw"]);
    m4c(&["diff", &folder.path("nowhere.m4fw"), artifact()]).fails(2, &["nowhere.m4fw"]);
}
