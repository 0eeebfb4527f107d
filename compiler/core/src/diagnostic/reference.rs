//! The long form of each code: `m4c explain` and the reference page.

use super::codes::{self, GROUPS};
use super::{Code, Entry};
use std::fmt::Write as _;

/// What `m4c explain CODE` prints.
pub fn explain(code: Code) -> Option<String> {
    code.entry().map(|entry| {
        let Entry { code, title, explanation, example, remedy, .. } = entry;
        format!("{code}: {title}\n\n{explanation}\n\nExample:\n\n{}\nWhat to do: {remedy}\n", indented(example))
    })
}

/// The text of `docs/reference/diagnostics.md`.
pub fn reference_page() -> String {
    let mut page = String::from(
        "# Diagnostics\n\n\
         Generated from the table of codes. `m4c explain CODE` prints one entry.\n\n\
         The first two digits name the part of m4c that speaks.\n\n\
         | code | what |\n|---|---|\n",
    );
    for entry in codes::entries() {
        let _ = writeln!(page, "| [{0}](#{1}) | {2} |", entry.code, anchor(entry), entry.title);
    }
    for group in GROUPS.iter().filter(|group| !group.entries.is_empty()) {
        let _ = write!(page, "\n## {:02}xx: {}\n", group.hundred, group.title);
        for entry in group.entries {
            let Entry { code, title, explanation, example, remedy, .. } = entry;
            let _ = write!(page, "\n### {code}\n\n**{title}.** {explanation}\n\n```text\n{example}\n```\n\n{remedy}\n");
        }
    }
    page
}

fn anchor(entry: &Entry) -> String {
    entry.code.to_string().to_ascii_lowercase()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
