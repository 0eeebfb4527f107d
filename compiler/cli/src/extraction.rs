//! How the forms of values are chosen, as a value on the command line.

use clap::ValueEnum;
use m4c_compiler::rewrite::Extraction;

/// A way to choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Extract {
    /// One value at a time, as long as the sum of the target's costs shrinks
    Greedy,
    /// The cheapest of all choices, with a proof; takes up to seconds for each different layer (needs the feature
    /// `optimal-extraction`)
    Optimal,
}

impl Extract {
    /// As a project has it.
    pub(crate) fn extraction(self) -> Extraction {
        match self {
            Extract::Greedy => Extraction::Greedy,
            Extract::Optimal => Extraction::Optimal,
        }
    }
}
