//! Adapters as peft saves them: names of tensors to changes of modules.

use super::config::Config;
use super::{Adapter, Change, Matrix, Replacement, tensors};
use crate::diagnostic::{Diagnostic, codes};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// What peft puts before the names of a model's modules.
const PREFIX: &str = "base_model.model.";
/// How tensors of changes end; a name in the middle is that of the adapter, which older versions keep.
const ENDINGS: &[(&str, Role)] = &[
    (".lora_A.weight", Role::Down { embedding: false }),
    (".lora_A.default.weight", Role::Down { embedding: false }),
    (".lora_B.weight", Role::Up),
    (".lora_B.default.weight", Role::Up),
    (".lora_embedding_A", Role::Down { embedding: true }),
    (".lora_embedding_A.default", Role::Down { embedding: true }),
    (".lora_embedding_B", Role::Up),
    (".lora_embedding_B.default", Role::Up),
];

#[derive(Clone, Copy)]
enum Role {
    Down { embedding: bool },
    Up,
}

/// Half of a change or both.
#[derive(Default)]
struct Pair {
    down: Option<(String, Matrix)>,
    up: Option<(String, Matrix)>,
    embedding: bool,
}

/// The files of the adapter in a folder.
pub(crate) fn files(folder: &Path) -> [PathBuf; 2] {
    [folder.join(CONFIG), folder.join(TENSORS)]
}

/// Reads the adapter in a folder.
///
/// # Errors
/// Where a file is missing or damaged, its kind is not plain LoRA, or its tensors contradict each other or the configuration.
pub fn read(folder: &Path) -> Result<Adapter, Diagnostic> {
    let config = Config::read(&folder.join(CONFIG))?;
    let path = folder.join(TENSORS);
    let adapter = folder.file_name().map_or_else(|| "adapter".into(), |name| name.to_string_lossy().into_owned());
    let inconsistent = |what: String| {
        Diagnostic::error(codes::ADAPTER_INCONSISTENT, format!("`{}`: {what}", path.display())).at(&*path)
    };
    let (mut pairs, mut replacements) = (BTreeMap::<String, Pair>::new(), Vec::new());
    for (name, matrix) in tensors::read(&path, &adapter)? {
        if let Some(element) = first_not_finite(&matrix) {
            return Err(inconsistent(format!("element {element} of `{name}` is no finite number")));
        }
        let short = name.strip_prefix(PREFIX).unwrap_or(&name);
        let found = ENDINGS.iter().find_map(|(ending, role)| Some((short.strip_suffix(ending)?, *role)));
        let Some((module, role)) = found else {
            // What is trained whole; older versions keep the name of the wrapper.
            let parameter = short.replace(".modules_to_save.default", "").replace(".base_layer", "");
            replacements.push(Replacement { parameter, matrix });
            continue;
        };
        let pair = pairs.entry(module.replace(".base_layer", "")).or_default();
        let half = match role {
            Role::Down { embedding } => {
                pair.embedding = embedding;
                &mut pair.down
            }
            Role::Up => &mut pair.up,
        };
        if let Some((other, _)) = half.replace((name.clone(), matrix)) {
            return Err(inconsistent(format!("`{other}` and `{name}` are the same half of one change")));
        }
    }
    let changes = pairs.into_iter().map(|(module, pair)| change(module, pair, &config).map_err(&inconsistent));
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    if changes.is_empty() && replacements.is_empty() {
        return Err(inconsistent("it has no tensors".into()));
    }
    Ok(Adapter { name: adapter, changes, replacements })
}

/// The change that two matrices make.
fn change(module: String, pair: Pair, config: &Config) -> Result<Change, String> {
    let Pair { down, up, embedding } = pair;
    let ((down_name, down), (up_name, up)) = match (down, up) {
        (Some(down), Some(up)) => (down, up),
        (Some((name, _)), None) => return Err(format!("`{name}` has no `lora_B` beside it")),
        (None, Some((name, _))) => return Err(format!("`{name}` has no `lora_A` beside it")),
        (None, None) => return Err(format!("the change of `{module}` is empty")),
    };
    let (below, above) = (down.sizes(), up.sizes());
    let window = |sizes: &[usize]| sizes.get(2..).map(<[usize]>::to_vec);
    let ([rank, ..], [_, inner, ..], Some(_), Some(behind)) = (&*below, &*above, window(&below), window(&above)) else {
        return Err(format!("`{down_name}` is {} and `{up_name}` {}: matrices have 2 axes", down.fact, up.fact));
    };
    if rank != inner || behind.iter().any(|&size| size != 1) || below.len() != above.len() || below.contains(&0) {
        return Err(format!("`{down_name}` is {}, which does not fit `{up_name}`, {}", down.fact, up.fact));
    }
    let (rank, expected) = (*rank, config.rank(&module));
    if rank != expected {
        return Err(format!("`{down_name}` is of rank {rank}, the configuration says {expected} for `{module}`"));
    }
    let scale = config.scale(&module);
    Ok(Change { module, rank, scale, embedding, down, up })
}

/// The first element that is no finite number.
fn first_not_finite(matrix: &Matrix) -> Option<usize> {
    let bytes = matrix.constant.stored_bytes()?;
    // Where all bits of the exponent are set.
    let (size, mask) = match matrix.fact.dtype {
        m4c_ops::DType::F16 => (2, 0x7c00),
        m4c_ops::DType::BF16 => (2, 0x7f80),
        _ => (4, 0x7f80_0000u32),
    };
    bytes.chunks_exact(size).position(|element| {
        let bits = element.iter().rev().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte));
        bits & mask == mask
    })
}
