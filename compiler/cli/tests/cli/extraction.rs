//! `--extract`.

use crate::harness::{Folder, m4c, model};

#[test]
fn the_report_of_extraction_has_costs() {
    let folder = Folder::new();
    let compiled = m4c(&["compile", &model("dyn-op20.onnx"), "-o", &folder.path("a.m4fw"), "--json"]).ok().json();
    let report = &compiled["programs"][0]["extraction"];
    assert!(report["cost"].as_f64().expect("a number") > 0.0 && report["cost"] == report["greedy_cost"], "{report}");
    assert!(report["bound"].is_null() && report["proved"] == false, "{report}");
}

#[cfg(not(feature = "optimal-extraction"))]
#[test]
fn optimal_extraction_that_was_not_built_is_said_to_be() {
    let folder = Folder::new();
    let path = folder.path("a.m4fw");
    let compile = ["compile", &model("dyn-op20.onnx"), "-o", &path, "--extract=optimal"];
    m4c(&compile).fails(1, &["error[M4C0821]", "--features optimal-extraction"]);
    let verify = ["verify", &model("dyn-op20.onnx"), "--inputs", &model("inputs.npz"), "--extract=optimal"];
    m4c(&verify).fails(1, &["error[M4C0821]"]);
    assert!(folder.names().is_empty());
}

#[cfg(feature = "optimal-extraction")]
#[test]
fn optimal_extraction_is_proved_and_verified() {
    let folder = Folder::new();
    let compile = |name: &str, more: &[&str]| {
        let path = folder.path(name);
        m4c(&[&["compile", &model("ts-op17.onnx"), "-o", &path, "--extract=optimal"], more].concat()).ok()
    };
    assert!(compile("a.m4fw", &[]).out.contains("than the greedy choice, and none less: proved"));
    let json = compile("b.m4fw", &["--json"]).json();
    let report = &json["programs"][0]["extraction"];
    assert!(report["proved"] == true && report["bound"] == report["cost"], "{report}");
    let read = |name: &str| std::fs::read(folder.path(name)).expect("written");
    assert!(read("a.m4fw") == read("b.m4fw"), "two compilations differ");
    m4c(&["verify", &model("ts-op17.onnx"), "--inputs", &model("inputs.npz"), "--extract=optimal", "--each-phase"])
        .ok();
}
