//! `m4c run`: one run of a program, and what came out.

use super::{Outcome, fine};
use crate::array::{Array, write_arrays};
use crate::comparison::{self, Comparison, compare, references};
use crate::console::Console;
use crate::execute::{Execution, default_threads};
use crate::inputs::{InputArguments, only_with_random};
use crate::profile::{Profile, ProfileReport};
use crate::size::{Size, bounded, states_bounded};
use crate::summary::{Summary, number};
use crate::table::{Align, Table};
use crate::{array, artifact, ports};
use m4c_compiler::diagnostic::Diagnostics;
use m4c_runtime::{Observer, Program};
use serde::Serialize;
use std::path::PathBuf;

/// Run a program of an artifact
///
/// Takes inputs from NumPy files or makes random ones, prints type, shape and range of every output, and compares with
/// expected results. Sizes are taken from the inputs. States are set and read under the names of the inputs and outputs
/// that they replaced. Exits with 1 where a comparison fails.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
#[command(mut_args(only_with_random), mut_arg("size", |size| size.visible_alias("dim")))]
pub(crate) struct Run {
    /// The artifact
    #[arg(value_name = "FILE.m4fw")]
    artifact: PathBuf,

    /// Which program to run; not needed where there is only one
    #[arg(long, value_name = "NAME")]
    program: Option<String>,

    #[command(flatten)]
    inputs: InputArguments,

    /// Write the outputs, named as in the model: to a NumPy archive, or to a .safetensors file
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    outputs: Option<PathBuf>,

    /// Compare the outputs with arrays named as they are, with or without `out:` before the name
    ///
    /// Each output has a numerics class, and with it a largest difference relative to the largest magnitude of the
    /// reference. Outputs that the file lacks are not compared.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    compare: Option<PathBuf>,

    /// How many threads compute; by default as many as the machine has processors
    #[arg(long, value_name = "N", help_heading = "Running", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Make session and states for sizes up to this, as in seq=512; may be repeated
    ///
    /// By default both are made for just the sizes of the inputs.
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Running")]
    bound: Vec<Size>,

    /// Print where the time went, by kernel and by step
    #[arg(long, help_heading = "Reports")]
    profile: bool,

    /// Print everything as JSON
    #[arg(long, help_heading = "Reports")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  Run with inputs from a file, and keep the outputs:
    m4c run encoder.m4fw --inputs in.npz --outputs out.npz

  Compare with what another engine computed:
    m4c run encoder.m4fw --inputs in.npz --compare expected.npz

  Run with random inputs of a chosen size:
    m4c run encoder.m4fw --random 1 --size batch=4 --size seq=128 --random-below 30000

  See what is slow:
    m4c run encoder.m4fw --random 1 --size batch=1 --threads 1 --profile";

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    program: &'a str,
    seconds: f64,
    outputs: Vec<Summary>,
    comparisons: Option<&'a [Comparison]>,
    profile: Option<ProfileReport>,
}

impl Run {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        let file = artifact::map(&self.artifact)?;
        let artifact = artifact::open(&self.artifact, &file)?;
        let program = artifact::program(&artifact, self.program.as_deref(), &self.artifact)?;
        let ((inputs, known), remarks) = self.inputs.gather(program)?;
        let bounds = bounded(known.bounds(), &program, &self.bound)?;
        let state_bounds = states_bounded(known.state_bounds(), &artifact, &self.bound)?;
        // Before the run, so that a wrong file does not cost one.
        let references = match &self.compare {
            Some(path) => Some(references(&program, path)?),
            None => None,
        };
        let profile = self.profile.then(|| Profile::new(&program));
        let threads = self.threads.map_or_else(default_threads, usize::from);
        let observer = profile.as_ref().map(|profile| profile as &dyn Observer);
        let mut execution = Execution::new(program, &inputs, &bounds, &state_bounds, threads)?;
        let seconds = execution.run(observer)?.as_secs_f64();
        let profile = profile.map(|profile| profile.report(execution.session(), &[seconds], None));
        let outputs = execution.outputs()?;
        if let Some(path) = &self.outputs {
            write_arrays(path, &named(&program, &outputs))?;
        }
        let comparisons = match &references {
            Some(references) => Some(compare(&program, &outputs, references)?),
            None => None,
        };
        let report = Report {
            program: program.name(),
            seconds,
            outputs: named(&program, &outputs).iter().map(|(name, array)| Summary::of(name, array)).collect(),
            comparisons: comparisons.as_deref(),
            profile,
        };
        if self.json {
            console.print_json(&report)?
        } else {
            console.print(&text(&report))?
        }

        let mut failed = Diagnostics::new();
        let expected = self.compare.as_ref().map(|path| format!("`{}`", path.display())).unwrap_or_default();
        let what = format!("program `{}`", program.name());
        failed.extend(comparisons.iter().flatten().filter_map(|comparison| comparison.failure(&what, &expected)));
        console.report(&remarks);
        if failed.is_empty() { fine() } else { Err(failed) }
    }
}

fn named<'a>(program: &Program<'_>, outputs: &'a [array::Array]) -> Vec<(String, &'a Array)> {
    ports::outputs(program).into_iter().map(|port| port.name.clone()).zip(outputs).collect()
}

fn text(report: &Report<'_>) -> String {
    let mut table = Table::new(&[
        ("output", Align::Left),
        ("type", Align::Left),
        ("min", Align::Right),
        ("max", Align::Right),
        ("mean", Align::Right),
        ("NaN", Align::Right),
    ]);
    for output in &report.outputs {
        table.row([
            output.name.clone(),
            array::describe(output.dtype, &output.shape),
            number(output.min),
            number(output.max),
            number(output.mean),
            output.nan.to_string(),
        ]);
    }
    let mut out = format!("{}: ran in {:.3} ms\n", report.program, report.seconds * 1e3);
    out += &table.render("  ");
    if let Some(comparisons) = report.comparisons {
        out += "\ncompared:\n";
        out += &comparison::render(comparisons);
    }
    if let Some(profile) = &report.profile {
        out += &profile.text();
    }
    out
}
