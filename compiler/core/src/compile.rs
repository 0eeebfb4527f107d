//! From model files to an artifact, phase by phase.

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::facts::facts;
use crate::import::import;
use crate::lower::lower;
use crate::onnx::ModelFile;
use crate::phase::Phase;
use crate::project::{DimSetting, Project, ProgramSource};
use m4c_ir::Graph;
use m4c_target::Target;
use std::path::Path;
use std::time::{Duration, Instant};

/// Watches a compilation: progress bars, dumps and timings are observers.
pub trait Observer {
    /// A phase of a program begins.
    fn begin(&mut self, _program: &str, _phase: Phase) {}

    /// A phase of a program has ended; `graph` is what it leaves.
    fn end(&mut self, _program: &str, _phase: Phase, _graph: &Graph, _elapsed: Duration) {}

    /// Of `total` weight bytes `done` are written.
    fn written(&mut self, _done: u64, _total: u64) {}
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {}

/// What a compilation did.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    /// One entry a program.
    pub programs: Vec<ProgramReport>,
    /// Size of the artifact in bytes.
    pub artifact_bytes: u64,
}

/// What a compilation did with one program.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct ProgramReport {
    /// Its name.
    pub name: String,
    /// Nodes of the ONNX file.
    pub onnx_nodes: usize,
    /// Operators of the graph after lowering; inputs and constants are not counted.
    pub nodes: usize,
    /// Steps of the plan.
    pub steps: usize,
    /// Names of the model's dimensions.
    #[serde(skip)]
    pub dims: Vec<String>,
    /// Symbols with their ranges, as text.
    pub symbols: Vec<(String, String)>,
    /// Guards that the artifact checks, as text.
    pub guards: Vec<String>,
    /// Time of each phase in seconds.
    pub seconds: Vec<(String, f64)>,
}

/// A graph and what is known of the way to it.
pub struct Compiled {
    /// The graph that the last phase left.
    pub graph: Graph,
    /// What the phases did.
    pub report: ProgramReport,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

/// Runs one program's phases up to and including `last` (at most [`Phase::Lower`]).
///
/// # Errors
/// Everything that is wrong with the model.
pub fn graph_after(
    project: &Project,
    program: &ProgramSource,
    target: &dyn Target,
    last: Phase,
    observer: &mut dyn Observer,
) -> Result<Compiled, Diagnostics> {
    let mut run = Run { program: &program.name, report: ProgramReport::default(), observer };
    run.report.name = program.name.clone();
    let file = ModelFile::open(&program.model)?;
    let mut diagnostics = Diagnostics::new();
    let mut onnx_nodes = 0;
    let mut graph = run.phase(Phase::Import, || {
        let (imported, warnings) = import(&file, &program.name)?;
        diagnostics.extend(warnings);
        onnx_nodes = imported.onnx_nodes;
        Ok(imported.graph)
    })?;
    run.report.dims = graph.ranges.keys().cloned().collect();
    if last >= Phase::Facts {
        let settings = settings(project, program, &graph);
        graph = run.phase(Phase::Facts, || facts(&graph, &settings).map_err(|errors| at(errors, program)))?;
    }
    if last >= Phase::Lower {
        graph = run.phase(Phase::Lower, || lower(&graph, target))?;
    }
    let mut report = run.report;
    report.onnx_nodes = onnx_nodes;
    report.nodes = graph.operator_count();
    report.symbols = graph.ranges.iter().map(|(name, range)| (name.clone(), range.to_string())).collect();
    report.guards = graph.guards.iter().map(ToString::to_string).collect();
    Ok(Compiled { graph, report, diagnostics })
}

struct Run<'a> {
    program: &'a str,
    report: ProgramReport,
    observer: &'a mut dyn Observer,
}

impl Run<'_> {
    fn phase(&mut self, phase: Phase, work: impl FnOnce() -> Result<Graph, Diagnostics>) -> Result<Graph, Diagnostics> {
        self.observer.begin(self.program, phase);
        let start = Instant::now();
        let graph = work()?;
        let elapsed = start.elapsed();
        self.report.seconds.push((phase.to_string(), elapsed.as_secs_f64()));
        self.observer.end(self.program, phase, &graph, elapsed);
        Ok(graph)
    }
}

/// Common settings of dimensions that the program has, then its own. A name that no program has is an error of the
/// only program; with several, [`unused_dims`] tells.
fn settings(project: &Project, program: &ProgramSource, graph: &Graph) -> Vec<DimSetting> {
    let alone = project.programs.len() == 1;
    let common = project.dims.iter().filter(|setting| alone || graph.ranges.contains_key(&setting.name));
    let own = |setting: &&DimSetting| program.dims.iter().all(|own| own.name != setting.name);
    common.filter(own).chain(&program.dims).cloned().collect()
}

fn at(errors: Diagnostics, program: &ProgramSource) -> Diagnostics {
    let mut placed = Diagnostics::new();
    placed.extend(errors.into_iter().map(|error| error.at_if_unplaced(program.model.as_path())));
    placed
}

/// Common dimensions that no program has.
fn unused_dims(project: &Project, reports: &[ProgramReport], diagnostics: &mut Diagnostics) {
    for setting in &project.dims {
        let has = |report: &ProgramReport| report.dims.iter().any(|name| *name == setting.name);
        if !reports.iter().any(has) {
            let message = format!("no program has a dimension `{}`", setting.name);
            diagnostics.push(Diagnostic::error(codes::DIM_UNKNOWN, message));
        }
    }
}
