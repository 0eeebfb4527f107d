//! `m4c verify`.

use crate::harness::{m4c, model};

#[test]
fn every_phase_agrees_with_the_interpreter() {
    for name in ["ts-op17.onnx", "dyn-op20.onnx"] {
        let report = m4c(&["verify", &model(name), "--inputs", &model("inputs.npz"), "--each-phase", "--json"]);
        let rows = report.ok().json();
        let results: Vec<&str> =
            rows.as_array().expect("a list").iter().filter_map(|row| row["result"].as_str()).collect();
        let phases =
            ["facts", "adapt", "rewrite", "extract", "lower", "plan"].map(|phase| format!("graph after {phase}"));
        assert_eq!(results, [&phases.each_ref().map(String::as_str)[..], &["artifact"]].concat());
    }
}

#[test]
fn random_inputs_will_do() {
    let done = m4c(&["verify", &model("dyn-op20.onnx"), "--random", "3", "--size", "batch=1"]).ok();
    assert!(done.out.contains("artifact") && done.out.contains("ok"), "{}", done.out);
    m4c(&["verify", &model("dyn-op20.onnx"), "--random", "3", "--dim", "batch=1"]).ok();
    m4c(&["verify", &model("dyn-op20.onnx"), "--random", "3"]).fails(1, &["--size batch=1"]);
}

#[cfg(not(feature = "tract"))]
#[test]
fn an_engine_that_was_not_built_is_said_to_be() {
    let verify = ["verify", &model("dyn-op20.onnx"), "--inputs", &model("inputs.npz"), "--against", "tract"];
    m4c(&verify).fails(1, &["error[M4C0821]", "--features tract"]);
}
