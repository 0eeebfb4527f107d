//! `m4c compile`: models to an artifact.

use super::Outcome;
use crate::adapters::AdapterArguments;
use crate::console::Console;
use crate::extraction::Extract;
use crate::fail_on::{self, Condition};
use crate::memory::PeakMemory;
use crate::numerics::Numerics;
use crate::phase::GraphPhase;
use crate::table::{Align, Table, bytes, count};
use crate::targets::{TARGETS, TargetEntry, TargetParser};
use crate::watch::Watch;
use crate::{dependencies, size};
use m4c_compiler::adapter::Way;
use m4c_compiler::compile::{self, ProgramReport, Report};
use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::onnx_out::write_onnx;
use m4c_compiler::phase::Phase;
use m4c_compiler::project::Project;
use m4c_compiler::rewrite::ExtractionReport;
use m4c_target::Target;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Compile a model, or several that belong together, into one artifact
///
/// The model is an .onnx file, or an m4.toml that joins several of them as programs of one artifact. The same input and
/// the same options give the same bytes. The artifact is written beside its final place and renamed when it is whole.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Compile {
    /// An .onnx file, or an m4.toml
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// The artifact to write, or the ONNX file with --emit onnx
    #[arg(short, long, value_name = "FILE", required_unless_present = "stop_after")]
    output: Option<PathBuf>,

    /// What to compile for
    #[arg(long, value_name = "TARGET", value_parser = TargetParser, default_value = TARGETS[0].name)]
    target: &'static TargetEntry,

    /// The name of the program that a bare .onnx file becomes
    #[arg(long, value_name = "PROGRAM", default_value = "main")]
    name: String,

    /// A dimension's size or range, as in batch=4, seq=1..512 or height=16..64:2; may be repeated
    ///
    /// Ranges include both ends; a step counts from the lower one, and either end may be left out. What m4.toml says of
    /// the same dimension is overruled. Without a range, a symbolic dimension may have any size.
    #[arg(long, value_name = "NAME=VALUES", help_heading = "Sizes")]
    dim: Vec<String>,

    #[command(flatten)]
    adapters: AdapterArguments,

    /// How far rewriting may change numbers
    #[arg(long, value_name = "CLASS", default_value = "reassociate", help_heading = "Rewriting")]
    numerics: Numerics,

    /// How to choose between equal forms of a value
    #[arg(long, value_name = "WAY", default_value = "greedy", help_heading = "Rewriting")]
    extract: Extract,

    /// Stop after a phase; nothing is written unless --emit or --dump asks for it
    #[arg(long, value_name = "PHASE", help_heading = "Looking inside")]
    stop_after: Option<GraphPhase>,

    /// Print what a phase leaves, a graph or a plan, as text; may be repeated
    #[arg(long, value_name = "PHASE", help_heading = "Looking inside")]
    dump: Vec<GraphPhase>,

    /// Write dumps to DIR/PROGRAM.PHASE.m4c instead of printing them
    #[arg(long, value_name = "DIR", requires = "dump", help_heading = "Looking inside")]
    dump_dir: Option<PathBuf>,

    /// Write the graph instead of an artifact: as it is after --stop-after, by default after lower
    ///
    /// With several programs, each goes to a file of its own: OUT.onnx becomes OUT.PROGRAM.onnx.
    #[arg(long, value_name = "FORMAT", requires = "output", help_heading = "Looking inside")]
    emit: Option<Format>,

    /// Fail where a size is exceeded, as in 'arena>64MB,artifact>200MB,steps>500'; may be repeated
    ///
    /// arena is the working memory of a program with one thread, for the largest sizes of all its dimensions: each needs
    /// an upper bound, from the model or from --dim NAME=LOW..HIGH. artifact is the whole file, weights what constants take
    /// in it, steps those of a program. kB, MB and GB are powers of 1000; KiB, MiB and GiB of 1024. What is exceeded is
    /// named, no artifact is written, and the exit code is 3.
    #[arg(long, value_name = "CONDITIONS", value_delimiter = ',', conflicts_with_all = ["stop_after", "emit"], help_heading = "Builds")]
    fail_on: Vec<Condition>,

    /// Write a rule for make that names every file that the artifact was made from
    ///
    /// These are the model, the files with its weights, and the m4.toml; ninja reads the rule as a depfile.
    #[arg(long, value_name = "FILE.d", conflicts_with_all = ["stop_after", "emit"], help_heading = "Builds")]
    emit_deps: Option<PathBuf>,

    /// Print the time of each phase
    #[arg(long, help_heading = "Reports")]
    timings: bool,

    /// Print the report as JSON
    #[arg(long, help_heading = "Reports")]
    json: bool,
}

/// What --emit writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Format {
    /// Plain ONNX of opset 20, for other engines
    Onnx,
}

const EXAMPLES: &str = "\
Examples:
  Compile a model for every size that it allows:
    m4c compile encoder.onnx -o encoder.m4fw

  Fix the batch and bound the sequence:
    m4c compile encoder.onnx -o encoder.m4fw --dim batch=1 --dim seq=1..512

  See what is imported, and run the lowered graph in another engine:
    m4c compile encoder.onnx --stop-after import --dump import
    m4c compile encoder.onnx -o lowered.onnx --emit onnx

  Hold a budget, and tell make what the artifact depends on:
    m4c compile encoder.onnx -o encoder.m4fw --dim batch=1..8 --fail-on arena>64MB,steps>2000 --emit-deps encoder.d

  Merge a LoRA adapter into the weights, or keep it beside them:
    m4c compile llama.onnx -o task.m4fw --adapter adapters/task
    m4c compile llama.onnx -o task.m4fw --adapter adapters/task=side

  Join several models:
    m4c compile m4.toml -o firmware.m4fw --timings";

impl Compile {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        if self.json && !self.dump.is_empty() && self.dump_dir.is_none() {
            crate::usage_error("--json with --dump needs --dump-dir: both print to the standard output");
        }
        let start = Instant::now();
        let memory = PeakMemory::watch();
        let mut project = Project::open(&self.model, &size::settings(&self.dim)?)?;
        project.numerics = self.numerics.class();
        project.extraction = self.extract.extraction();
        self.adapters.add_to(&mut project);
        if let ([only], false) = (&mut *project.programs, is_manifest(&self.model)) {
            only.name.clone_from(&self.name);
        }
        if let Some(folder) = &self.dump_dir {
            make_folder(folder)?;
        }
        let target = self.target.target()?;
        let dumps: Vec<Phase> = self.dump.iter().map(|phase| phase.0).collect();
        let mut watch = Watch::new(console, &dumps, self.dump_dir.as_deref());
        let (report, warnings) = match (self.emit, self.stop_after, &self.output) {
            (None, None, Some(output)) => self.artifact(&project, &*target, output, &mut watch)?,
            (_, stop_after, _) => {
                let last = stop_after.map_or(Phase::Lower, |phase| phase.0);
                (self.graphs(&project, &*target, last, &mut watch)?, Diagnostics::new())
            }
        };
        let timings = watch.finish()?;
        self.print(console, report, &timings, start.elapsed(), memory.finish())?;
        Ok(warnings)
    }

    fn artifact(
        &self,
        project: &Project,
        target: &dyn Target,
        output: &Path,
        watch: &mut Watch<'_>,
    ) -> Result<(Report, Diagnostics), Diagnostics> {
        let (report, warnings) = if self.fail_on.is_empty() {
            compile::compile(project, target, output, watch)?
        } else {
            fail_on::compile_within(&self.fail_on, output, |path| compile::compile(project, target, path, watch))?
        };
        if let Some(path) = &self.emit_deps {
            let manifest = is_manifest(&self.model).then(|| self.model.clone());
            let files: Vec<PathBuf> = manifest.into_iter().chain(report.files.iter().cloned()).collect();
            dependencies::write(path, output, &files)?;
        }
        Ok((report, warnings))
    }

    fn graphs(
        &self,
        project: &Project,
        target: &dyn Target,
        last: Phase,
        watch: &mut Watch<'_>,
    ) -> Result<Report, Diagnostics> {
        let mut report = Report::default();
        for program in &project.programs {
            let graph = compile::graph_after(project, &program.name, target, last, watch)?;
            if let (Some(_), Some(output)) = (self.emit, &self.output) {
                write_onnx(&graph, &emitted(output, &program.name, project.programs.len()))?;
            }
            report.programs.push(ProgramReport {
                name: program.name.clone(),
                nodes: graph.operator_count(),
                symbols: graph.ranges.iter().map(|(name, range)| (name.clone(), range.to_string())).collect(),
                guards: graph.guards.iter().map(ToString::to_string).collect(),
                ..ProgramReport::default()
            });
        }
        Ok(report)
    }

    fn print(
        &self,
        console: Console,
        report: Report,
        timings: &[(String, Phase, Duration)],
        elapsed: Duration,
        peak_memory_bytes: Option<u64>,
    ) -> Result<(), Diagnostics> {
        let phases = timings.iter().map(|(program, phase, elapsed)| PhaseTime {
            program: program.clone(),
            phase: phase.entry().name,
            seconds: elapsed.as_secs_f64(),
        });
        let all = Everything { report, phases: phases.collect(), seconds: elapsed.as_secs_f64(), peak_memory_bytes };
        if self.json {
            return Ok(console.print_json(&all)?);
        }
        let text = self.summary(&all);
        // A dump is the result then, and the summary is only about it.
        if !self.dump.is_empty() && self.dump_dir.is_none() {
            console.remark(&text);
            return Ok(());
        }
        Ok(console.print(&text)?)
    }

    fn summary(&self, all: &Everything) -> String {
        let mut out = String::new();
        let whole = self.emit.is_none() && self.stop_after.is_none();
        for program in &all.report.programs {
            let mut parts = Vec::new();
            if whole {
                parts.push(count(program.onnx_nodes, "ONNX node"));
            }
            parts.push(count(program.nodes, "node"));
            if whole {
                parts.push(count(program.steps, "step"));
            }
            let _ = writeln!(out, "{}: {}", program.name, parts.join(", "));
            if let Some(extraction) = &program.extraction {
                out += &choice(extraction);
            }
            for applied in &program.adapters {
                let how = if applied.way == Way::Merge { "merged into" } else { "beside" };
                let _ = writeln!(out, "  adapter {} {how} {}", applied.adapter, count(applied.sites, "weight"));
            }
            for (symbol, range) in &program.symbols {
                let _ = writeln!(out, "  size {symbol} = {}", range.strip_suffix(":1").unwrap_or(range));
            }
            for guard in &program.guards {
                let _ = writeln!(out, "  relies on {guard}");
            }
        }
        if self.timings {
            let mut table = Table::new(&[("program", Align::Left), ("phase", Align::Left), ("seconds", Align::Right)]);
            for time in &all.phases {
                table.row([time.program.clone(), time.phase.to_owned(), format!("{:.3}", time.seconds)]);
            }
            out += &table.render("  ");
        }
        let what = match &self.output {
            Some(path) if whole => format!("{}: {}", path.display(), bytes(all.report.artifact_bytes)),
            Some(path) => path.display().to_string(),
            None => "stopped early, nothing was written".to_owned(),
        };
        let memory = all.peak_memory_bytes.map_or(String::new(), |peak| format!(", {} of memory", bytes(peak)));
        let _ = writeln!(out, "{what}, {:.2} s{memory}", all.seconds);
        out
    }
}

/// How good an optimal choice of forms is.
fn choice(extraction: &ExtractionReport) -> String {
    let Some(bound) = extraction.bound else { return String::new() };
    let below = |cost: f64| (1.0 - cost / extraction.greedy_cost.max(f64::MIN_POSITIVE)) * 100.0;
    let gain = format!("  chosen forms cost {:.2} % less than the greedy choice", below(extraction.cost));
    if extraction.proved {
        return format!("{gain}, and none less: proved\n");
    }
    format!("{gain}; by no more than {:.2} % could any\n", below(bound))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Everything {
    #[serde(flatten)]
    report: Report,
    phases: Vec<PhaseTime>,
    seconds: f64,
    /// The most anonymous memory at a time; null where the system does not tell.
    peak_memory_bytes: Option<u64>,
}

#[derive(Serialize)]
struct PhaseTime {
    program: String,
    phase: &'static str,
    seconds: f64,
}

pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

fn emitted(output: &Path, program: &str, programs: usize) -> PathBuf {
    if programs == 1 { output.to_owned() } else { output.with_extension(format!("{program}.onnx")) }
}

/// Makes a folder for output.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Diagnostics> {
    use m4c_compiler::diagnostic::{Diagnostic, codes};
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("cannot make the folder `{}`: {error}", folder.display());
        Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message).at(folder).into()
    })
}
