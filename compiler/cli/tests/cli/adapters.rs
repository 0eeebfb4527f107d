//! Adapters in compiled models.

use crate::harness::{Folder, m4c};
use std::fs;
use std::path::Path;

fn place(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name);
    path.to_str().expect("text").to_owned()
}

#[test]
fn an_adapter_is_merged_unless_it_is_to_stay_beside() {
    let folder = Folder::new();
    let (model, adapter) = (place("llama_prefill/ts-op17.onnx"), place("adapters/llama_qv_r4"));
    let compile =
        |adapter: &str, output: &str| m4c(&["compile", &model, "-o", &folder.path(output), "--adapter", adapter]).ok();
    let merged = compile(&adapter, "merged.m4fw").out;
    assert!(merged.contains("adapter llama_qv_r4 merged into 4 weights"), "{merged}");
    let beside = compile(&format!("{adapter}=side"), "beside.m4fw").out;
    assert!(beside.contains("adapter llama_qv_r4 beside 4 weights"), "{beside}");
    compile(&format!("{adapter}=merge"), "again.m4fw");
    let bytes = |name: &str| fs::read(folder.path(name)).expect("an artifact");
    assert_eq!(bytes("merged.m4fw"), bytes("again.m4fw"));
    let inspected = m4c(&["inspect", &folder.path("beside.m4fw"), "--json"]).ok().json();
    assert!(inspected["flags"].to_string().contains("--adapter llama_qv_r4=side"), "{inspected}");
    assert!(inspected["sources"].to_string().contains("llama_qv_r4.safetensors"), "{inspected}");
}

#[test]
fn the_parts_of_an_adapter_agree_phase_by_phase() {
    for way in ["merge", "side"] {
        let adapter = format!("{}={way}", place("adapters/vit_qv_r4"));
        let model = place("vit_base/dyn-op20.onnx");
        let out =
            m4c(&["verify", &model, "--random", "3", "--size", "batch=2", "--each-phase", "--adapter", &adapter]).ok();
        assert!(out.out.contains("graph after adapt") && out.out.contains("artifact"), "{}", out.out);
    }
}

#[test]
fn a_manifest_names_adapters() {
    let folder = Folder::new();
    let manifest = folder.path("m4.toml");
    let text = format!(
        "[program.prefill]\nmodel = {:?}\n[program.decode]\nmodel = {:?}\n[adapters]\n{:?} = \"merge\"\n",
        place("llama_prefill/ts-op17.onnx"),
        place("llama_decode/ts-op17.onnx"),
        place("adapters/llama_qv_r4")
    );
    fs::write(&manifest, &text).expect("written");
    let report = m4c(&["compile", &manifest, "-o", &folder.path("both.m4fw"), "--json"]).ok().json();
    for program in report["programs"].as_array().expect("programs") {
        assert_eq!(program["adapters"][0]["sites"], 4, "{program}");
    }
    fs::write(&manifest, text.replace("\"merge\"", "\"melt\"")).expect("written");
    m4c(&["compile", &manifest, "-o", &folder.path("both.m4fw")]).fails(1, &["melt", "merge", "m4.toml"]);
}

#[test]
fn adapters_of_other_models_are_refused() {
    let folder = Folder::new();
    let output = folder.path("out.m4fw");
    let compile =
        |model: &str, adapter: &str| m4c(&["compile", &place(model), "-o", &output, "--adapter", &place(adapter)]);
    let wrong = compile("vit_base/ts-op17.onnx", "adapters/llama_qv_r4");
    wrong.fails(1, &["M4C0304", "model.layers.0.self_attn.q_proj", "m.layers.0.attention.q_proj"]);
    compile("llama2_gqa_prefill/ts-op17.onnx", "adapters/llama_qkvo_r32").fails(1, &["M4C0305", "k_proj", "outputs"]);
    compile("img_enc/ts-op17.onnx", "adapters/none").fails(1, &["M4C0301", "adapter_config.json"]);
    assert!(!Path::new(&output).exists());
}

#[test]
fn ways_that_are_none_are_usage_errors() {
    let model = place("llama_prefill/ts-op17.onnx");
    let adapter = place("adapters/llama_qv_r4");
    let compile = |adapters: &[&str]| {
        let mut words = vec!["compile", &model, "--stop-after", "adapt"];
        words.extend(adapters.iter().flat_map(|adapter| ["--adapter", adapter]));
        m4c(&words)
    };
    compile(&[&format!("{adapter}=melt")]).fails(2, &["`melt` is no way", "merge or side"]);
    compile(&["=merge"]).fails(2, &["names no folder"]);
    compile(&[&adapter, &adapter]).fails(2, &["several adapters"]);
}
