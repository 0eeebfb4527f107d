//! The phases of compilation, in order. The command line, its help, its timings and the documentation come from this
//! table.

use std::fmt;

/// A named stretch of the pipeline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// ONNX file to graph.
    Import,
    /// Sizes bound, constants folded, everything inferred anew.
    Facts,
    /// Adapters in weights, or beside products.
    Adapt,
    /// Every form of the graph at once.
    Rewrite,
    /// The cheapest form that the target takes.
    Extract,
    /// Composites that the target does not take are decomposed.
    Lower,
    /// Steps, buffers and weight layouts.
    Plan,
    /// Weights and description to bytes.
    Emit,
}

/// A row of [`PHASES`].
pub struct PhaseEntry {
    /// The phase.
    pub phase: Phase,
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// What holds after it.
    pub leaves: &'static str,
}

/// All phases, in order.
///
/// Facts come after import because only then all dimension names, ranges and guards of the model are known. Adapters come before
/// rewriting, which joins modules that adapters tell apart. Rewriting comes after facts because what a rule demands are facts,
/// and before the target is asked because one e-graph serves all targets.
/// Lowering comes last, for what extraction could not choose otherwise.
pub const PHASES: &[PhaseEntry] = &[
    PhaseEntry {
        phase: Phase::Import,
        name: "import",
        summary: "ONNX file to graph; shape arithmetic becomes symbolic sizes",
        leaves: "a verified graph of primitives and composites, sizes symbolic, guards collected",
    },
    PhaseEntry {
        phase: Phase::Facts,
        name: "facts",
        summary: "binds given dimensions, unifies equal ones, folds and shares what is known",
        leaves: "sizes as known as they can be, no node computed twice",
    },
    PhaseEntry {
        phase: Phase::Adapt,
        name: "adapt",
        summary: "adds adapters to the weights of their modules, or puts them beside the products",
        leaves: "the model with its adapters; without adapters, what was before",
    },
    PhaseEntry {
        phase: Phase::Rewrite,
        name: "rewrite",
        summary: "saturates an e-graph with every form that the rules know",
        leaves: "all forms; what is shown is the one of the fewest operators, whatever the target",
    },
    PhaseEntry {
        phase: Phase::Extract,
        name: "extract",
        summary: "chooses the cheapest forms that the target takes",
        leaves: "one form of each value",
    },
    PhaseEntry {
        phase: Phase::Lower,
        name: "lower",
        summary: "decomposes the composites that the target does not take",
        leaves: "only nodes that the target takes",
    },
    PhaseEntry {
        phase: Phase::Plan,
        name: "plan",
        summary: "chooses kernels, weight layouts and buffers",
        leaves: "steps in order, each with its kernel; buffers with live ranges",
    },
    PhaseEntry { phase: Phase::Emit, name: "emit", summary: "packs weights and writes the artifact", leaves: "bytes" },
];

impl Phase {
    /// The row of the table.
    pub fn entry(self) -> &'static PhaseEntry {
        &PHASES[self as usize]
    }

    /// The phase of that name.
    pub fn parse(name: &str) -> Option<Phase> {
        PHASES.iter().find(|entry| entry.name == name).map(|entry| entry.phase)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_phases() {
        for (i, entry) in PHASES.iter().enumerate() {
            assert_eq!(entry.phase as usize, i);
            assert_eq!(Phase::parse(entry.name), Some(entry.phase));
        }
    }
}
