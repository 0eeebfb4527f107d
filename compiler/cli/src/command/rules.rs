//! `m4c rules`: the rewrite rules.

use super::{Outcome, fine};
use crate::console::Console;
use crate::table::{Align, Table};
use clap::builder::PossibleValuesParser;
use m4c_compiler::diagnostic::{Diagnostic, codes};
use m4c_compiler::rewrite::rules::{self, Described, SUBJECTS};
use std::fmt::Write as _;

/// List the rewrite rules, or show one
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Rules {
    /// Show everything about one rule
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Only the rules of one table
    #[arg(long, value_name = "SUBJECT", conflicts_with = "name",
        value_parser = PossibleValuesParser::new(SUBJECTS.iter().map(|subject| subject.name).chain(["composites"])))]
    subject: Option<String>,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  All rules:
    m4c rules

  What makes attention of its parts, and under which conditions:
    m4c rules --subject attention
    m4c rules recognize-scaled-masked-attention

  Which rules a compilation applied, and how often:
    m4c compile model.onnx -o model.m4fw --json";

impl Rules {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        let mut all = rules::described().map_err(|error| Diagnostic::bug(codes::VERIFIER, error))?;
        if let Some(subject) = &self.subject {
            all.retain(|rule| rule.subject == subject);
        }
        if let Some(name) = &self.name {
            all.retain(|rule| rule.name == *name);
            if all.is_empty() {
                crate::usage_error(&format!("there is no rule `{name}`; `m4c rules` lists all"));
            }
        }
        if self.json {
            console.print_json(&all)?;
            return fine();
        }
        if let (Some(_), [rule]) = (&self.name, &*all) {
            console.print(&whole(rule))?;
            return fine();
        }
        let mut table = Table::new(&[
            ("rule", Align::Left),
            ("subject", Align::Left),
            ("kind", Align::Left),
            ("numerics", Align::Left),
            ("why", Align::Left),
        ]);
        for rule in &all {
            table.row([&*rule.name, rule.subject, rule.kind, rule.numerics, &*rule.why]);
        }
        console.print(&table.render(""))?;
        fine()
    }
}

/// Everything about a rule.
fn whole(rule: &Described) -> String {
    let mut out = format!("{} ({}, {}, {})\n{}\n\n", rule.name, rule.subject, rule.kind, rule.numerics, rule.why);
    let _ = writeln!(out, "  {}\n  => {}", rule.left, rule.right);
    for (name, text) in &rule.parts {
        let _ = writeln!(out, "  where {name} is {text}");
    }
    for (word, conditions) in [("given", &rule.given), ("when", &rule.when)] {
        for condition in conditions {
            let _ = writeln!(out, "  {word} {condition}");
        }
    }
    out
}

/// The page of docs/reference.
///
/// # Errors
/// Which rule's text is wrong.
pub(crate) fn page() -> Result<String, String> {
    let mut out = String::from(
        "# Rewrite rules\n\nMade from the tables of rules. A rule adds its right side to the class of what its left side finds. *Given* is\n\
         what must hold for both sides to be equal, *when* what must hold for it to pay. Rules of class `exact` keep every bit;\n\
         `reassociate` rounds in another way; `--numerics` says how far a compilation may go.\n",
    );
    let all = rules::described()?;
    let subjects = SUBJECTS.iter().map(|subject| (subject.name, subject.summary));
    for (name, summary) in subjects.chain([("composites", "generated: what each composite decomposes into")]) {
        let _ = write!(out, "\n## {name}\n\n{}.\n", sentence(summary));
        for rule in all.iter().filter(|rule| rule.subject == name) {
            let _ = write!(
                out,
                "\n### {}\n\n{}. *{}*, *{}*.\n\n",
                rule.name,
                sentence(&rule.why),
                rule.kind,
                rule.numerics
            );
            let _ = write!(out, "```text\n{}\n=> {}\n", rule.left, rule.right);
            for (part, text) in &rule.parts {
                let _ = writeln!(out, "where {part} is {text}");
            }
            out += "```\n";
            for (word, conditions) in [("given", &rule.given), ("when", &rule.when)] {
                if !conditions.is_empty() {
                    let _ = write!(out, "\n*{word}* {}.\n", conditions.join("; "));
                }
            }
        }
    }
    out += "\n## Functions\n\nWhat right sides compute with `(=name …)`.\n\n| function | arguments | gives |\n|---|---:|---|\n";
    for (name, arguments, text) in rules::functions() {
        let _ = writeln!(out, "| `{name}` | {arguments} | {text} |");
    }
    Ok(out)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
