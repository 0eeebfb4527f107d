//! `m4c completions`: what shells need to complete commands and options.

use super::{Outcome, fine};
use crate::arguments::Arguments;
use crate::console::Console;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print a script that completes m4c's commands and options in a shell
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  For bash, in this shell and in new ones:
    source <(m4c completions bash)
    m4c completions bash > ~/.local/share/bash-completion/completions/m4c

  For fish:
    m4c completions fish > ~/.config/fish/completions/m4c.fish";

impl Completions {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "m4c", &mut script);
        console.print(&String::from_utf8_lossy(&script))?;
        fine()
    }
}
