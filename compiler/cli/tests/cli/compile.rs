//! `m4c compile`.

use crate::harness::{Folder, m4c, model};

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = Folder::new();
    let read = |name: &str| {
        m4c(&["compile", &model("ts-op17.onnx"), "-o", &folder.path(name)]).ok();
        std::fs::read(folder.path(name)).expect("written")
    };
    assert!(read("a.m4fw") == read("b.m4fw"), "two compilations differ");
    assert_eq!(folder.names(), ["a.m4fw", "b.m4fw"]);
}

#[test]
fn the_summary_has_the_numbers() {
    let folder = Folder::new();
    let path = folder.path("a.m4fw");
    let done = m4c(&["compile", &model("dyn-op20.onnx"), "-o", &path, "--timings"]).ok();
    for word in ["main: 112 ONNX nodes, ", " steps", "KiB", "import", "emit"] {
        assert!(done.out.contains(word), "no `{word}` in:\n{}", done.out);
    }
}

#[test]
fn the_report_is_json() {
    let folder = Folder::new();
    let path = folder.path("a.m4fw");
    let report = m4c(&["compile", &model("dyn-op20.onnx"), "-o", &path, "--name", "encoder", "--json"]).ok().json();
    assert_eq!(report["programs"][0]["name"], "encoder");
    assert_eq!(report["programs"][0]["onnx_nodes"], 112);
    assert_eq!(report["artifact_bytes"], std::fs::metadata(&path).expect("written").len());
    assert!(report["phases"].as_array().expect("a list").len() >= 3);
}

#[test]
fn sizes_can_be_fixed_and_unknown_ones_are_refused() {
    let folder = Folder::new();
    let path = folder.path("a.m4fw");
    m4c(&["compile", &model("dyn-op20.onnx"), "-o", &path, "--dim", "batch=2"]).ok();
    let inputs = m4c(&["inspect", &path, "--json"]).ok().json()["programs"][0]["inputs"].clone();
    assert_eq!(inputs[0]["dims"], serde_json::json!(["2", "3", "56", "56"]));
    let wrong = ["compile", &model("dyn-op20.onnx"), "-o", &path, "--dim", "bacth=2"];
    m4c(&wrong).fails(1, &["M4C0205", "bacth", "batch"]);
}

#[test]
fn a_phase_can_be_stopped_after_and_dumped() {
    let folder = Folder::new();
    let stopped = m4c(&["compile", &model("dyn-op20.onnx"), "--stop-after", "import", "--dump", "import"]).ok();
    assert!(stopped.out.starts_with("graph \"main\" {"), "{}", stopped.out);
    assert!(stopped.err.contains("nothing was written"));
    let dumps = folder.path("dumps");
    let all = ["--dump", "import", "--dump", "facts", "--dump", "lower", "--dump-dir", &dumps, "-o", &folder.path("a")];
    m4c(&[&["compile", &model("dyn-op20.onnx")][..], &all].concat()).ok();
    for phase in ["import", "facts", "lower"] {
        let text = std::fs::read_to_string(format!("{dumps}/main.{phase}.m4c")).expect("dumped");
        assert!(text.starts_with("graph \"main\" {"), "{phase}");
    }
}

#[test]
fn a_graph_can_be_written_as_onnx_and_compiled_again() {
    let folder = Folder::new();
    let (onnx, again) = (folder.path("lowered.onnx"), folder.path("again.m4fw"));
    m4c(&["compile", &model("ts-op17.onnx"), "-o", &onnx, "--emit", "onnx"]).ok();
    m4c(&["compile", &onnx, "-o", &again]).ok();
    let (inputs, expected) = (model("inputs.npz"), model("expected.npz"));
    m4c(&["run", &again, "--inputs", &inputs, "--compare", &expected]).ok();
}

#[test]
fn a_manifest_joins_programs() {
    let folder = Folder::new();
    std::fs::copy(model("dyn-op20.onnx"), folder.path("encoder.onnx")).expect("copied");
    let manifest = folder.path("m4.toml");
    let text =
        "[program.any]\nmodel = \"encoder.onnx\"\n[program.one]\nmodel = \"encoder.onnx\"\ndims = { batch = 1 }\n";
    std::fs::write(&manifest, text).expect("written");
    let path = folder.path("a.m4fw");
    let done = m4c(&["compile", &manifest, "-o", &path]).ok();
    assert!(done.out.contains("any: ") && done.out.contains("one: "), "{}", done.out);
    m4c(&["run", &path, "--random", "1"]).fails(1, &["2 programs", "--program", "any, one"]);
    m4c(&["run", &path, "--random", "1", "--program", "two"]).fails(1, &["`two`", "any, one"]);
    m4c(&["run", &path, "--random", "1", "--program", "one"]).ok();
}

#[test]
fn what_is_no_model_is_refused() {
    m4c(&["compile", &model("README.md"), "-o", "x.m4fw"]).fails(1, &["error[M4C01", "README.md"]);
}
