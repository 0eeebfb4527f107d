//! From model files to an artifact, phase by phase.

use crate::adapter::{self, Adapter, Applied, Homeless, Way, apply};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::emit::{Provenance, Source, emit};
use crate::facts::facts;
use crate::import::import;
use crate::lower::lower;
use crate::onnx::{DataFiles, ModelFile};
use crate::phase::Phase;
use crate::plan::{Plan, plan_with};
use crate::project::{DimSetting, ProgramSource, Project};
use crate::rewrite::{
    Allowed, Extraction, ExtractionReport, Rewriting, RewritingReport, RuleNumerics, Smallest, Targeted,
};
use crate::states::{PortPattern, StateDeclaration, StateUse, resolve};
use m4c_ir::{Constant, DataFile, Graph, NodeKind};
use m4c_target::Target;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Watches a compilation: progress bars, dumps and timings are observers.
pub trait Observer {
    /// A phase of a program begins.
    fn begin(&mut self, _program: &str, _phase: Phase) {}

    /// A phase of a program has ended; `graph` is what it leaves.
    fn end(&mut self, _program: &str, _phase: Phase, _graph: &Graph, _elapsed: Duration) {}

    /// Whether it looks at the graph that rewriting leaves. For one that does not, no forms are chosen to be shown, and the
    /// graph is the one before.
    fn sees_rewritten(&self) -> bool {
        true
    }

    /// A program's plan is made.
    fn planned(&mut self, _plan: &Plan) {}

    /// Of `total` weight bytes `done` are written.
    fn written(&mut self, _done: u64, _total: u64) {}
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {
    fn sees_rewritten(&self) -> bool {
        false
    }
}

/// What a compilation did.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    /// One entry a program.
    pub programs: Vec<ProgramReport>,
    /// Size of the artifact in bytes.
    pub artifact_bytes: u64,
    /// The models, and the files with their weights, each once.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
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
    /// What became of adapters that change it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Applied>,
    /// What rewriting did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewriting: Option<RewritingReport>,
    /// How good the choice of forms is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extraction: Option<ExtractionReport>,
    /// Time of each phase in seconds.
    pub seconds: Vec<(String, f64)>,
}

/// Runs one program's phases up to and including `last` (at most [`Phase::Plan`]) and gives the graph that it leaves.
///
/// # Errors
/// Everything that is wrong with the model.
pub fn graph_after(
    project: &Project,
    program: &str,
    target: &dyn Target,
    last: Phase,
    observer: &mut dyn Observer,
) -> Result<Graph, Diagnostics> {
    let Some(source) = project.programs.iter().find(|source| source.name == program) else {
        let names: Vec<&str> = project.programs.iter().map(|source| source.name.as_str()).collect();
        let message = format!("there is no program `{program}`");
        return Err(Diagnostic::error(codes::PROGRAM_UNKNOWN, message)
            .help(format!("there are {}", names.join(", ")))
            .into());
    };
    let (files, adapters) = (DataFiles::default(), project.read_adapters()?);
    let lowered = graphs(project, source, &files, &adapters, target, last, observer)?;
    if let ([_], true) = (&*project.programs, last >= Phase::Adapt) {
        at_home([&lowered.homeless])?;
    }
    if last < Phase::Plan {
        return Ok(lowered.graph);
    }
    // Which ports are states is decided over all programs.
    let mut uses = Vec::new();
    if !project.states.is_empty() {
        let mut all = Vec::with_capacity(project.programs.len());
        for other in &project.programs {
            let same = std::ptr::eq(other, source);
            all.push(if same {
                lowered.graph.clone()
            } else {
                graphs(project, other, &files, &adapters, target, last, &mut Silent)?.graph
            });
        }
        let position = project.programs.iter().position(|other| std::ptr::eq(other, source)).unwrap_or(0);
        uses = resolve(&project.states, &all.iter().collect::<Vec<_>>())?.swap_remove(position);
    }
    let mut report = lowered.report;
    planned(&lowered.graph, &uses, target, &mut report, observer)?;
    Ok(lowered.graph.compacted())
}

/// Compiles all programs of a project into one artifact file. Nothing is left behind on failure.
///
/// # Errors
/// Everything that is wrong with the models, or why the file cannot be written.
pub fn compile(
    project: &Project,
    target: &dyn Target,
    output: &Path,
    observer: &mut dyn Observer,
) -> Result<(Report, Diagnostics), Diagnostics> {
    let (mut plans, mut report, mut diagnostics) = (Vec::new(), Report::default(), Diagnostics::new());
    let (mut sources, mut graphs_of) = (Vec::new(), Vec::new());
    let (files, adapters) = (DataFiles::default(), project.read_adapters()?);
    for source in &project.programs {
        graphs_of.push(graphs(project, source, &files, &adapters, target, Phase::Lower, observer)?);
    }
    at_home(graphs_of.iter().map(|lowered: &Graphs| &lowered.homeless))?;
    let uses = resolve(&project.states, &graphs_of.iter().map(|lowered| &lowered.graph).collect::<Vec<_>>())?;
    for (mut lowered, uses) in graphs_of.into_iter().zip(&uses) {
        plans.push(planned(&lowered.graph, uses, target, &mut lowered.report, observer)?);
        diagnostics.extend(lowered.diagnostics);
        for source in lowered.sources {
            if !sources.iter().any(|known: &Source| known.file.is_same(&source.file)) {
                sources.push(source);
            }
        }
        report.files.extend(lowered.files);
        report.programs.push(lowered.report);
    }
    report.files.extend(project.adapters.iter().flat_map(|adapter| adapter::files(&adapter.folder)));
    let mut seen = BTreeSet::new();
    report.files.retain(|file| seen.insert(file.clone()));
    unused_dims(project, &report.programs, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let provenance = Provenance { sources, flags: flags(project, target) };
    if let Some(last) = plans.last() {
        observer.begin(&last.name, Phase::Emit);
    }
    let start = Instant::now();
    report.artifact_bytes =
        emit(&plans, &provenance, target, output, &mut |done, total| observer.written(done, total))?;
    let elapsed = start.elapsed();
    if let (Some(last), Some(program)) = (plans.last(), report.programs.last_mut()) {
        program.seconds.push((Phase::Emit.to_string(), elapsed.as_secs_f64()));
        observer.end(&last.name, Phase::Emit, &last.whole, elapsed);
    }
    Ok((report, diagnostics))
}

/// What the phases that end in a graph leave of one program.
struct Graphs {
    graph: Graph,
    report: ProgramReport,
    diagnostics: Diagnostics,
    sources: Vec<Source>,
    files: Vec<PathBuf>,
    homeless: Homeless,
}

/// An error where something of an adapter finds no place in any program.
fn at_home<'a>(programs: impl IntoIterator<Item = &'a Homeless>) -> Result<(), Diagnostics> {
    let mut programs = programs.into_iter();
    let mut all = programs.next().cloned().unwrap_or_default();
    for other in programs {
        all.retain(|name, _| other.contains_key(name));
    }
    let mut diagnostics = Diagnostics::new();
    diagnostics.extend(all.into_values());
    diagnostics.finish(()).map(|_| ())
}

fn graphs(
    project: &Project,
    source: &ProgramSource,
    files: &DataFiles,
    adapters: &[(Adapter, Way)],
    target: &dyn Target,
    last: Phase,
    observer: &mut dyn Observer,
) -> Result<Graphs, Diagnostics> {
    project.extraction.available()?;
    let mut report = ProgramReport { name: source.name.clone(), ..ProgramReport::default() };
    let file = ModelFile::open_with(&source.model, files)?;
    let mut diagnostics = Diagnostics::new();
    let mut onnx_nodes = 0;
    let mut graph = timed(Phase::Import, &mut report, observer, || {
        let (imported, warnings) = import(&file, &source.name)?;
        diagnostics.extend(warnings);
        onnx_nodes = imported.onnx_nodes;
        Ok(imported.graph)
    })?;
    report.onnx_nodes = onnx_nodes;
    report.dims = graph.ranges.keys().cloned().collect();
    if last >= Phase::Facts {
        let settings = settings(project, source, &graph);
        graph = timed(Phase::Facts, &mut report, observer, || {
            let (graph, warnings) = facts(&graph, &settings).map_err(|errors| placed(errors, source))?;
            diagnostics.extend(placed(warnings, source));
            Ok(graph)
        })?;
    }
    let mut homeless = Homeless::new();
    if last >= Phase::Adapt && !adapters.is_empty() {
        let adapters: Vec<(&Adapter, Way)> = adapters.iter().map(|(adapter, way)| (adapter, *way)).collect();
        let mut applied = Vec::new();
        graph = timed(Phase::Adapt, &mut report, observer, || {
            let adapted = apply(&graph, &adapters).map_err(|errors| placed(errors, source))?;
            homeless = adapted.homeless;
            applied = adapted.applied;
            Ok(adapted.graph)
        })?;
        report.adapters = applied.into_iter().filter(|applied| applied.sites > 0).collect();
    }
    if let Some(numerics) = project.numerics.filter(|_| last >= Phase::Rewrite) {
        let mut all = None;
        // Nothing of the smallest forms goes into what is compiled.
        let seen = last == Phase::Rewrite || observer.sees_rewritten();
        graph = timed(Phase::Rewrite, &mut report, observer, || {
            let allowed = Allowed { numerics, merging: !project.keeps_low_rank() };
            let forms = all.insert(Rewriting::of(&graph, allowed)?);
            if seen { Ok(forms.extract(&Smallest, Extraction::Greedy)?.0) } else { Ok(graph) }
        })?;
        if let Some(all) = all.filter(|_| last >= Phase::Extract) {
            let mut choice = None;
            graph = timed(Phase::Extract, &mut report, observer, || {
                let (graph, report) = all.extract(&Targeted(target), project.extraction)?;
                choice = Some(report);
                Ok(graph)
            })?;
            report.rewriting = Some(all.report());
            report.extraction = choice;
            if let Some(warning) = all.too_large(&source.name) {
                diagnostics.push(warning);
            }
        }
    }
    if last >= Phase::Lower {
        graph = timed(Phase::Lower, &mut report, observer, || lower(&graph, target))?;
    }
    report.nodes = graph.operator_count();
    report.symbols = graph.ranges.iter().map(|(name, range)| (name.clone(), range.to_string())).collect();
    report.guards = graph.guards.iter().map(ToString::to_string).collect();
    let sources = sources(&file, &graph);
    Ok(Graphs { graph, report, diagnostics, sources, files: file.files(), homeless })
}

fn timed(
    phase: Phase,
    report: &mut ProgramReport,
    observer: &mut dyn Observer,
    work: impl FnOnce() -> Result<Graph, Diagnostics>,
) -> Result<Graph, Diagnostics> {
    observer.begin(&report.name, phase);
    let start = Instant::now();
    let graph = work()?;
    let elapsed = start.elapsed();
    report.seconds.push((phase.to_string(), elapsed.as_secs_f64()));
    observer.end(&report.name, phase, &graph, elapsed);
    Ok(graph)
}

fn planned(
    graph: &Graph,
    uses: &[StateUse],
    target: &dyn Target,
    report: &mut ProgramReport,
    observer: &mut dyn Observer,
) -> Result<Plan, Diagnostics> {
    observer.begin(&report.name, Phase::Plan);
    let start = Instant::now();
    let plan = plan_with(graph, uses, target)?;
    let elapsed = start.elapsed();
    report.seconds.push((Phase::Plan.to_string(), elapsed.as_secs_f64()));
    report.steps = plan.steps.len();
    observer.end(&report.name, Phase::Plan, &plan.whole, elapsed);
    observer.planned(&plan);
    Ok(plan)
}

/// The model and the files that its weights lie in, each once.
fn sources(file: &ModelFile, graph: &Graph) -> Vec<Source> {
    let model = file.source();
    let name = model.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let all = Arc::new(DataFile::new(name.clone(), model.shared_bytes()));
    let mut sources = vec![Source { name, file: all }];
    for value in graph.order() {
        if let NodeKind::Constant(Constant::Stored { file: data, .. }) = &graph.node(value).kind
            && !sources.iter().any(|known| known.file.is_same(data))
        {
            let name = Path::new(data.name()).file_name().unwrap_or_default().to_string_lossy().into_owned();
            sources.push(Source { name, file: data.clone() });
        }
    }
    sources
}

/// The settings that change the result, as they would be typed.
fn flags(project: &Project, target: &dyn Target) -> Vec<String> {
    let dim = |setting: &DimSetting| format!("--dim {}={}", setting.name, setting.range);
    let own = project
        .programs
        .iter()
        .flat_map(|program| program.dims.iter().map(move |setting| format!("{}: {}", program.name, dim(setting))));
    let state = |state: &StateDeclaration| {
        let patterns = |of: &[PortPattern]| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        format!("state.{}: {} -> {}", state.name, patterns(&state.from), patterns(&state.to))
    };
    let states = project.states.iter().map(state);
    let name = |folder: &Path| folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let adapters = project
        .adapters
        .iter()
        .map(move |adapter| format!("--adapter {}={}", name(&adapter.folder), adapter.way.name()));
    let exported = (project.exported_adapters != Way::Merge)
        .then(|| format!("--exported-adapters {}", project.exported_adapters.name()));
    let target = format!("--target {}", target.profile().id);
    let numerics = format!("--numerics {}", project.numerics.map_or("none", RuleNumerics::name));
    let extract = format!("--extract {}", project.extraction.name());
    [target, numerics, extract]
        .into_iter()
        .chain(project.dims.iter().map(dim))
        .chain(own)
        .chain(states)
        .chain(adapters)
        .chain(exported)
        .collect()
}

/// Common settings of dimensions that the program has, then its own. A name that it lacks is an error where it is the
/// only program; with several, [`unused_dims`] tells.
fn settings(project: &Project, program: &ProgramSource, graph: &Graph) -> Vec<DimSetting> {
    let alone = project.programs.len() == 1;
    let common = project.dims.iter().filter(|setting| alone || graph.ranges.contains_key(&setting.name));
    let own = |setting: &&DimSetting| program.dims.iter().all(|own| own.name != setting.name);
    common.filter(own).chain(&program.dims).cloned().collect()
}

fn placed(errors: Diagnostics, program: &ProgramSource) -> Diagnostics {
    let mut placed = Diagnostics::new();
    placed.extend(errors.into_iter().map(|error| error.at_if_unplaced(program.model.as_path())));
    placed
}

/// Common dimensions that no program has.
fn unused_dims(project: &Project, reports: &[ProgramReport], diagnostics: &mut Diagnostics) {
    for setting in &project.dims {
        if !reports.iter().any(|report| report.dims.contains(&setting.name)) {
            let message = format!("no program has a dimension `{}`", setting.name);
            diagnostics.push(Diagnostic::error(codes::DIM_UNKNOWN, message));
        }
    }
}
