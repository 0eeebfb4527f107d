//! Adapters that are read, and those that are refused.

mod placing;

use super::{Adapter, read};
use crate::diagnostic::{Diagnostic, codes};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/adapters").join(name)
}

/// The name of a tensor, its sizes, and what all its elements are.
type Named<'a> = (&'a str, &'a [usize], f32);

/// A folder with this configuration and these tensors of f32.
fn made(config: &str, tensors: &[Named<'_>]) -> (tempfile::TempDir, Result<Adapter, Diagnostic>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("adapter_config.json"), config).unwrap();
    let bytes: Vec<(&str, &[usize], Vec<u8>)> = tensors
        .iter()
        .map(|(name, shape, value)| (*name, *shape, value.to_le_bytes().repeat(shape.iter().product())))
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| (name.to_string(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap()));
    let file = safetensors::serialize(views, None).unwrap();
    std::fs::write(folder.path().join("adapter_model.safetensors"), file).unwrap();
    let read = read(folder.path());
    (folder, read)
}

const PLAIN: &str = r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 3}"#;

#[test]
fn real_adapters_are_read() {
    // Folder, changes, rank, scale, the first module, and the sizes of its matrices.
    for (name, count, rank, scale, module, sizes) in [
        ("llama_qv_r4", 4, 4, 2.0, "model.layers.0.self_attn.q_proj", [[4, 24], [24, 4]]),
        ("llama_qkvo_r32", 8, 32, 1.0, "model.layers.0.self_attn.k_proj", [[32, 24], [24, 32]]),
        ("vit_qv_r4", 4, 4, 2.0, "layers.0.attention.q_proj", [[4, 24], [24, 4]]),
        ("imu_mha_r4", 4, 4, 2.0, "trunk.blocks.0.attn", [[4, 24], [72, 4]]),
    ] {
        let adapter = read(&folder(name)).unwrap();
        assert_eq!((&*adapter.name, adapter.changes.len(), adapter.replacements.len()), (name, count, 0));
        let first = &adapter.changes[0];
        assert_eq!((&*first.module, first.rank, first.scale), (module, rank, scale), "{name}");
        assert_eq!([first.down.sizes(), first.up.sizes()], sizes.map(|sizes| sizes.to_vec()), "{name}");
        assert!(adapter.changes.iter().all(|change| change.down.bytes() == 4 * rank * 24 && !change.embedding));
    }
    let adapter = read(&folder("imu_mha_r4")).unwrap();
    assert_eq!(adapter.changes[1].module, "trunk.blocks.0.attn.out_proj");
}

#[test]
fn what_is_trained_whole_replaces() {
    let (_folder, adapter) = made(
        PLAIN,
        &[
            ("base_model.model.head.q.lora_A.default.weight", &[2, 5], 1.0),
            ("base_model.model.head.q.lora_B.default.weight", &[3, 2], 1.0),
            ("base_model.model.words.lora_embedding_A", &[2, 9], 1.0),
            ("base_model.model.words.lora_embedding_B", &[5, 2], 1.0),
            ("base_model.model.head.modules_to_save.default.weight", &[4], 1.0),
            ("base_model.model.head.q.base_layer.bias", &[3], 1.0),
        ],
    );
    let adapter = adapter.unwrap();
    let changes: Vec<_> = adapter.changes.iter().map(|change| (&*change.module, change.embedding)).collect();
    assert_eq!(changes, [("head.q", false), ("words", true)]);
    let replaced: Vec<_> = adapter.replacements.iter().map(|one| &*one.parameter).collect();
    assert_eq!(replaced, ["head.weight", "head.q.bias"]);
}

#[test]
fn tensors_that_contradict_are_refused() {
    let (a, b) = ("base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight");
    let cases: &[(&[Named<'_>], &str)] = &[
        (&[], "no tensors"),
        (&[(a, &[2, 5], 1.0)], "no `lora_B` beside it"),
        (&[(b, &[3, 2], 1.0)], "no `lora_A` beside it"),
        (&[(a, &[2, 5], 1.0), (b, &[3, 4], 1.0)], "does not fit"),
        (&[(a, &[4, 5], 1.0), (b, &[3, 4], 1.0)], "the configuration says 2"),
        (&[(a, &[2, 5], f32::NAN), (b, &[3, 2], 1.0)], "element 0 of `base_model.model.q.lora_A.weight`"),
        (&[(a, &[2, 5], 1.0), (b, &[3, 2], f32::NEG_INFINITY)], "no finite number"),
        (&[(a, &[2], 1.0), (b, &[3, 2], 1.0)], "matrices have 2 axes"),
        (&[(a, &[2, 0], 1.0), (b, &[3, 2], 1.0)], "does not fit"),
        (&[(a, &[2, 5, 3, 3], 1.0), (b, &[3, 2, 2, 1], 1.0)], "does not fit"),
        (&[(a, &[2, 5], 1.0), ("q.lora_A.default.weight", &[2, 5], 1.0)], "the same half"),
    ];
    for (tensors, words) in cases {
        let error = made(PLAIN, tensors).1.unwrap_err();
        assert!(error.code == codes::ADAPTER_INCONSISTENT && error.message.contains(words), "{words}: {error:?}");
    }
}

#[test]
fn damaged_folders_are_refused() {
    let (folder, adapter) = made(PLAIN, &[("m.q.lora_A.weight", &[2, 5], 1.0), ("m.q.lora_B.weight", &[3, 2], 1.0)]);
    adapter.unwrap();
    let path = folder.path().join("adapter_model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(read(folder.path()).unwrap_err().code, codes::ADAPTER_UNREADABLE, "cut at {length}");
    }
    std::fs::write(&path, [&u64::MAX.to_le_bytes(), &whole[8..]].concat()).unwrap();
    assert_eq!(read(folder.path()).unwrap_err().code, codes::ADAPTER_UNREADABLE);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read(folder.path()).unwrap_err().code, codes::ADAPTER_UNREADABLE);
    std::fs::remove_file(folder.path().join("adapter_config.json")).unwrap();
    let error = read(folder.path()).unwrap_err();
    assert!(error.code == codes::ADAPTER_UNREADABLE && error.message.contains("adapter_config.json"), "{error:?}");
}
