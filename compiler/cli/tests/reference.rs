//! The pages of docs/reference are what the program would write now. `M4C_BLESS=1 cargo test -p m4c --test reference`
//! writes them.

use m4c_cli::{pages, reference};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const BLESS: &str = "M4C_BLESS=1 cargo test -p m4c --test reference";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference")
}

fn blessing() -> bool {
    std::env::var_os("M4C_BLESS").is_some_and(|value| value == "1")
}

#[test]
fn pages_are_fresh() {
    let mut stale = Vec::new();
    for page in pages() {
        let path = folder().join(&page.path);
        if std::fs::read_to_string(&path).is_ok_and(|text| text == page.text) {
            continue;
        }
        if blessing() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, page.text).expect("written");
        } else {
            stale.push(page.path);
        }
    }
    assert!(stale.is_empty(), "stale in docs/reference: {stale:?}; run: {BLESS}");
}

#[test]
fn no_page_is_left_over() {
    let known: BTreeSet<PathBuf> = pages().iter().map(|page| folder().join(&page.path)).collect();
    let Ok(entries) = std::fs::read_dir(folder().join("ops")) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if known.contains(&path) {
            continue;
        }
        assert!(blessing(), "{} belongs to no operator; run: {BLESS}", path.display());
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn the_command_line_is_the_same_on_every_machine() {
    let page = reference();
    assert!(page.lines().all(|line| line.chars().count() <= 100), "a line is too long");
    for command in [
        "compile",
        "run",
        "bench",
        "inspect",
        "diff",
        "verify",
        "adapter",
        "adapter inspect",
        "ops",
        "phases",
        "rules",
        "explain",
        "completions",
    ] {
        assert!(page.contains(&format!("\n## m4c {command}\n")), "{command}");
    }
    assert!(!page.contains("\n## m4c help"));
}
