//! The script that compares with other engines: it measures a small model, and writes the page.

use crate::harness::{Folder, model};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether the interpreter has what the script needs at least.
fn can_measure(python: &Path) -> bool {
    let imports = Command::new(python).args(["-c", "import numpy, onnxruntime"]).output();
    imports.is_ok_and(|output| output.status.success())
}

#[test]
fn the_script_measures_merges_and_writes() {
    let python = std::env::var_os("M4C_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from);
    if !can_measure(&python) {
        eprintln!("skipped: {} has no onnxruntime; scripts/setup installs it", python.display());
        return;
    }
    let folder = Folder::new();
    let (exports, page) = (folder.path("exports"), folder.path("benchmarks.md"));
    let script = |arguments: &[&str]| {
        let output = Command::new(&python)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(root().join("models/bench/peers.py"))
            .args(arguments)
            .args(["--models", &exports, "--m4c", env!("CARGO_BIN_EXE_m4c"), "--page", &page])
            .output()
            .expect("it starts");
        let error = String::from_utf8(output.stderr).expect("text");
        (output.status.success(), String::from_utf8(output.stdout).expect("text"), error)
    };
    let (onnx, inputs) = (model("ts-op17.onnx"), model("inputs.npz"));
    let measure = ["measure", "tiny", "--onnx", &onnx, "--inputs", &inputs, "--engines", "m4c,onnxruntime"];
    let quick = ["--threads", "1", "--rounds", "1", "--runs", "2", "--json"];
    for rounds in [1, 2] {
        let (done, out, error) = script(&[&measure[..], &quick].concat());
        assert!(done, "{error}");
        let summary: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let tiny = &summary["tiny"];
        for engine in ["m4c", "onnxruntime"] {
            let found = &tiny["engines"][engine];
            assert_eq!((&found["rounds"], &found["runs"]), (&rounds.into(), &(2 * rounds).into()), "{engine}: {found}");
        }
        let time = |engine: &str| tiny["engines"][engine]["median"].as_f64().expect("a number");
        let ratio = tiny["ratios"]["onnxruntime"].as_f64().expect("a number");
        // With a single turn both are of the same runs.
        assert!(rounds > 1 || (ratio * time("m4c") / time("onnxruntime") - 1.0).abs() < 1e-9);
        assert!(ratio > 0.0 && ratio.is_finite());
    }

    let (done, _, error) = script(&["report"]);
    assert!(done, "{error}");
    let text = std::fs::read_to_string(&page).expect("written");
    for words in ["`tiny`", "OpenVINO was not measured", "geometric mean", "; 1 thread;"] {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
    let picture = std::fs::read_to_string(folder.path("benchmarks.svg")).expect("written");
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n") && picture.contains("tiny"));

    let (done, _, error) = script(&[&measure[..], &["--before", "nothing"]].concat());
    assert!(!done && error.contains("no revision nothing"), "{error}");
    let git = Command::new("git").arg("-C").arg(root()).args(["rev-parse", "--short", "HEAD"]).output();
    match git.ok().filter(|git| git.status.success()) {
        Some(git) => {
            let revision = String::from_utf8(git.stdout).expect("text").trim().to_owned();
            // What is built already is not built again.
            let earlier = Path::new(&exports).join(format!("m4c-{revision}"));
            std::fs::copy(env!("CARGO_BIN_EXE_m4c"), earlier).expect("room for a copy");
            let (done, _, error) = script(&[&measure[..], &quick, &["--before", &revision]].concat());
            assert!(done, "{error}");
            let (done, _, error) = script(&["report"]);
            assert!(done, "{error}");
            let text = std::fs::read_to_string(&page).expect("written");
            assert!(text.contains(&format!("Before is the build of {revision}")), "{text}");
        }
        None => eprintln!("skipped: earlier builds are measured in a Git checkout only"),
    }

    let (done, _, error) = script(&["measure", "nothing"]);
    assert!(!done && error.contains("no model is named nothing"), "{error}");
}
