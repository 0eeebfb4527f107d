//! Pages of docs/reference that are made from what the program knows.

use crate::arguments::Arguments;
use clap::CommandFactory;
use m4c_compiler::diagnostic::reference_page;
use m4c_compiler::phase::PHASES;
use m4c_ops::{page, table};
use std::fmt::Write as _;

/// The widest line of a help text.
const WIDTH: usize = 100;

/// A page below docs/reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Path below docs/reference.
    pub path: String,
    /// Markdown.
    pub text: String,
}

/// All pages.
pub fn pages() -> Vec<Page> {
    let page = |path: &str, text: String| Page { path: path.into(), text };
    let mut pages = vec![
        page("cli.md", reference()),
        page("diagnostics.md", reference_page()),
        page("phases.md", phases()),
        page("rules.md", crate::command::rules::page().unwrap_or_else(|error| error)),
        page("ops/README.md", page::index()),
    ];
    pages.extend(table::all().map(|op| page(&format!("ops/{}.md", op.name), page::page(op))));
    pages
}

/// The long help of m4c and all of its commands.
pub fn reference() -> String {
    let mut out = String::from("# Command line\n\nMade from the definitions that the program reads.\n");
    let mut command = Arguments::command().bin_name("m4c");
    command.build();
    sections(&mut out, "m4c", &command);
    out
}

/// A section for a command and for each below it.
fn sections(out: &mut String, title: &str, command: &clap::Command) {
    let help = command.clone().term_width(WIDTH).render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(out, "\n## {title}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        sections(out, &format!("{title} {}", below.get_name()), below);
    }
}

fn phases() -> String {
    let mut out = String::from(
        "# Phases\n\nMade from the table of phases. A compilation runs them in this order.\n\n\
         | phase | what it does | leaves |\n|---|---|---|\n",
    );
    for entry in PHASES {
        let _ = writeln!(out, "| `{}` | {} | {} |", entry.name, entry.summary, entry.leaves);
    }
    out
}
