//! What became of a node of a model, and why.

use crate::chosen;
use crate::command::{Outcome, fine};
use crate::console::Console;
use crate::numerics::Numerics;
use crate::targets::{TARGETS, TargetEntry, TargetParser};
use m4c_compiler::compile::{Silent, graph_after};
use m4c_compiler::diagnostic::{Diagnostic, codes};
use m4c_compiler::phase::Phase;
use m4c_compiler::rewrite::{RuleNumerics, ValueExplanation, saturated};
use m4c_ir::{Graph, Origin};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// The most names that an error lists.
const LISTED: usize = 12;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct NodeArguments {
    /// The node: its name, its number in the file, or a part of its module path
    #[arg(long, value_name = "NODE", help_heading = "Nodes")]
    node: Option<String>,

    /// What to compile for
    #[arg(long, value_name = "TARGET", value_parser = TargetParser, default_value = TARGETS[0].name, help_heading = "Nodes")]
    target: &'static TargetEntry,

    /// Which program of an m4.toml; not needed where there is only one
    #[arg(long, value_name = "NAME", help_heading = "Nodes")]
    program: Option<String>,

    /// A dimension's size or range, as for `m4c compile`; may be repeated
    #[arg(long, value_name = "NAME=VALUES", help_heading = "Nodes")]
    dim: Vec<String>,

    /// How far rewriting may change numbers
    #[arg(long, value_name = "CLASS", default_value = "reassociate", help_heading = "Nodes")]
    numerics: Numerics,
}

impl NodeArguments {
    pub(super) fn is_given(&self) -> bool {
        self.node.is_some()
    }

    pub(super) fn run(&self, model: &Path, json: bool, console: Console) -> Outcome {
        let Some(wanted) = &self.node else {
            crate::usage_error("--node must name a node of the model");
        };
        let (project, program) = chosen::project(model, self.program.as_deref(), &self.dim)?;
        let target = self.target.target()?;
        let graph = graph_after(&project, &program, &*target, Phase::Facts, &mut Silent)?;
        let found = origins(&graph, wanted);
        if found.is_empty() {
            return Err(unknown(&graph, wanted, model).into());
        }
        let numerics = self.numerics.class().unwrap_or(RuleNumerics::Exact);
        let all = saturated(&graph, numerics)?;
        let values = all.explain(&|origin| found.contains(origin), &*target, numerics)?;
        if json {
            console.print_json(&values)?;
            return fine();
        }
        let mut out = String::new();
        for origin in &found {
            let _ = writeln!(out, "{origin}");
        }
        if values.is_empty() {
            out += "  is computed when compiling, or is a size: no value is left of it\n";
        }
        for value in &values {
            out += &text(value, &target.profile().id);
        }
        console.print(&out)?;
        fine()
    }
}

fn text(value: &ValueExplanation, target: &str) -> String {
    let mut out = format!("\n  imported as {}\n", value.imported);
    match &value.chosen {
        Some(chosen) if *chosen == value.imported => out += "  and stays so\n",
        Some(chosen) => {
            let _ = writeln!(out, "  becomes {chosen}");
        }
        None => {
            out += "  is part of\n";
            for cover in &value.covered_by {
                let _ = writeln!(out, "    {cover}");
            }
        }
    }
    if !value.chain.is_empty() {
        let _ = writeln!(out, "  by {}", value.chain.join(", then "));
    }
    if value.forms.len() > 1 || value.forms.iter().any(|form| form.verdict != "yes") {
        let _ = writeln!(out, "  its forms, and what `{target}` says of them:");
        for form in &value.forms {
            let reason = form.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            let _ = writeln!(out, "    {} ({}{reason})", form.form, form.verdict);
        }
    }
    for refused in &value.refused {
        let _ = writeln!(out, "  `{}` was found here and not applied: {}", refused.rule, refused.why);
    }
    out
}

/// The nodes of the user's model that are meant.
fn origins(graph: &Graph, wanted: &str) -> BTreeSet<Origin> {
    let all: BTreeSet<Origin> = graph
        .order()
        .into_iter()
        .flat_map(|value| graph.node(value).origins.iter().map(|origin| (**origin).clone()))
        .collect();
    let number: Option<u32> = wanted.parse().ok();
    let exact: BTreeSet<Origin> =
        all.iter().filter(|origin| origin.name == wanted || number == Some(origin.index)).cloned().collect();
    if !exact.is_empty() {
        return exact;
    }
    all.into_iter().filter(|origin| origin.name.contains(wanted) || origin.scope.contains(wanted)).collect()
}

fn unknown(graph: &Graph, wanted: &str, model: &Path) -> Diagnostic {
    let names: BTreeSet<String> = graph
        .order()
        .into_iter()
        .flat_map(|value| graph.node(value).origins.iter().map(ToString::to_string).collect::<Vec<_>>())
        .collect();
    let some: Vec<String> = names.into_iter().take(LISTED).collect();
    let message = format!("no value comes from a node `{wanted}`");
    let help = format!("give a node's number, its name, or a part of its module path; some are {}", some.join("; "));
    Diagnostic::error(codes::NODE_UNKNOWN, message).at(model).help(help)
}
