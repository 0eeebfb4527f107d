//! States on the command line: `m4c run` sets and reads them under the names of the inputs and outputs that they replace.

use crate::harness::{Folder, m4c, model};

#[test]
fn files_of_the_bare_model_serve_unchanged() {
    let folder = Folder::new();
    let artifact = folder.path("llama.m4fw");
    m4c(&["compile", &model("../llama/m4.toml"), "-o", &artifact]).ok();
    let inspected = m4c(&["inspect", &artifact]).ok().out;
    assert!(inspected.contains("kv.0.key"), "{inspected}");

    let (inputs, expected) = (model("../llama_decode/inputs.npz"), model("../llama_decode/expected.npz"));
    let run = ["run", &artifact, "--program", "decode", "--inputs", &inputs];
    let report = m4c(&[&run[..], &["--compare", &expected, "--json"]].concat()).ok().json();
    let compared = report["comparisons"].as_array().expect("a list");
    assert!(compared.iter().any(|output| output["output"] == "logits"), "{report}");
    assert!(compared.iter().any(|output| output["output"] == "present.0.key"), "{report}");
    assert!(compared.iter().all(|output| output["within"] == true), "{report}");

    m4c(&[&run[..], &["--bound", "kv=1"]].concat()).fails(1, &["error[", "kv"]);
    m4c(&["run", &artifact, "--inputs", &inputs]).fails(1, &["error[", "prefill", "decode"]);
    m4c(&["run", &artifact, "--program", "decode", "--inputs", &expected]).fails(1, &["error[", "past.0"]);
}
