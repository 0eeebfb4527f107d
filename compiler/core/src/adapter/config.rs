//! `adapter_config.json`: what kind of adapter it is, and which scale each change has.

use crate::diagnostic::{Diagnostic, codes};
use crate::onnx::Source;
use indexmap::IndexMap;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// No configuration is longer.
const MOST_BYTES: usize = 1 << 20;
/// The largest program of a pattern, in bytes.
const MOST_PATTERN: usize = 1 << 20;

/// What peft can do beyond `W + s * B * A`: the field that asks for it, and its name.
const BEYOND: &[(&str, &str)] = &[
    ("use_dora", "DoRA, which also scales the columns of the sum"),
    ("use_qalora", "QA-LoRA, which pools inputs"),
    ("use_bdlora", "block-diagonal LoRA"),
    ("velora_config", "VeLoRA"),
    ("kasa_config", "KaSA"),
    ("arrow_config", "Arrow, which chooses among adapters"),
    ("alora_invocation_tokens", "activated LoRA, which begins at a token"),
    ("trainable_token_indices", "trained rows of embeddings"),
    ("target_parameters", "changes of parameters that no linear layer has"),
    ("layer_replication", "replicated layers"),
    ("lora_bias", "a bias of its own"),
];
/// Ways to begin training that change the model's own weights, which must then be saved with the adapter.
const CHANGING_BASE: &[&str] = &["pissa", "olora", "corda", "loftq"];

/// A configuration.
#[derive(Debug)]
pub(super) struct Config {
    rank: usize,
    alpha: f64,
    rank_stabilized: bool,
    ranks: Vec<(Regex, usize)>,
    alphas: Vec<(Regex, f64)>,
}

#[derive(Deserialize)]
struct Fields {
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    rank_pattern: Option<IndexMap<String, usize>>,
    #[serde(default)]
    alpha_pattern: Option<IndexMap<String, f64>>,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// Where it cannot be read, contradicts itself, or is of another kind.
    pub(super) fn read(path: &Path) -> Result<Config, Diagnostic> {
        let missing = |message: String| {
            Diagnostic::error(codes::ADAPTER_UNREADABLE, message)
                .at(path)
                .help("an adapter is a folder with adapter_config.json and adapter_model.safetensors, as peft saves it")
        };
        let unreadable = |what: String| missing(format!("`{}`: {what}", path.display()));
        let source = Source::map(path).map_err(|error| missing(error.message))?;
        let text = source.bytes();
        if text.len() > MOST_BYTES {
            return Err(unreadable(format!("it is longer than {MOST_BYTES} bytes")));
        }
        let fields: Map<String, Value> = serde_json::from_slice(text).map_err(|error| unreadable(error.to_string()))?;
        refuse_others(&fields).map_err(|what| {
            Diagnostic::error(codes::ADAPTER_UNSUPPORTED, format!("`{}`: {what}", path.display()))
                .at(path)
                .help("merge it with peft (`model.merge_and_unload()`) and export the model, or train it as plain LoRA")
        })?;
        let fields: Fields =
            serde_json::from_value(Value::Object(fields)).map_err(|error| unreadable(error.to_string()))?;
        Config::of(fields).map_err(|what| {
            Diagnostic::error(codes::ADAPTER_INCONSISTENT, format!("`{}`: {what}", path.display())).at(path)
        })
    }

    fn of(fields: Fields) -> Result<Config, String> {
        let Fields { r, lora_alpha, use_rslora, rank_pattern, alpha_pattern } = fields;
        let ranks = patterns(rank_pattern)?;
        let alphas = patterns(alpha_pattern)?;
        if r == 0 || ranks.iter().any(|(_, rank)| *rank == 0) {
            return Err("a rank is 0".into());
        }
        if ![lora_alpha].iter().chain(alphas.iter().map(|(_, alpha)| alpha)).all(|&alpha| (alpha as f32).is_finite()) {
            return Err("a `lora_alpha` is no finite number of f32".into());
        }
        Ok(Config { rank: r, alpha: lora_alpha, rank_stabilized: use_rslora, ranks, alphas })
    }

    /// The rank of the change of a module.
    pub(super) fn rank(&self, module: &str) -> usize {
        first(&self.ranks, module).copied().unwrap_or(self.rank)
    }

    /// What the change of a module is multiplied by: `alpha / rank`, or `alpha / sqrt(rank)` where ranks are stabilized
    /// (Kalajdzievski, arXiv 2312.03732).
    pub(super) fn scale(&self, module: &str) -> f64 {
        let (rank, alpha) = (self.rank(module) as f64, first(&self.alphas, module).copied().unwrap_or(self.alpha));
        alpha / if self.rank_stabilized { rank.sqrt() } else { rank }
    }
}

/// As peft reads them: a pattern means modules whose name ends with it, after a point.
fn patterns<T>(all: Option<IndexMap<String, T>>) -> Result<Vec<(Regex, T)>, String> {
    let read = |(pattern, value): (String, T)| {
        let regex = RegexBuilder::new(&format!(r"^(?:.*\.)?(?:{pattern})$")).size_limit(MOST_PATTERN).build();
        regex.map(|regex| (regex, value)).map_err(|error| format!("pattern `{pattern}`: {error}"))
    };
    all.unwrap_or_default().into_iter().map(read).collect()
}

fn first<'a, T>(all: &'a [(Regex, T)], module: &str) -> Option<&'a T> {
    all.iter().find(|(pattern, _)| pattern.is_match(module)).map(|(_, value)| value)
}

/// An error where the configuration is none of plain LoRA.
fn refuse_others(fields: &Map<String, Value>) -> Result<(), String> {
    match fields.get("peft_type") {
        Some(Value::String(kind)) if kind == "LORA" => {}
        Some(Value::String(kind)) => return Err(format!("it is an adapter of type {kind}, not LORA")),
        _ => return Err("it has no `peft_type`, which says what kind of adapter it is".into()),
    }
    for (field, name) in BEYOND {
        let asked = match fields.get(*field) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Array(all)) => !all.is_empty(),
            Some(Value::Object(all)) => !all.is_empty(),
            Some(_) => true,
        };
        if asked {
            return Err(format!("`{field}` asks for {name}"));
        }
    }
    if let Some(Value::String(start)) = fields.get("init_lora_weights")
        && CHANGING_BASE.iter().any(|name| start.starts_with(name))
    {
        return Err(format!(
            "`init_lora_weights` is {start}: training began by changing the model's own weights, so that this adapter does not fit \
             the model that it was trained for"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Diagnostic> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter_config.json");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn patterns_win_over_common_ranks_and_scales() {
        let config = read(
            r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "rank_pattern": {"q_proj": 4, "layers\\.[01]\\.k_proj": 2},
                "alpha_pattern": {"layers.1.q_proj": 32}, "use_dora": false, "target_modules": ["q_proj"]}"#,
        )
        .unwrap();
        let of = |module: &str| (config.rank(module), config.scale(module));
        assert_eq!(of("m.layers.0.q_proj"), (4, 4.0));
        assert_eq!(of("m.layers.1.q_proj"), (4, 8.0));
        assert_eq!(of("m.layers.1.k_proj"), (2, 8.0));
        // A pattern begins after a point.
        assert_eq!(of("m.layers.11.k_proj"), (8, 2.0));
        assert_eq!(of("m.layers.0.seq_proj"), (8, 2.0));
    }

    #[test]
    fn stabilized_ranks_divide_by_their_root() {
        let config = read(r#"{"peft_type": "LORA", "r": 16, "lora_alpha": 8, "use_rslora": true}"#).unwrap();
        assert!((config.scale("any") - 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_plain_lora_is_refused_by_name() {
        for (field, words) in [
            (r#""use_dora": true"#, "DoRA"),
            (r#""alora_invocation_tokens": [1, 2]"#, "activated LoRA"),
            (r#""kasa_config": {"beta": 1}"#, "KaSA"),
            (r#""init_lora_weights": "pissa_niter_4""#, "pissa_niter_4"),
        ] {
            let error = read(&format!(r#"{{"peft_type": "LORA", "r": 4, "lora_alpha": 8, {field}}}"#)).unwrap_err();
            assert!(error.code == codes::ADAPTER_UNSUPPORTED && error.message.contains(words), "{error:?}");
        }
        let error = read(r#"{"peft_type": "PREFIX_TUNING"}"#).unwrap_err();
        assert!(error.code == codes::ADAPTER_UNSUPPORTED && error.message.contains("PREFIX_TUNING"), "{error:?}");
    }

    #[test]
    fn broken_configurations_are_refused() {
        for (text, code) in [
            ("", codes::ADAPTER_UNREADABLE),
            ("[]", codes::ADAPTER_UNREADABLE),
            (r#"{"peft_type": "LORA"}"#, codes::ADAPTER_UNREADABLE),
            (r#"{"peft_type": "LORA", "r": -1, "lora_alpha": 8}"#, codes::ADAPTER_UNREADABLE),
            (r#"{"peft_type": "LORA", "r": 0, "lora_alpha": 8}"#, codes::ADAPTER_INCONSISTENT),
            (
                r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 8, "rank_pattern": {"(": 1}}"#,
                codes::ADAPTER_INCONSISTENT,
            ),
            (
                r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 8, "rank_pattern": {"a{9999999}": 1}}"#,
                codes::ADAPTER_INCONSISTENT,
            ),
        ] {
            assert_eq!(read(text).unwrap_err().code, code, "{text}");
        }
    }
}
