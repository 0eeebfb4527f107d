//! How forms are chosen, and how good the choice is.

use super::Candidates;
use crate::diagnostic::Diagnostic;
#[cfg(not(feature = "optimal-extraction"))]
use crate::diagnostic::codes;
use serde::Serialize;

/// How the forms of values are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Extraction {
    /// One value at a time, as long as the sum of costs shrinks.
    #[default]
    Greedy,
    /// The cheapest of all choices, by integer linear programming.
    Optimal,
}

impl Extraction {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Extraction::Greedy => "greedy",
            Extraction::Optimal => "optimal",
        }
    }

    /// Whether this was built.
    ///
    /// # Errors
    /// Where it was not.
    pub fn available(self) -> Result<(), Diagnostic> {
        match self {
            #[cfg(not(feature = "optimal-extraction"))]
            Extraction::Optimal => Err(not_built()),
            _ => Ok(()),
        }
    }
}

#[cfg(not(feature = "optimal-extraction"))]
pub(super) fn not_built() -> Diagnostic {
    Diagnostic::error(codes::FEATURE_NOT_BUILT, "this m4c was built without the feature `optimal-extraction`")
        .help("build it with: cargo build --release -p m4c --features optimal-extraction")
}

/// What was chosen from and what it costs. Costs are the target's estimates in seconds, for usual sizes: to compare choices, not
/// to tell how long a run takes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ExtractionReport {
    /// Values to choose a form of; those of a block that repeats count once.
    pub classes: usize,
    /// Their forms.
    pub forms: usize,
    /// What the greedy choice costs.
    pub greedy_cost: f64,
    /// What the choice costs.
    pub cost: f64,
    /// No choice costs less; none where nothing is known.
    pub bound: Option<f64>,
    /// Whether the choice is proved to be the cheapest.
    pub proved: bool,
}

impl ExtractionReport {
    /// That of a greedy choice.
    pub(super) fn of(candidates: &Candidates, cost: f64) -> ExtractionReport {
        let forms = candidates.forms.iter().map(Vec::len).sum();
        let classes = candidates.classes.len();
        ExtractionReport { classes, forms, greedy_cost: cost, cost, bound: None, proved: false }
    }

    /// That of nothing.
    pub(in crate::rewrite) fn none(extraction: Extraction) -> ExtractionReport {
        let optimal = extraction == Extraction::Optimal;
        ExtractionReport { bound: optimal.then_some(0.0), proved: optimal, ..ExtractionReport::default() }
    }

    /// Adds that of a piece that occurs so many times.
    pub(in crate::rewrite) fn add(&mut self, other: &ExtractionReport, occurrences: usize) {
        let times = occurrences as f64;
        self.classes += other.classes;
        self.forms += other.forms;
        self.greedy_cost += times * other.greedy_cost;
        self.cost += times * other.cost;
        self.bound = self.bound.zip(other.bound).map(|(all, one)| all + times * one);
        self.proved &= other.proved;
    }
}
