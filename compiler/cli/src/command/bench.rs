//! `m4c bench`: how fast a program runs, and what this machine could do.

use super::{Outcome, fine};
use crate::array::Array;
use crate::console::Console;
use crate::execute::{Execution, default_threads};
use crate::inputs::{InputArguments, dtype_of};
use crate::limits::Limits;
use crate::profile::{Profile, ProfileReport};
use crate::size::{Size, bounded, settings, states_bounded};
use crate::statistics::Statistics;
use crate::table::{bytes, count};
use crate::targets::{self, TARGETS, TargetEntry, TargetParser};
use crate::watch::Watch;
use crate::{array, artifact, chosen, ports, usage_error};
use m4c_compiler::compile::compile;
use m4c_compiler::diagnostic::Diagnostics;
use m4c_runtime::{Observer, Program};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How long runs before the measured ones go on, where `--warmup` does not say how many they are.
const WARMING_SECONDS: f64 = 0.5;

/// The fewest runs that are measured, where `--runs` does not say how many.
const LEAST_RUNS: usize = 3;

/// Measure how fast a program runs
///
/// Runs a program again and again on the same inputs, random ones where no file gives them, each time from the same
/// states. Prints the fastest run, percentiles (of the nearest rank), mean and standard deviation; only the run itself
/// is timed. A model that is no artifact is compiled first.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
#[command(mut_arg("random", |random| random.default_value("1")))]
pub(crate) struct Bench {
    /// An artifact, an .onnx file or an m4.toml
    #[arg(value_name = "MODEL", required_unless_present = "limits")]
    model: Option<PathBuf>,

    /// Which program to run; not needed where there is only one
    #[arg(long, value_name = "NAME")]
    program: Option<String>,

    /// What to compile for, where the model is no artifact
    #[arg(long, value_name = "TARGET", value_parser = TargetParser, default_value = TARGETS[0].name)]
    target: &'static TargetEntry,

    /// A dimension's size, as in batch=2, or a range to compile for, as for `m4c compile`; may be repeated
    ///
    /// A size is also that of the random inputs. An artifact was compiled for its ranges, and takes only sizes here.
    #[arg(long, value_name = "NAME=VALUES")]
    dim: Vec<String>,

    #[command(flatten)]
    inputs: InputArguments,

    /// How many threads compute; by default as many as the machine has processors
    #[arg(long, value_name = "N", help_heading = "Running", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Make session and states for sizes up to this, as in seq=512; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Running")]
    bound: Vec<Size>,

    /// Measure this many runs
    #[arg(long, value_name = "N", help_heading = "Running", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,

    /// Measure runs for this long, and at least three
    #[arg(long, value_name = "S", help_heading = "Running", default_value_t = 3.0, conflicts_with = "runs", value_parser = seconds)]
    seconds: f64,

    /// Runs before the measured ones; by default one, and more for half a second
    #[arg(long, value_name = "N", help_heading = "Running")]
    warmup: Option<u32>,

    /// Print where the time goes, by kernel and by step
    ///
    /// Rates are of the operations that kernels count, a multiplication with addition being two, and of the bytes that
    /// operands and results have.
    #[arg(long, help_heading = "Reports")]
    profile: bool,

    /// Measure how fast this machine computes and reads memory, and in a profile compare each step with that
    ///
    /// The least time of a step is that of its operations or that of its bytes, whichever is longer, at the rate that
    /// memory of at least its size is read with. What stays in a near cache can be faster than this limit.
    #[arg(long, help_heading = "Reports")]
    limits: bool,

    /// Print everything as JSON, with the time of each run; times are in seconds
    #[arg(long, help_heading = "Reports")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  Measure with random inputs:
    m4c bench encoder.m4fw --dim batch=1 --dim seq=128 --random-below 30000

  Compile first, measure 20 runs on one thread with given inputs:
    m4c bench encoder.onnx --inputs in.npz --threads 1 --runs 20

  See what is slow, and how far from what the machine can do:
    m4c bench encoder.m4fw --dim batch=1 --profile --limits

  What the machine can do:
    m4c bench --limits";

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| "expected a number of seconds, as in 2.5".into())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    measured: Option<Measured>,
    limits: Option<Limits>,
}

/// Times are in seconds.
#[derive(Serialize)]
struct Measured {
    program: String,
    inputs: Vec<String>,
    threads: usize,
    artifact_bytes: u64,
    /// Bytes of working memory of the session, and of its states.
    arena_bytes: u64,
    /// The largest resident memory of the process, where the system tells and nothing else was done in it.
    peak_resident_bytes: Option<u64>,
    /// Opening and checking the artifact.
    open: f64,
    /// Making the session and binding sizes.
    prepare: f64,
    first_run: f64,
    warmup_runs: usize,
    #[serde(flatten)]
    statistics: Option<Statistics>,
    times: Vec<f64>,
    profile: Option<ProfileReport>,
}

impl Bench {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        let threads = self.threads.map_or_else(default_threads, usize::from);
        let limits = if self.limits { Some(Limits::measure(default_threads(), threads)?) } else { None };
        let mut diagnostics = Diagnostics::new();
        let measured = match &self.model {
            Some(model) if is_artifact(model) => {
                Some(self.measure(model, None, threads, limits.as_ref(), &mut diagnostics)?)
            }
            Some(model) => {
                let (project, name) = chosen::project(model, self.program.as_deref(), &self.dim)?;
                let folder = chosen::folder()?;
                let path = folder.path().join("bench.m4fw");
                let mut watch = Watch::new(console, &[], None);
                let (_, warnings) = compile(&project, &*self.target.target()?, &path, &mut watch)?;
                watch.finish()?;
                diagnostics.extend(warnings);
                Some(self.measure(&path, Some(&name), threads, limits.as_ref(), &mut diagnostics)?)
            }
            None => None,
        };
        let report = Report { measured, limits };
        if self.json {
            console.print_json(&report)?
        } else {
            console.print(&text(&report))?
        }
        console.report(&diagnostics);
        fine()
    }

    /// Measures a program of an artifact; `compiled` names it where the artifact was just made.
    fn measure(
        &self,
        path: &Path,
        compiled: Option<&str>,
        threads: usize,
        limits: Option<&Limits>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Measured, Diagnostics> {
        let start = Instant::now();
        let file = artifact::map(path)?;
        let artifact = artifact::open(path, &file)?;
        let open = start.elapsed().as_secs_f64();
        let program = artifact::program(&artifact, compiled.or(self.program.as_deref()), path)?;
        let mut arguments = self.inputs.clone();
        arguments.size.extend(self.sizes(&program, compiled.is_some())?);
        let ((inputs, known), remarks) = arguments.gather(program)?;
        diagnostics.extend(remarks);
        let bounds = bounded(known.bounds(), &program, &self.bound)?;
        let state_bounds = states_bounded(known.state_bounds(), &artifact, &self.bound)?;
        let needs = program.memory(&bounds, &targets::executors(), threads);
        let start = Instant::now();
        let mut execution = Execution::new(program, &inputs, &bounds, &state_bounds, threads)?;
        let prepare = start.elapsed().as_secs_f64();
        let profile = self.profile.then(|| Profile::new(&program));
        let (first_run, warmup_runs, times) = self.repeat(&mut execution, profile.as_ref())?;
        Ok(Measured {
            program: program.name().to_owned(),
            inputs: described(&program, &inputs),
            threads,
            artifact_bytes: file.bytes().len() as u64,
            arena_bytes: needs.map_or(0, |needs| needs.arena as u64),
            peak_resident_bytes: if compiled.is_none() && limits.is_none() { peak_resident() } else { None },
            open,
            prepare,
            first_run,
            warmup_runs,
            statistics: Statistics::of(&times),
            profile: profile.map(|profile| profile.report(execution.session(), &times, limits)),
            times,
        })
    }

    /// The time of the first run, the number of unmeasured runs, and the times of the measured ones.
    fn repeat(
        &self,
        execution: &mut Execution<'_>,
        profile: Option<&Profile>,
    ) -> Result<(f64, usize, Vec<f64>), Diagnostics> {
        let observer = profile.map(|profile| profile as &dyn Observer);
        let mut run = || execution.run(observer).map(|elapsed| elapsed.as_secs_f64());
        let begin = Instant::now();
        let mut warming = Vec::new();
        let more = |done: usize| match self.warmup {
            Some(wanted) => done < wanted as usize,
            None => done == 0 || begin.elapsed().as_secs_f64() < WARMING_SECONDS,
        };
        while more(warming.len()) {
            warming.push(run()?);
        }
        if let Some(profile) = profile {
            profile.clear();
        }
        let begin = Instant::now();
        let mut times = Vec::new();
        let more = |done: usize| match self.runs {
            Some(wanted) => done < wanted as usize,
            None => done < LEAST_RUNS || begin.elapsed().as_secs_f64() < self.seconds,
        };
        while more(times.len()) {
            times.push(run()?);
        }
        let first = warming.first().or(times.first()).copied().unwrap_or(0.0);
        Ok((first, warming.len(), times))
    }

    /// The sizes of `--dim`. What is no size is a range, which only a compilation can take.
    fn sizes(&self, program: &Program<'_>, compiled: bool) -> Result<Vec<Size>, Diagnostics> {
        settings(&self.dim)?;
        let sizes = self.dim.iter().map(|text| text.parse::<Size>());
        let (sizes, ranges): (Vec<_>, Vec<_>) = sizes.partition(Result::is_ok);
        if !ranges.is_empty() && !compiled {
            usage_error("an artifact takes a size with --dim, as in batch=2: ranges are chosen when it is compiled");
        }
        let sizes = sizes.into_iter().flatten();
        // A size that was compiled in is no dimension any more.
        Ok(sizes.filter(|size| !compiled || program.symbol(&size.name).is_ok()).collect())
    }
}

fn is_artifact(path: &Path) -> bool {
    !path.extension().is_some_and(|extension| extension == "onnx" || extension == "toml")
}

fn described(program: &Program<'_>, inputs: &[Array]) -> Vec<String> {
    let all = ports::inputs(program).into_iter().zip(inputs);
    all.map(|(port, array)| format!("{} {}", port.name, array::describe(dtype_of(port).name(), &array.shape))).collect()
}

/// The largest resident memory of this process so far, in bytes.
fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    if let Some(measured) = &report.measured {
        let ms = |seconds: f64| format!("{:.3}", seconds * 1e3);
        let threads = count(measured.threads, "thread");
        let _ = writeln!(out, "{}: {}; {threads}", measured.program, measured.inputs.join(", "));
        let (open, prepare, first) = (ms(measured.open), ms(measured.prepare), ms(measured.first_run));
        let _ = writeln!(out, "  open {open} ms, prepare {prepare} ms, first run {first} ms");
        if let Some(times) = &measured.statistics {
            let warming = count(measured.warmup_runs, "run");
            let _ = writeln!(out, "  {} after {warming} to warm up, in ms:", count(times.runs, "run"));
            let [min, p50, p90, p99, max] = [times.min, times.p50, times.p90, times.p99, times.max].map(ms);
            let _ = writeln!(out, "  min {min}   p50 {p50}   p90 {p90}   p99 {p99}   max {max}");
            let _ = writeln!(out, "  mean {} ± {}", ms(times.mean), ms(times.deviation));
        }
        let _ = write!(out, "  artifact {}, arena {}", bytes(measured.artifact_bytes), bytes(measured.arena_bytes));
        let _ = match measured.peak_resident_bytes {
            Some(peak) => writeln!(out, ", at most {} resident", bytes(peak)),
            None => writeln!(out),
        };
        if let Some(profile) = &measured.profile {
            out += &profile.text();
        }
        if report.limits.is_some() {
            out.push('\n');
        }
    }
    if let Some(limits) = &report.limits {
        out += &limits.text();
    }
    out
}
