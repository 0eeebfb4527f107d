//! What builds want of `m4c compile`: conditions on sizes, and the files that an artifact depends on.

use crate::harness::{Folder, m4c, model};
use std::path::Path;
use std::process::Command;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name);
    path.to_str().expect("text").to_owned()
}

#[test]
fn conditions_that_do_not_hold_have_an_exit_code_and_leave_no_artifact() {
    let folder = Folder::new();
    let output = folder.path("out.m4fw");
    let compile = |more: &[&str]| m4c(&[&["compile", &model("dyn-op20.onnx"), "-o", &output][..], more].concat());
    let bounded = ["--dim", "batch=1..4"];

    let failed = compile(&[&bounded[..], &["--fail-on", "arena>1kB,artifact>1MiB,steps>2,weights>0.5kB"]].concat());
    let words = ["error[M4C0831]", "the arena of program `main`", "1000 bytes", "2 steps", "500 bytes", "arena>1kB"];
    let failed = failed.fails(3, &words);
    assert!(!failed.err.contains("artifact>1MiB"), "{}", failed.err);
    assert!(folder.names().is_empty(), "{:?}", folder.names());

    compile(&[&bounded[..], &["--fail-on", "arena>64MB, artifact>200MB", "--fail-on", "steps>100000"]].concat()).ok();
    assert_eq!(folder.names(), ["out.m4fw"]);
    let without = folder.path("without.m4fw");
    m4c(&["compile", &model("dyn-op20.onnx"), "-o", &without, "--dim", "batch=1..4"]).ok();
    assert!(std::fs::read(&output).expect("written") == std::fs::read(&without).expect("written"));

    // A failed build leaves what was there.
    let before = std::fs::read(&output).expect("written");
    compile(&["--fail-on", "steps>1"]).fails(3, &["steps"]);
    assert!(std::fs::read(&output).expect("still there") == before);
}

#[test]
fn the_arena_needs_upper_bounds() {
    let folder = Folder::new();
    let compile = ["compile", &model("dyn-op20.onnx"), "-o", &folder.path("out.m4fw"), "--fail-on", "arena>1GB"];
    m4c(&compile).fails(3, &["`batch` has no upper bound", "--dim batch=1..512"]);
    m4c(&[&compile[..], &["--dim", "batch=1..2"]].concat()).ok();
}

/// Runs make in a folder; gives what it says.
fn make(folder: &Folder) -> String {
    let makefile = folder.path("Makefile");
    let output = Command::new("make").args(["-f", &makefile]).current_dir(folder.path("")).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn make_knows_when_to_compile_again() {
    if Command::new("make").arg("--version").output().is_err() {
        eprintln!("skipped: there is no make");
        return;
    }
    let folder = Folder::new();
    let name = "my #1 $model.onnx";
    std::fs::copy(model("dyn-op20.onnx"), folder.path(name)).expect("copied");
    let (output, rule) = (folder.path("out.m4fw"), folder.path("out.d"));
    m4c(&["compile", &folder.path(name), "-o", &output, "--emit-deps", &rule]).ok();
    let text = format!("all: {output}\n{output}:\n\t@echo compiling $(words $^)\n\t@touch $@\ninclude out.d\n");
    std::fs::write(folder.path("Makefile"), text).expect("written");
    assert!(!make(&folder).contains("compiling"));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let source = std::fs::File::options().append(true).open(folder.path(name)).expect("there");
    source.set_modified(later).expect("set");
    assert!(make(&folder).contains("compiling"));
}

#[test]
fn external_weights_and_the_manifest_are_dependencies() {
    let folder = Folder::new();
    let manifest = fixture("whisper/m4.toml");
    let rule = folder.path("out.d");
    m4c(&["compile", &manifest, "-o", &folder.path("out.m4fw"), "--emit-deps", &rule]).ok();
    let text = std::fs::read_to_string(&rule).expect("written");
    let files: Vec<&str> = text.lines().skip(1).map(|line| line.trim().trim_end_matches(" \\")).collect();
    assert!(text.starts_with(&format!("{}: \\\n", folder.path("out.m4fw"))), "{text}");
    assert_eq!(files.first(), Some(&&*manifest));
    assert!(files.len() > 2 && files.iter().all(|file| Path::new(file).exists()), "{text}");
}
