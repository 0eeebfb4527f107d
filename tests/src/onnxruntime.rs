//! Models in onnxruntime, the other engine: one Python process runs many.

use crate::{Named, npz, root};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A model and its inputs.
pub struct Job {
    /// The ONNX file.
    pub model: PathBuf,
    /// Inputs by name.
    pub inputs: Named,
}

/// The outputs of every job, in order.
///
/// # Panics
/// Where onnxruntime is not installed or a job fails: no comparison is skipped in silence.
pub fn run(jobs: &[Job]) -> Vec<Named> {
    run_with(jobs, &[])
}

/// The same, computing what the files say: for quantized models the engine's own optimizations change results by several
/// quanta.
///
/// # Panics
/// As [`run`].
pub fn run_as_written(jobs: &[Job]) -> Vec<Named> {
    run_with(jobs, &["--no-optimize"])
}

fn run_with(jobs: &[Job], options: &[&str]) -> Vec<Named> {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |kind: &str, index: usize| folder.path().join(format!("{kind}{index}.npz"));
    let rows: Vec<serde_json::Value> = jobs
        .iter()
        .enumerate()
        .map(|(index, job)| {
            npz::write(&place("in", index), &job.inputs);
            serde_json::json!({ "model": job.model, "inputs": place("in", index), "outputs": place("out", index) })
        })
        .collect();
    let list = folder.path().join("jobs.json");
    std::fs::write(&list, serde_json::Value::from(rows).to_string()).expect("a job list");
    let python = python();
    let output = Command::new(&python)
        .arg(root().join("tests/peers/onnxruntime_run.py"))
        .args(options)
        .arg("--jobs")
        .arg(&list)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup first", python.display()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "onnxruntime: {text}");
    (0..jobs.len()).map(|index| npz::read(&place("out", index))).collect()
}

/// Runs a script of tests/peers.
///
/// # Panics
/// Where it fails.
pub fn script(name: &str, arguments: &[&Path]) {
    let python = python();
    let output = Command::new(&python).arg(root().join("tests/peers").join(name)).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup first", python.display()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {text}");
}

/// The Python interpreter that has the packages of scripts/requirements.txt.
pub fn python() -> PathBuf {
    std::env::var_os("M4C_PYTHON").map_or_else(|| root().join(".venv/bin/python"), |path| Path::new(&path).into())
}
