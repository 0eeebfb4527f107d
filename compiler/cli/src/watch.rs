//! What the user sees of a compilation while it runs: progress, dumps.

use crate::console::Console;
use crate::phase;
use crate::table::bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use m4c_compiler::compile::Observer;
use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::file;
use m4c_compiler::phase::Phase;
use m4c_compiler::plan::Plan;
use m4c_ir::Graph;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Weights of fewer bytes are written before anybody would read of it in a log.
const WORTH_LINES: u64 = 64 << 20;

/// Shows progress, on a terminal as a bar and in a log as lines, and writes dumps.
pub(crate) struct Watch<'a> {
    console: Console,
    bar: ProgressBar,
    /// Tenths of the weights that lines have told of.
    told: u64,
    dumps: &'a [Phase],
    folder: Option<&'a Path>,
    /// Time of each phase of each program, for reports of compilations that stop early.
    pub(crate) timings: Vec<(String, Phase, Duration)>,
    failed: Diagnostics,
}

impl<'a> Watch<'a> {
    /// Dumps go to `folder`, without one to the standard output.
    pub(crate) fn new(console: Console, dumps: &'a [Phase], folder: Option<&'a Path>) -> Watch<'a> {
        // Standard error is drawn on only where it is a terminal.
        let target = if console.is_for_people() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(phase::count()), target).with_finish(ProgressFinish::AndClear);
        bar.set_style(style("{spinner} {msg}"));
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Watch { console, bar, told: 0, dumps, folder, timings: Vec::new(), failed: Diagnostics::new() }
    }

    /// Clears the progress bar.
    ///
    /// # Errors
    /// Why a dump could not be written.
    pub(crate) fn finish(self) -> Result<Vec<(String, Phase, Duration)>, Diagnostics> {
        self.bar.finish_and_clear();
        self.failed.finish(self.timings).map(|(timings, _)| timings)
    }

    fn dump(&mut self, program: &str, phase: Phase, text: &dyn std::fmt::Display) {
        if !self.dumps.contains(&phase) {
            return;
        }
        let written = match self.folder {
            Some(folder) => file::write(dump_path(folder, program, phase), text.to_string().as_bytes()),
            None => self.bar.suspend(|| self.console.print(&text.to_string())),
        };
        self.failed.take(written);
    }
}

impl Observer for Watch<'_> {
    fn begin(&mut self, program: &str, phase: Phase) {
        self.bar.set_message(format!("{program}: {phase}"));
        self.bar.tick();
    }

    fn end(&mut self, program: &str, phase: Phase, graph: &Graph, elapsed: Duration) {
        self.timings.push((program.to_owned(), phase, elapsed));
        // A plan says more than the graph behind it.
        if phase != Phase::Plan {
            self.dump(program, phase, graph);
        }
    }

    fn sees_rewritten(&self) -> bool {
        self.dumps.contains(&Phase::Rewrite)
    }

    fn planned(&mut self, plan: &Plan) {
        self.dump(&plan.name, Phase::Plan, plan);
    }

    fn written(&mut self, done: u64, total: u64) {
        if self.bar.length() != Some(total) {
            self.bar.set_length(total);
            self.bar.set_style(style("{spinner} {msg} [{wide_bar}] {bytes} of {total_bytes}, {eta} left"));
        }
        self.bar.set_position(done);
        if self.bar.is_hidden() && total >= WORTH_LINES {
            let tenths = u128::from(done) * 10 / u128::from(total);
            if tenths as u64 > self.told {
                self.told = tenths as u64;
                self.console.remark(&line(done, total));
            }
        }
    }
}

fn line(done: u64, total: u64) -> String {
    format!("weights: {} of {} written\n", bytes(done), bytes(total))
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants, and a test reads them.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Names of programs may hold anything; a file name may not.
fn dump_path(folder: &Path, program: &str, phase: Phase) -> PathBuf {
    let safe: String = program.chars().map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect();
    folder.join(format!("{safe}.{phase}.m4c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read() {
        for template in ["{spinner} {msg}", "{spinner} {msg} [{wide_bar}] {bytes} of {total_bytes}, {eta} left"] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn a_dump_stays_in_its_folder() {
        let path = dump_path(Path::new("out"), "../a/b", Phase::Lower);
        assert_eq!(path, Path::new("out/___a_b.lower.m4c"));
    }
}
