//! `m4c explain`: the long form of a diagnostic's code.

use super::{Outcome, fine};
use crate::console::Console;
use m4c_compiler::diagnostic::codes::GROUPS;
use m4c_compiler::diagnostic::{Code, explain};
use serde::Serialize;
use std::fmt::Write as _;

/// Explain the code of a diagnostic, or list all codes
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Explain {
    /// The code, as in M4C0101; all codes are listed without one
    #[arg(value_name = "CODE")]
    code: Option<Code>,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  What `error[M4C0140]` means, and what to do:
    m4c explain M4C0140

  All codes:
    m4c explain";

#[derive(Serialize)]
struct Entry {
    code: Code,
    title: &'static str,
    explanation: &'static str,
    example: &'static str,
    remedy: &'static str,
}

impl Explain {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        let groups = GROUPS.iter().map(|group| {
            let entries = group.entries.iter().filter(|entry| self.code.is_none_or(|code| code == entry.code));
            (group, entries.collect::<Vec<_>>())
        });
        let groups: Vec<_> = groups.filter(|(_, entries)| !entries.is_empty()).collect();
        if self.json {
            let entries: Vec<Entry> = groups
                .iter()
                .flat_map(|(_, entries)| entries)
                .map(|entry| Entry {
                    code: entry.code,
                    title: entry.title,
                    explanation: entry.explanation,
                    example: entry.example,
                    remedy: entry.remedy,
                })
                .collect();
            console.print_json(&entries)?;
            return fine();
        }
        if let Some(text) = self.code.and_then(explain) {
            console.print(&text)?;
            return fine();
        }
        let mut out = String::new();
        for (group, entries) in groups {
            let _ = writeln!(out, "{:02}xx: {}", group.hundred, group.title);
            for entry in entries {
                let _ = writeln!(out, "  {}  {}", entry.code, entry.title);
            }
        }
        console.print(&out)?;
        fine()
    }
}
