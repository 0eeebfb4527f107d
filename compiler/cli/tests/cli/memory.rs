//! Weights pass through a compilation; they are never held. Only Linux tells a process's anonymous memory.

use crate::harness::{Finished, Folder};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a compilation may take beside its largest tensor: code that runs, the graph, buffers of files.
const CONSTANT: u64 = 32 << 20;
/// Elements of the largest tensor of `models/wide.py` at this width.
const WIDTH: u64 = 1024;
const LARGEST: u64 = WIDTH * 4 * WIDTH;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Draws a model whose weights have this type, piece by piece.
fn wide(path: &str, layers: usize, dtype: &str) {
    let python = std::env::var_os("M4C_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from);
    let output = Command::new(&python)
        .arg(root().join("models/wide.py"))
        .args(["--layers", &layers.to_string(), "--width", &WIDTH.to_string(), "--dtype", dtype, path])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup first", python.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Anonymous memory of a process, in bytes; `None` once it has ended.
fn anonymous(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// Compiles, looking at the process all the time; the most anonymous memory seen.
fn watched(model: &str, artifact: &str) -> (Finished, u64) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_m4c"))
        .args(["compile", model, "-o", artifact, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut most = 0;
    while process.try_wait().expect("a process").is_none() {
        most = most.max(anonymous(process.id()).unwrap_or_default());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let output = process.wait_with_output().expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (Finished { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }, most)
}

#[test]
fn a_compilation_takes_no_more_than_a_constant_and_the_largest_tensor() {
    for (dtype, width, layers) in [("f32", 4, 6), ("f16", 2, 12)] {
        let folder = Folder::new();
        let (model, artifact) = (folder.path("wide.onnx"), folder.path("wide.m4fw"));
        wide(&model, layers, dtype);
        let (finished, seen) = watched(&model, &artifact);
        let finished = finished.ok();
        let reported = finished.json()["peak_memory_bytes"].as_u64().expect("Linux tells");
        let (weights, allowed) = (finished.json()["artifact_bytes"].as_u64().unwrap(), CONSTANT + LARGEST * width);
        assert!(weights > 4 * allowed, "{dtype}: {weights} bytes of weights do not tell whether they are held");
        assert!(seen.max(reported) <= allowed, "{dtype}: {seen} seen, {reported} reported, {allowed} allowed");
        assert!(seen > 0 && reported > 0, "{dtype}: {seen} seen, {reported} reported");
        let told: Vec<&str> = finished.err.lines().filter(|line| line.starts_with("weights: ")).collect();
        assert_eq!(told.len(), 10, "{dtype}: progress in tenths, in\n{}", finished.err);
        assert_eq!(folder.names(), ["wide.m4fw", "wide.onnx", "wide.onnx.data"]);
    }
}
