//! Who may depend on whom, and what may be named where.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Crate {
    folder: PathBuf,
    description: String,
    /// Normal dependencies among our own crates.
    own: BTreeSet<String>,
    /// Normal dependencies on others.
    other: BTreeSet<String>,
}

fn crates() -> BTreeMap<String, Crate> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let names: BTreeSet<String> = packages.iter().map(|package| text(&package["name"])).collect();
    packages
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
            let (own, other) = normal.map(|d| text(&d["name"])).partition(|name| names.contains(name));
            let folder = Path::new(&text(&package["manifest_path"])).parent().unwrap().to_path_buf();
            (text(&package["name"]), Crate { folder, description: text(&package["description"]), own, other })
        })
        .collect()
}

/// What each crate of ours may depend on, among ours.
const ALLOWED: &[(&str, &[&str])] = &[
    ("m4c-ops", &[]),
    ("m4c-ir", &["m4c-ops"]),
    ("m4c-format", &[]),
    ("m4c-runtime", &["m4c-format"]),
    ("m4c-exec-cpu", &["m4c-runtime"]),
    ("m4c-c", &["m4c-runtime", "m4c-exec-cpu"]),
    ("m4c-target", &["m4c-ir", "m4c-ops", "m4c-format"]),
    ("m4c-target-cpu", &["m4c-target", "m4c-ir", "m4c-ops", "m4c-format", "m4c-exec-cpu"]),
    ("m4c-compiler", &["m4c-target", "m4c-ir", "m4c-ops", "m4c-format"]),
    (
        "m4c",
        &[
            "m4c-compiler",
            "m4c-target",
            "m4c-target-cpu",
            "m4c-exec-cpu",
            "m4c-ir",
            "m4c-ops",
            "m4c-format",
            "m4c-runtime",
        ],
    ),
    (
        "m4c-tests",
        &[
            "m4c",
            "m4c-compiler",
            "m4c-exec-cpu",
            "m4c-format",
            "m4c-ir",
            "m4c-ops",
            "m4c-runtime",
            "m4c-target",
            "m4c-target-cpu",
        ],
    ),
];

#[test]
fn crates_depend_only_on_what_they_may() {
    let crates = crates();
    let ruled: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    assert_eq!(ruled, found, "crates without a rule, or rules without a crate");
    for (name, allowed) in ALLOWED {
        let forbidden: Vec<&String> = crates[*name].own.iter().filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(forbidden.is_empty(), "{name} may not depend on {forbidden:?}");
    }
}

#[test]
fn the_rewriting_engine_and_the_file_formats_stay_in_their_rooms() {
    for (name, found) in crates() {
        let may_parse_onnx = name == "m4c-compiler";
        assert!(may_parse_onnx || !found.other.contains("prost"), "{name} reads ONNX messages");
        let may_describe = name == "m4c-format";
        assert!(may_describe || !found.other.contains("planus"), "{name} reads descriptions by itself");
        let may_rewrite = name == "m4c-compiler";
        assert!(may_rewrite || !found.other.contains("egg"), "{name} uses the rewriting engine");
    }
}

#[test]
fn the_runtime_is_small() {
    let tree = cargo(&["tree", "-e", "normal", "-p", "m4c-c", "--prefix", "none", "--offline"]);
    let crates: BTreeSet<&str> = tree.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(crates.len() <= 15, "{} crates in the runtime: {crates:?}", crates.len());
}

fn sources(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["ops", "compiler", "runtime", "targets", "tests"] {
        sources(&root().join(folder), "rs", &mut files);
    }
    files
}

#[test]
fn no_target_is_named_below_the_command_line() {
    let targets: Vec<String> = std::fs::read_dir(root().join("targets"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "api")
        .collect();
    assert!(targets.contains(&"cpu".to_string()));
    for room in ["ops/src", "compiler/ir/src", "compiler/core/src", "runtime/core/src", "runtime/format/src"] {
        let mut files = Vec::new();
        sources(&root().join(room), "rs", &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            // Tests may compile for a real target; what ships may not know one.
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in shipped.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for target in &targets {
                    let named =
                        code.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case(target));
                    let test_module = file.components().any(|part| part.as_os_str() == "tests");
                    assert!(!named || test_module, "{}:{} names `{target}`", file.display(), number + 1);
                }
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_has_a_subject() {
    for file in rust_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let generated = first.starts_with("// @generated") || file.ends_with("generated.rs");
        assert!(generated || first.starts_with("//!"), "{} does not begin with its contract", file.display());
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "common", "helpers", "helper", "misc"].contains(&stem.as_str()),
            "{}",
            file.display()
        );
    }
}

/// Rooms are declared by a macro, which rustfmt does not follow, so each is named to it here.
#[test]
fn rooms_are_formatted() {
    let mut rooms = Vec::new();
    sources(&root().join("ops/src"), "rs", &mut rooms);
    let output = Command::new("rustfmt")
        .current_dir(root())
        .args(["--check", "--edition", "2024", "--config-path", "rustfmt.toml"])
        .args(&rooms)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "run rustfmt --edition 2024 on ops/src: {}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn the_code_map_names_every_crate_with_its_contract() {
    let map = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    for (name, found) in crates() {
        let folder = found.folder.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let row = map.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap_or_else(|| {
            panic!("docs/ARCHITECTURE.md does not name `{name}`");
        });
        assert!(row.contains(&format!("`{folder}`")), "the row of `{name}` does not name its folder `{folder}`");
        assert!(row.contains(&found.description), "the row of `{name}` does not say: {}", found.description);
    }
}
