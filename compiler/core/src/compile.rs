//! From model files to an artifact, phase by phase.

use crate::diagnostic::Diagnostics;
use crate::phase::Phase;
use crate::project::Project;
use m4c_ir::Graph;
use m4c_target::Target;
use std::path::Path;
use std::time::Duration;

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
    /// Nodes of the graph after lowering, inputs and constants not counted.
    pub nodes: usize,
    /// Steps of the plan.
    pub steps: usize,
    /// Guards that the artifact checks, as text.
    pub guards: Vec<String>,
    /// Time of each phase in seconds.
    pub seconds: Vec<(String, f64)>,
}

/// Runs one program's phases up to and including `last` (at most `Lower`) and gives the graph that it leaves.
///
/// # Errors
/// Everything that is wrong with the model.
pub fn graph_after(
    project: &Project,
    program: &str,
    target: &dyn Target,
    last: Phase,
    observer: &mut dyn Observer,
) -> Result<Graph, Diagnostics>;

/// Compiles all programs of a project into one artifact file. Nothing is left behind on failure.
///
/// # Errors
/// Everything that is wrong with the models, or why the file cannot be written.
pub fn compile(
    project: &Project,
    target: &dyn Target,
    output: &Path,
    observer: &mut dyn Observer,
) -> Result<(Report, Diagnostics), Diagnostics>;
