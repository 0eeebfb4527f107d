//! `m4c explain`: the long form of a diagnostic's code, or why a node of a model has the form that it has.

mod node;

use super::{Outcome, fine};
use crate::console::Console;
use m4c_compiler::diagnostic::codes::GROUPS;
use m4c_compiler::diagnostic::{Code, explain};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// Explain the code of a diagnostic, or what became of a node of a model and why
///
/// Of a node it tells the form that is chosen for the target and the rules that lead there, the other forms with what the
/// target says of them, and which rules were found here and did not apply, and why. Without anything all codes are listed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Explain {
    /// A code, as in M4C0101, or an .onnx file or m4.toml
    #[arg(value_name = "CODE or MODEL")]
    subject: Option<String>,

    #[command(flatten)]
    node: node::NodeArguments,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  What `error[M4C0140]` means, and what to do:
    m4c explain M4C0140

  All codes:
    m4c explain

  Why a node is computed as it is, by its name, its number, or a part of its module path:
    m4c explain encoder.onnx --node /layers.0/attn/Softmax
    m4c explain encoder.onnx --node 17 --json";

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
        let code = match &self.subject {
            Some(subject) if self.node.is_given() || Path::new(subject).exists() => {
                return self.node.run(Path::new(subject), self.json, console);
            }
            Some(subject) => Some(subject.parse::<Code>().unwrap_or_else(|_| {
                crate::usage_error(&format!("`{subject}` is neither a code, as in M4C0101, nor a file"))
            })),
            None => None,
        };
        let groups = GROUPS.iter().map(|group| {
            let entries = group.entries.iter().filter(|entry| code.is_none_or(|code| code == entry.code));
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
        if let Some(text) = code.and_then(explain) {
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
