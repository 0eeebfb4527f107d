//! `m4c phases`: the table of phases.

use super::{Outcome, fine};
use crate::console::Console;
use crate::table::{Align, Table};
use m4c_compiler::phase::PHASES;
use serde::Serialize;

/// List the phases of a compilation, in order
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Phases {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  What happens in which order:
    m4c phases

  See the graph between two of them:
    m4c compile model.onnx --stop-after facts --dump facts";

#[derive(Serialize)]
struct Row {
    name: &'static str,
    summary: &'static str,
    leaves: &'static str,
}

impl Phases {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        if self.json {
            let rows =
                PHASES.iter().map(|entry| Row { name: entry.name, summary: entry.summary, leaves: entry.leaves });
            console.print_json(&rows.collect::<Vec<_>>())?;
            return fine();
        }
        let mut table = Table::new(&[("phase", Align::Left), ("what it does", Align::Left), ("leaves", Align::Left)]);
        for entry in PHASES {
            table.row([entry.name, entry.summary, entry.leaves]);
        }
        console.print(&table.render(""))?;
        fine()
    }
}
