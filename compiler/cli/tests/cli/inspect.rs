//! `m4c inspect`.

use crate::harness::{Folder, artifact, m4c};

#[test]
fn an_artifact_says_what_it_is() {
    let shown = m4c(&["inspect", artifact()]).ok().out;
    for word in ["format version", "program main", "f32[batch, 3, 56, 56]", "embedding", "dyn-op20.onnx", "segment 0"] {
        assert!(shown.contains(word), "no `{word}` in:\n{shown}");
    }
}

#[test]
fn memory_is_known_for_bounds() {
    assert!(m4c(&["inspect", artifact()]).ok().out.contains("unbounded: batch"));
    let arena = |bound: &str| {
        let report = m4c(&["inspect", artifact(), "--bound", bound, "--json"]).ok().json();
        report["programs"][0]["memory"]["needs"]["arena"].as_u64().expect("known")
    };
    assert!(arena("batch=1") > 0);
    assert!(arena("batch=8") > arena("batch=1"));
    m4c(&["inspect", artifact(), "--bound", "seq=1"]).fails(1, &["M4C0205", "batch"]);
}

#[test]
fn steps_and_kernels_are_listed() {
    let report = m4c(&["inspect", artifact(), "--ops", "--json"]).ok().json();
    let program = &report["programs"][0];
    let steps = program["steps"].as_u64().expect("a number");
    assert_eq!(program["step_list"].as_array().expect("a list").len() as u64, steps);
    let kernels = program["kernels"].as_array().expect("a list");
    assert_eq!(kernels.iter().map(|kernel| kernel["steps"].as_u64().expect("a number")).sum::<u64>(), steps);
    assert!(m4c(&["inspect", artifact(), "--ops"]).ok().out.contains("matmul"));
}

#[test]
fn damaged_weights_are_found_when_asked_for() {
    let folder = Folder::new();
    let path = folder.path("damaged.m4fw");
    let mut bytes = std::fs::read(artifact()).expect("compiled");
    let report = m4c(&["inspect", artifact(), "--verify", "--json"]).ok().json();
    assert_eq!(report["segments_verified"], true);
    let at = report["segments"][0]["offset"].as_u64().expect("a number") as usize;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    m4c(&["inspect", &path]).ok();
    m4c(&["inspect", &path, "--verify"]).fails(1, &["M4C0901", "segment"]);
}
