//! Equality saturation: every form of a graph at once, then the cheapest for a target.
//!
//! Rules are data ([`rules`]); what they demand and compute comes from closed lists ([`condition`], [`function`]). The types of
//! the e-graph engine stay in this module.

mod builder;
mod condition;
mod explain;
mod extract;
mod function;
mod language;
mod load;
mod mask;
mod pattern;
mod pieces;
mod place;
mod rule;
pub mod rules;
mod saturate;
mod template;

pub use explain::{FormVerdict, RefusedRule, ValueExplanation};
pub use extract::{Extraction, ExtractionReport, Prices, Smallest, Targeted};
pub use pieces::{BlockReport, Rewriting, RewritingReport};
pub use place::Placement;
pub use rule::{Kind, Rule, RuleNumerics};
pub use rules::Allowed;
pub use saturate::{Saturation, Stop};

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use indexmap::IndexSet;
use load::{Loaded, load};
use m4c_ir::Graph;
use m4c_ops::Binding;
use m4c_ops::dim::Guard;

/// All forms of a graph.
pub struct Saturated {
    graph: Graph,
    loaded: Loaded,
    sizes: Binding,
    /// The bodies of loops.
    bodies: Vec<Saturated>,
    /// What saturation did.
    pub report: Saturation,
    refusals: Vec<saturate::Refusal>,
}

/// Applies all rules that are allowed to a graph.
///
/// # Errors
/// Where a rule joins what cannot be one value, which is a bug.
pub fn saturated(graph: &Graph, allowed: impl Into<Allowed>) -> Result<Saturated, Diagnostics> {
    let rules = rules::read(allowed.into()).map_err(|error| Diagnostic::bug(codes::VERIFIER, error))?;
    inside(graph, &rules, &graph.guards)
}

/// The same with the guards of the graph around.
fn inside(graph: &Graph, rules: &[rule::ReadRule], guards: &IndexSet<Guard>) -> Result<Saturated, Diagnostics> {
    let mut loaded = load(graph);
    loaded.forms.analysis.guards.clone_from(guards);
    let (report, refusals) = saturate::saturate(&mut loaded.forms, rules);
    if let Some(conflict) = &loaded.forms.analysis.conflict {
        let message = format!("a rewrite rule joined {conflict}");
        return Err(Diagnostic::bug(codes::VERIFIER, message).into());
    }
    let mut bodies = Vec::new();
    for scan in &loaded.forms.analysis.scans {
        bodies.push(inside(&scan.body, rules, guards)?);
    }
    let sizes = extract::usual_sizes(graph);
    Ok(Saturated { graph: graph.clone(), loaded, sizes, bodies, report, refusals })
}

#[cfg(test)]
mod tests;
