//! Phases as values on the command line.

use clap::builder::PossibleValue;
use m4c_compiler::phase::{PHASES, Phase};

/// A phase that leaves something to look at: all but the one that leaves bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GraphPhase(pub(crate) Phase);

const GRAPH_PHASES: &[GraphPhase] = &[
    GraphPhase(Phase::Import),
    GraphPhase(Phase::Facts),
    GraphPhase(Phase::Adapt),
    GraphPhase(Phase::Rewrite),
    GraphPhase(Phase::Extract),
    GraphPhase(Phase::Lower),
    GraphPhase(Phase::Plan),
];

impl GraphPhase {
    /// All of them, in order.
    pub(crate) fn all() -> &'static [GraphPhase] {
        GRAPH_PHASES
    }
}

impl clap::ValueEnum for GraphPhase {
    fn value_variants<'a>() -> &'a [GraphPhase] {
        GRAPH_PHASES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let entry = self.0.entry();
        Some(PossibleValue::new(entry.name).help(entry.summary))
    }
}

/// The number of phases for progress bars.
pub(crate) fn count() -> u64 {
    PHASES.len() as u64
}
