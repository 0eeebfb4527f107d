//! What stands in guides is so: commands exist, and print what they print there; the rule of the guide to adding one is one of
//! the tables.

use crate::harness::{Folder, m4c};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn guide(name: &str) -> String {
    fs::read_to_string(root().join("docs/guide").join(name)).expect("the guide")
}

/// The fenced blocks of a language.
fn blocks(guide: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let all = guide.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned());
    let all: Vec<String> = all.collect();
    assert!(!all.is_empty(), "the guide has no block of {language}");
    all
}

/// Lines without what surrounds them.
fn trimmed(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

/// Whether lines are those; `...` stands for any number of them.
fn is_like(lines: &[&str], wanted: &[&str]) -> bool {
    match wanted {
        [] => lines.is_empty(),
        ["...", rest @ ..] => (0..=lines.len()).any(|skipped| is_like(&lines[skipped..], rest)),
        [first, rest @ ..] => lines.first() == Some(first) && is_like(&lines[1..], rest),
    }
}

#[test]
fn the_rule_of_the_guide_stands_in_a_table() {
    let folder = root().join("compiler/core/src/rewrite/rules");
    let tables = fs::read_dir(folder).expect("the tables").map(|entry| entry.expect("an entry").path());
    let tables: Vec<String> = tables.map(|path| fs::read_to_string(path).expect("text")).collect();
    for block in blocks(&guide("add-a-rule.md"), "rust") {
        let rule = trimmed(&block);
        let stands = |table: &String| trimmed(table).windows(rule.len()).any(|lines| lines == rule);
        assert!(tables.iter().any(stands), "no table of rules has these lines:\n{block}");
    }
}

#[test]
fn commands_of_guides_print_what_they_show() {
    let folder = Folder::new();
    for block in ["add-a-rule.md", "adapters.md"].iter().flat_map(|name| blocks(&guide(name), "console")) {
        for shown in block.split("$ ").skip(1) {
            let (command, wanted) = shown.split_once('\n').expect("a command, then what it prints");
            let place = |word: &str| match word {
                model if model.starts_with("models/") => root().join(model).to_str().expect("text").to_owned(),
                artifact if artifact.ends_with(".m4fw") => folder.path(artifact),
                other => other.to_owned(),
            };
            let words: Vec<String> = command.split_whitespace().map(place).collect();
            assert_eq!(words[0], "m4c", "{command}");
            let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            let finished = m4c(&arguments);
            let out = if wanted.starts_with("error") { finished.fails(1, &[]).err } else { finished.ok().out };
            assert!(is_like(&trimmed(out.trim()), &trimmed(wanted.trim())), "`{command}` prints:\n{out}");
        }
    }
}

#[test]
fn what_else_the_guide_names_exists() {
    let guide = guide("add-a-rule.md");
    let inline = guide.split('`').skip(1).step_by(2).filter_map(|span| span.strip_prefix("m4c "));
    for command in inline.filter_map(|rest| rest.split_whitespace().next()) {
        m4c(&[command, "--help"]).ok();
    }
    let manifests = ["compiler/core", "compiler/cli", "tests"];
    for line in blocks(&guide, "sh").iter().flat_map(|block| block.lines()) {
        let after = |flag: &str| line.split_whitespace().skip_while(|word| *word != flag).nth(1);
        let package = after("-p").expect("each command names a package");
        let has_name = |folder: &&&str| {
            let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
            manifest.contains(&format!("name = \"{package}\""))
        };
        let folder = manifests.iter().find(has_name).unwrap_or_else(|| panic!("no package of `{line}`"));
        let tests = root().join(folder).join("tests");
        if let Some(name) = after("--test") {
            let files = [tests.join(format!("{name}.rs")), tests.join(name).join("main.rs")];
            assert!(files.iter().any(|file| file.is_file()), "no test of `{line}`");
        } else {
            let module = after("--lib").expect("a test or the library");
            assert!(root().join(folder).join("src").join(module).join("tests/mod.rs").is_file(), "`{line}`");
        }
    }
}
