//! `m4c verify`: the artifact against the interpreter and against other engines.

use super::{Outcome, fine};
use crate::adapters::AdapterArguments;
use crate::array::Array;
use crate::comparison::{Comparison, compare};
use crate::console::Console;
use crate::engine::{self, EngineName, interpreter};
use crate::execute::{Execution, default_threads};
use crate::extraction::Extract;
use crate::inputs::{InputArguments, only_with_random};
use crate::numerics::Numerics;
use crate::phase::GraphPhase;
use crate::summary::number;
use crate::table::{Align, Table};
use crate::targets::{TARGETS, TargetEntry, TargetParser};
use crate::watch::Watch;
use crate::{artifact, chosen, ports, usage_error};
use m4c_compiler::adapter::Way;
use m4c_compiler::compile::{Silent, compile, graph_after};
use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::phase::Phase;
use m4c_compiler::project::Project;
use m4c_ir::Graph;
use m4c_runtime::Program;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Compile a model and compare the artifact with the interpreter, phase by phase if need be, or with another engine
///
/// The reference is the imported graph, with adapters beside it, computed by the plain loops that define the operators. Each
/// output must stay within its numerics class. Nothing is written. Exits with 1 where a difference is out of class.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
#[command(mut_args(only_with_random))]
pub(crate) struct Verify {
    /// An .onnx file, or an m4.toml
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Which program to verify; not needed where there is only one
    #[arg(long, value_name = "NAME")]
    program: Option<String>,

    /// What to compile for
    #[arg(long, value_name = "TARGET", value_parser = TargetParser, default_value = TARGETS[0].name)]
    target: &'static TargetEntry,

    /// A dimension's size or range, as for `m4c compile`; may be repeated
    #[arg(long, value_name = "NAME=VALUES")]
    dim: Vec<String>,

    #[command(flatten)]
    adapters: AdapterArguments,

    /// How far rewriting may change numbers
    #[arg(long, value_name = "CLASS", default_value = "reassociate", help_heading = "Rewriting")]
    numerics: Numerics,

    /// How to choose between equal forms of a value
    #[arg(long, value_name = "WAY", default_value = "greedy", help_heading = "Rewriting")]
    extract: Extract,

    /// Also interpret the graph after every phase, to find the one at fault
    #[arg(long, help_heading = "What to compare")]
    each_phase: bool,

    /// Also compare with another engine
    #[arg(long, value_name = "ENGINE", help_heading = "What to compare")]
    against: Option<EngineName>,

    /// The TorchScript file of the same model, for --against torch; its inputs are in the order of the ONNX file
    #[arg(long, value_name = "FILE.pt", required_if_eq("against", "torch"), help_heading = "What to compare")]
    torchscript: Option<PathBuf>,

    #[command(flatten)]
    inputs: InputArguments,

    /// Print everything as JSON
    #[arg(long, help_heading = "Reports")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  With random inputs, every phase:
    m4c verify encoder.onnx --random 1 --size batch=2 --each-phase

  With inputs of one's own, against tract:
    m4c verify encoder.onnx --inputs in.npz --against tract

  Against the PyTorch model that the ONNX file was exported from:
    m4c verify encoder.onnx --inputs in.npz --against torch --torchscript encoder.pt";

/// One comparison: of what, with what.
#[derive(Serialize)]
struct Row {
    result: String,
    reference: String,
    #[serde(flatten)]
    comparison: Comparison,
}

impl Verify {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        if self.torchscript.is_some() && self.against != Some(EngineName::Torch) {
            usage_error("--torchscript is for --against torch");
        }
        let (mut project, name) = chosen::project(&self.model, self.program.as_deref(), &self.dim)?;
        project.numerics = self.numerics.class();
        project.extraction = self.extract.extraction();
        self.adapters.add_to(&mut project);
        if self.against == Some(EngineName::Tract) && !project.adapters.is_empty() {
            usage_error("--against tract knows no --adapter: it would run the model without it");
        }
        let target = self.target.target()?;
        let folder = chosen::folder()?;
        let path = folder.path().join("verify.m4fw");
        let mut watch = Watch::new(console, &[], None);
        let (_, warnings) = compile(&project, &*target, &path, &mut watch)?;
        watch.finish()?;

        let file = artifact::map(&path)?;
        let artifact = artifact::open(&path, &file)?;
        let program = artifact::program(&artifact, Some(&name), &self.model)?;
        let ((inputs, known), remarks) = self.inputs.gather(program)?;
        let interpreted = |project: &Project, phase: Phase| -> Result<Vec<Array>, Diagnostics> {
            let graph = graph_after(project, program.name(), &*target, phase, &mut Silent)?;
            Ok(interpreter::run(&name_of(phase), &graph, &program, &inputs)?)
        };
        let interpret = |phase: Phase| interpreted(&project, phase);

        // Beside the products, an adapter does what its definition says.
        let mut beside = project.clone();
        beside.adapters.iter_mut().for_each(|adapter| adapter.way = Way::Side);
        let first = if beside.adapters.is_empty() { Phase::Import } else { Phase::Adapt };
        let reference = interpreted(&beside, first)?;
        let imported = name_of(first);
        let mut check = Check { program, rows: Vec::new(), failed: Diagnostics::new() };
        if self.each_phase {
            for GraphPhase(phase) in GraphPhase::all().iter().filter(|phase| phase.0 > first) {
                check.compare(&name_of(*phase), &interpret(*phase)?, &imported, &reference);
            }
        }
        let (bounds, state_bounds) = (known.bounds(), known.state_bounds());
        let mut execution = Execution::new(program, &inputs, &bounds, &state_bounds, default_threads())?;
        execution.run(None)?;
        let outputs = execution.outputs()?;
        check.compare("artifact", &outputs, &imported, &reference);
        if let Some(engine) = self.against {
            let source = project.programs.iter().find(|source| source.name == name);
            let onnx = source.map_or(self.model.as_path(), |source| &source.model);
            let model = self.torchscript.as_deref().unwrap_or(onnx);
            let peer = match engine {
                EngineName::Tract => "tract",
                EngineName::Torch => "torch",
            };
            let graph = graph_after(&project, program.name(), &*target, Phase::Import, &mut Silent)?;
            let theirs = in_order_of_ports(&graph, &program, engine::run(engine, model, &program, &inputs)?);
            check.compare(&imported, &reference, peer, &theirs);
            check.compare("artifact", &outputs, peer, &theirs);
        }
        if self.json {
            console.print_json(&check.rows)?
        } else {
            console.print(&check.text())?
        }
        console.report(&warnings);
        console.report(&remarks);
        if check.failed.is_empty() { fine() } else { Err(check.failed) }
    }
}

/// Results in the order of a model's outputs, as a program has them.
fn in_order_of_ports(graph: &Graph, program: &Program<'_>, results: Vec<Array>) -> Vec<Array> {
    let named: BTreeMap<&str, Array> = graph.outputs().iter().map(|output| &*output.name).zip(results).collect();
    ports::outputs(program).into_iter().filter_map(|port| named.get(&*port.name).cloned()).collect()
}

fn name_of(phase: Phase) -> String {
    format!("graph after {phase}")
}

/// What was compared so far.
struct Check<'a> {
    program: Program<'a>,
    rows: Vec<Row>,
    failed: Diagnostics,
}

impl Check<'_> {
    fn compare(&mut self, what: &str, results: &[Array], with: &str, references: &[Array]) {
        let references: Vec<Option<Array>> = references.iter().cloned().map(Some).collect();
        match compare(&self.program, results, &references) {
            Ok(comparisons) => {
                for comparison in comparisons {
                    self.failed.extend(comparison.failure(what, with));
                    self.rows.push(Row { result: what.into(), reference: with.into(), comparison });
                }
            }
            Err(diagnostics) => {
                let place = format!("the {what} was compared with the {with}");
                self.failed.extend(diagnostics.into_iter().map(|diagnostic| diagnostic.note(place.clone())));
            }
        }
    }

    fn text(&self) -> String {
        let mut table = Table::new(&[
            ("result", Align::Left),
            ("reference", Align::Left),
            ("output", Align::Left),
            ("absolute", Align::Right),
            ("relative", Align::Right),
            ("tolerance", Align::Right),
            ("verdict", Align::Left),
        ]);
        for Row { result, reference, comparison } in &self.rows {
            table.row([
                result.clone(),
                reference.clone(),
                comparison.output.clone(),
                number(Some(comparison.absolute)),
                number(Some(comparison.relative)),
                number(Some(comparison.tolerance)),
                if comparison.within { "ok" } else { "OUT OF CLASS" }.to_owned(),
            ]);
        }
        if table.is_empty() { "nothing was compared\n".into() } else { table.render("") }
    }
}
