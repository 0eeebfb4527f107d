//! The guide to adding an operator is true: what stands there is built, and everything it promises follows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The fenced block of that language that follows a text.
fn block<'a>(guide: &'a str, after: &str, language: &str) -> &'a str {
    let rest = &guide[guide.find(after).unwrap_or_else(|| panic!("the guide does not say: {after}"))..];
    let fence = format!("```{language}\n");
    let start = rest.find(&fence).unwrap() + fence.len();
    &rest[start..start + rest[start..].find("```").unwrap()]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// What the guide says follows by itself, as a test of the crate that it changes.
const PROMISES: &str = r#"//! What follows from the room of `square_distance`.

use m4c_ops::table;

#[test]
fn the_operator_is_known_imports_and_has_a_page() {
    let op = table::find("square_distance").unwrap();
    let (owner, _) = table::find_import("com.microsoft", "CDist", 1).unwrap();
    assert_eq!(Some(op), owner);
    assert!(m4c_ops::page::page(op).contains("The squared Euclidean distance"));
}
"#;

#[test]
fn adding_an_operator_is_one_file_and_one_line() {
    let guide = fs::read_to_string(root().join("docs/guide/add-an-operator.md")).unwrap();
    let room = block(&guide, "`ops/src/composite/square_distance.rs`:", "rust");
    let line = block(&guide, "In `ops/src/composite/mod.rs`", "text");

    let folder = tempfile::tempdir().unwrap();
    let ops = folder.path().join("ops");
    copy(&root().join("ops"), &ops);
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.find("members = [").unwrap();
    let end = members + manifest[members..].find("\n]").unwrap() + 2;
    let alone = format!("{}members = [\"ops\"]{}", &manifest[..members], &manifest[end..]);
    let alone: String =
        alone.lines().filter(|line| !line.starts_with("default-members")).map(|l| format!("{l}\n")).collect();
    fs::write(folder.path().join("Cargo.toml"), alone).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();

    fs::write(ops.join("src/composite/square_distance.rs"), room).unwrap();
    let list = fs::read_to_string(ops.join("src/composite/mod.rs")).unwrap();
    let changed = list.replacen("crate::rooms! {\n", &format!("crate::rooms! {{\n{line}"), 1);
    assert_eq!(changed.lines().count(), list.lines().count() + 1, "the guide's line is one line");
    fs::write(ops.join("src/composite/mod.rs"), changed).unwrap();
    fs::write(ops.join("tests/square_distance.rs"), PROMISES).unwrap();

    // Beside the usual target folder, so that dependencies are built once for all runs of this test.
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("guide");
    let output = Command::new(env!("CARGO"))
        .current_dir(folder.path())
        .args(["test", "-p", "m4c-ops", "--offline", "--tests"])
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("the_operator_is_known_imports_and_has_a_page ... ok"), "{text}");
}
