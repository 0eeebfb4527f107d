//! Commands that print what m4c knows: operators, phases, codes, completions.

use crate::harness::{Folder, m4c, model};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

#[test]
fn operators_are_listed() {
    let list = m4c(&["ops"]).ok().out;
    assert!(list.contains("of at most 39 primitives"), "{list}");
    let all = m4c(&["ops", "--json"]).ok().json();
    let primitives = all.as_array().expect("a list").iter().filter(|op| op["kind"] == "primitive").count();
    assert!(list.contains(&format!("{primitives} of at most 39")));
    let page = m4c(&["ops", "gather"]).ok().out;
    assert!(page.starts_with("# gather\n") && page.contains("## Constraints"));
    assert_eq!(m4c(&["ops", "gather", "--json"]).ok().json()["onnx"][0]["op_type"], "Gather");
    m4c(&["ops", "gaher"]).fails(2, &["gaher"]);
}

#[test]
fn vectors_are_written_for_every_sample() {
    let folder = Folder::new();
    let vectors = folder.path("vectors");
    m4c(&["ops", "--vectors", &vectors]).ok();
    let index = std::fs::read_to_string(format!("{vectors}/index.json")).expect("written");
    let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
    let entries = index["vectors"].as_array().expect("a list");
    let ops: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["op"].as_str()).collect();
    assert_eq!(ops.len(), m4c(&["ops", "--json"]).ok().json().as_array().expect("a list").len());
    for entry in entries {
        let file = std::fs::read(format!("{vectors}/{}", entry["file"].as_str().expect("text"))).expect("written");
        assert!(file.starts_with(b"PK"));
    }
}

#[test]
fn codes_are_explained() {
    let list = m4c(&["explain"]).ok().out;
    assert!(list.contains("M4C0101") && list.contains("M4C0921"));
    assert!(m4c(&["explain", "m4c0101"]).ok().out.starts_with("M4C0101: "));
    let all = m4c(&["explain", "--json"]).ok().json();
    assert_eq!(all.as_array().expect("a list").len(), list.matches("M4C").count());
    m4c(&["explain", "M4C9999"]).fails(2, &["M4C9999"]);
}

#[test]
fn phases_are_listed_in_order() {
    let phases = m4c(&["phases", "--json"]).ok().json();
    let names: Vec<&str> = phases.as_array().expect("a list").iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names.first(), Some(&"import"));
    assert_eq!(names.last(), Some(&"emit"));
    assert!(m4c(&["phases"]).ok().out.contains("import"));
}

#[test]
fn rules_are_listed_and_shown() {
    let all = m4c(&["rules", "--json"]).ok().json();
    let names: BTreeSet<&str> =
        all.as_array().expect("a list").iter().filter_map(|rule| rule["name"].as_str()).collect();
    assert!(names.contains("recognize-gelu") && names.contains("expand-attention"));
    let layout = m4c(&["rules", "--subject", "layout"]).ok().out;
    assert!(layout.contains("transpose-transpose") && !layout.contains("recognize-gelu"));
    let one = m4c(&["rules", "recognize-rms-norm"]).ok().out;
    assert!(one.contains("(rms_norm ?x") && one.contains("is the number of elements of"), "{one}");
    m4c(&["rules", "recognise-gelu"]).fails(2, &["recognise-gelu"]);
    m4c(&["rules", "--subject", "layouts"]).fails(2, &["layouts"]);
}

#[test]
fn a_node_is_explained() {
    let encoder = model("ts-op17.onnx");
    let values = m4c(&["explain", &encoder, "--node", "Softmax", "--json"]).ok().json();
    let values = values.as_array().expect("a list");
    assert_eq!(values.len(), 2, "one for each layer");
    assert!(values.iter().all(|value| value["covered_by"].to_string().contains("attention(")), "{values:?}");
    let text = m4c(&["explain", &encoder, "--node", "Erf"]).ok().out;
    assert!(text.contains("is part of\n    gelu("), "{text}");
    let without = m4c(&["explain", &encoder, "--node", "Softmax", "--numerics", "exact"]).ok().out;
    assert!(without.contains("and stays so"), "{without}");
    m4c(&["explain", &encoder, "--node", "no such node"]).fails(1, &["M4C0822", "node 1"]);
    m4c(&["explain", "missing.onnx", "--node", "1"]).fails(1, &["missing.onnx"]);
    m4c(&["explain", &encoder]).fails(2, &["--node"]);
    m4c(&["explain", "M4C"]).fails(2, &["neither a code"]);
}

#[test]
fn completions_know_commands_and_targets() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = m4c(&["completions", shell]).ok().out;
        assert!(script.contains("compile") && script.contains("stop-after"), "{shell}");
    }
}

#[test]
fn a_reader_may_go_away() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_m4c"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn adapters_are_shown() {
    let folder = |name: &str| format!("{}/../../models/adapters/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = m4c(&["adapter", "inspect", &folder("imu_mha_r4")]).ok().out;
    assert!(text.starts_with("imu_mha_r4: 4 changed modules, 0 replaced tensors, 1152 elements, 4.5 KiB\n"), "{text}");
    assert!(text.contains("trunk.blocks.1.attn.out_proj"), "{text}");
    let json = m4c(&["adapter", "inspect", &folder("llama_qkvo_r32"), "--json"]).ok().json();
    let first = &json["changes"][0];
    assert_eq!((&first["rank"], &first["scale"], &first["kind"]), (&32.into(), &1.0.into(), &"linear".into()));
    assert_eq!(json["bytes"], 8 * 2 * 32 * 24 * 4);
    m4c(&["adapter", "inspect", &folder("none")]).fails(1, &["M4C0301", "adapter_config.json"]);
}
