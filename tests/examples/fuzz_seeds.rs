//! Writes small seeds of every fuzz target into `fuzz/corpus`: `cargo run -p m4c-tests --example fuzz_seeds`, then minimize
//! them with `scripts/fuzz --minimize`.

use m4c_compiler::project::Project;
use m4c_tests::conformance::suite;
use m4c_tests::{artifact, root};
use std::path::{Path, PathBuf};

/// Larger models slow the fuzzer down more than they help it.
const MOST_BYTES: u64 = 13_000;

/// Headers of safetensors files: as of an adapter, of every kind of type, and with what files should not have.
const ADAPTER: &str = r#"{"__metadata__":{"format":"pt"},"base_model.model.layers.0.self_attn.q_proj.lora_A.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},"base_model.model.layers.0.self_attn.q_proj.lora_B.weight":{"dtype":"BF16","shape":[4,1],"data_offsets":[32,40]}}"#;
const TYPES: &str = r#"{"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},"d":{"dtype":"F64","shape":[],"data_offsets":[1,9]},"e":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[9,13]},"u":{"dtype":"U16","shape":[1,2,1],"data_offsets":[13,17]}}"#;
const ODD: &str = r#"{"a":{"dtype":"F4","shape":[0,18446744073709551615],"data_offsets":[0,0]},"":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}    "#;

/// Two halves of a change, and configurations for them.
const LOW_RANK: &str = r#"{"base_model.model.q.lora_A.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},"base_model.model.q.lora_B.weight":{"dtype":"F32","shape":[4,2],"data_offsets":[32,64]}}"#;
const CONFIGURATIONS: &[(&str, &str)] = &[
    ("plain", r#"{"peft_type":"LORA","r":2,"lora_alpha":4}"#),
    (
        "patterns",
        r#"{"peft_type":"LORA","r":8,"lora_alpha":4,"use_rslora":true,"rank_pattern":{"(m\.)?q":2},"alpha_pattern":{"q":0.5}}"#,
    ),
    ("dora", r#"{"peft_type":"LORA","r":2,"lora_alpha":4,"use_dora":true}"#),
];

fn tensors(header: &str, bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![1; bytes]].concat()
}

fn main() {
    let models = small_models();
    for model in &models {
        write("onnx", &name(model), &std::fs::read(model).expect("a model"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.m4fw");
    let projects = models.iter().map(|model| (name(model), Project::of_model(model, "main", Vec::new())));
    for (name, project) in projects {
        if artifact::try_compile(&project, &file).is_ok() {
            let bytes = std::fs::read(&file).expect("an artifact");
            if bytes.len() < 20_000 {
                write("artifact", &name, &bytes);
            }
        }
    }
    for folder in ["gen_dec", "gen_dec_mlp", "txt_enc", "llama_decode", "exporters"] {
        let path = root().join("models").join(folder).join("inputs.npz");
        if let Ok(bytes) = std::fs::read(&path)
            && bytes.len() as u64 <= MOST_BYTES
        {
            write("npz", folder, &bytes);
        }
    }
    write("safetensors", "adapter", &tensors(ADAPTER, 40));
    for (name, config) in CONFIGURATIONS {
        write("adapter", name, &[config.as_bytes(), &[0], &tensors(LOW_RANK, 64)].concat());
    }
    write("safetensors", "types", &tensors(TYPES, 17));
    write("safetensors", "odd", &tensors(ODD, 4));
    for manifest in ["llama", "whisper"] {
        let text = std::fs::read(root().join("models").join(manifest).join("m4.toml")).expect("a manifest");
        write("manifest", manifest, &text);
    }
    write("manifest", "size", b"seq=1..512:2");
    write("external", "plain", b"1,4,4\nlocation=data.bin\noffset=64\nlength=64\n7,2\nlocation=deep/more.bin\n");
    write(
        "external",
        "links",
        b"1,2\nlocation=within\n1,2\nlocation=without\n1,2\nlocation=up/outside.bin\n1\nlocation=circle",
    );
    write(
        "external",
        "odd",
        b"10,3\nlocation=./deep/../data.bin\noffset=-1\n1,0\nlocation=empty.bin\n1,1\nlocation=pointer.bin",
    );
}

/// Small fixtures, and the node tests of the onnx package.
fn small_models() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("models"), suite::folder()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "onnx")
                && path.metadata().is_ok_and(|data| data.len() <= MOST_BYTES)
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn name(model: &Path) -> String {
    let parts: Vec<String> =
        model.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    format!("{}-{}", parts[1], parts[0]).replace(".onnx", "").replace("-model", "")
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = root().join("fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), bytes).expect("a seed");
}
