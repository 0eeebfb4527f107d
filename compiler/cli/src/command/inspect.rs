//! `m4c inspect`: what is in an artifact.

mod states;

use self::states::{StateMemory, StateRow, StateUseRow, state_memory};
use super::{Outcome, fine};
use crate::console::Console;
use crate::inputs::describe_port;
use crate::size::{Size, bounded, describe_symbol, has_axis, states_bounded};
use crate::table::{Align, Table, bytes, count};
use crate::{artifact, targets};
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_format::Place;
use m4c_runtime::{Artifact, Bounds, Code, Program, StateBounds, describe};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Show what is in an artifact: programs, sizes, memory, provenance
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Inspect {
    /// The artifact
    #[arg(value_name = "FILE.m4fw")]
    artifact: PathBuf,

    /// Show one program only
    #[arg(long, value_name = "NAME")]
    program: Option<String>,

    /// The largest size of a dimension or an axis of states for the memory needs, as in seq=512; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    bound: Vec<Size>,

    /// List kernels with counts, and all steps
    #[arg(long)]
    ops: bool,

    /// Compare the content of all segments with their hashes
    #[arg(long)]
    verify: bool,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  What it takes and gives, and how much memory it needs for up to 512 tokens:
    m4c inspect encoder.m4fw --bound seq=512

  How much its states take for up to 2048 rows of four sequences:
    m4c inspect decoder.m4fw --bound kv=2048 --bound batch=4

  Which kernels it uses:
    m4c inspect encoder.m4fw --ops

  Whether the file arrived as it was written:
    m4c inspect encoder.m4fw --verify";

#[derive(Serialize)]
struct Report {
    format_version: u32,
    bytes: u64,
    compiler: String,
    sources: Vec<Source>,
    flags: Vec<String>,
    segments: Vec<SegmentRow>,
    /// Present with `--verify`; a mismatch is an error instead.
    segments_verified: Option<bool>,
    constants: usize,
    states: Vec<StateRow>,
    /// Bytes of all states, or why that cannot be said.
    state_memory: StateMemory,
    programs: Vec<ProgramRow>,
}

#[derive(Serialize)]
struct Source {
    name: String,
    blake3: String,
}

#[derive(Serialize)]
struct SegmentRow {
    offset: u64,
    bytes: u64,
    blake3: String,
}

#[derive(Serialize)]
struct ProgramRow {
    name: String,
    inputs: Vec<PortRow>,
    outputs: Vec<PortRow>,
    states: Vec<StateUseRow>,
    /// As `name = low..high:step`.
    symbols: Vec<String>,
    guards: Vec<String>,
    memory: Memory,
    steps: usize,
    kernels: Vec<KernelRow>,
    step_list: Option<Vec<StepRow>>,
}

#[derive(Serialize)]
struct PortRow {
    name: String,
    dtype: &'static str,
    dims: Vec<String>,
    #[serde(skip)]
    text: String,
}

/// What a session needs, or why that cannot be said.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Memory {
    Needs { arena: usize, tables: usize },
    Unbounded(String),
    Unknown(String),
}

#[derive(Serialize)]
struct KernelRow {
    executor: String,
    kernel: String,
    steps: usize,
}

#[derive(Serialize)]
struct StepRow {
    step: usize,
    kernel: String,
    op: String,
    scope: String,
    operands: Vec<String>,
    results: Vec<String>,
    params: Vec<String>,
}

impl Inspect {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        let file = artifact::map(&self.artifact)?;
        let artifact = artifact::open(&self.artifact, &file)?;
        if self.verify {
            artifact.verify_segments().map_err(|error| {
                let diagnostic = Diagnostic::error(codes::ARTIFACT_DAMAGED, error.to_string()).at(&*self.artifact);
                diagnostic.help("copy the file again, or compile the model again")
            })?;
        }
        let programs = match &self.program {
            Some(name) => vec![artifact::program(&artifact, Some(name), &self.artifact)?],
            None => (0..artifact.programs().len()).filter_map(|index| Program::nth(&artifact, index).ok()).collect(),
        };
        let report = self.report(&artifact, &programs)?;
        if self.json {
            console.print_json(&report)?
        } else {
            console.print(&report.text(self.ops))?
        }
        fine()
    }

    fn report(&self, artifact: &Artifact<'_>, programs: &[Program<'_>]) -> Result<Report, Diagnostics> {
        let provenance = artifact.provenance();
        let segments = artifact.segments().iter().map(|segment| SegmentRow {
            offset: segment.offset,
            bytes: segment.length,
            blake3: hex(&segment.hash),
        });
        let mut diagnostics = Diagnostics::new();
        let state_bounds = states_bounded(StateBounds::new(), artifact, &self.bound)?;
        for size in &self.bound {
            if programs.iter().all(|program| program.symbol(&size.name).is_err())
                && !has_axis(artifact, &size.name)
                && let Some(program) = programs.first()
                && let Err(more) = bounded(Bounds::of(program), program, std::slice::from_ref(size))
            {
                diagnostics.extend(more);
            }
        }
        let mut rows = Vec::new();
        for program in programs {
            let mine = self.bound.iter().filter(|size| program.symbol(&size.name).is_ok()).cloned();
            match bounded(Bounds::of(program), program, &mine.collect::<Vec<_>>()) {
                Ok(bounds) => {
                    let list = self.ops.then(|| steps(artifact, program));
                    rows.push(program_row(program, &bounds, list));
                }
                Err(more) => diagnostics.extend(more),
            }
        }
        let report = Report {
            format_version: m4c_format::VERSION,
            bytes: artifact.bytes().len() as u64,
            compiler: provenance.compiler.clone(),
            sources: provenance
                .sources
                .iter()
                .map(|source| Source { name: source.name.clone(), blake3: hex(&<[u8; 32]>::from(source.digest)) })
                .collect(),
            flags: provenance.flags.clone(),
            segments: segments.collect(),
            segments_verified: self.verify.then_some(true),
            constants: artifact.constants().len(),
            states: artifact.states().iter().map(StateRow::of).collect(),
            state_memory: state_memory(artifact, &state_bounds),
            programs: rows,
        };
        diagnostics.finish(report).map(|(report, _)| report)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn program_row(program: &Program<'_>, bounds: &Bounds, step_list: Option<Vec<StepRow>>) -> ProgramRow {
    let tables = program.tables();
    let ports = |ports: &[m4c_runtime::Port]| {
        let row = |port: &m4c_runtime::Port| PortRow {
            name: port.name.clone(),
            dtype: port.dtype.name(),
            dims: port.dims.iter().map(|&dim| program.render(dim)).collect(),
            text: describe_port(program, port),
        };
        ports.iter().map(row).collect()
    };
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for step in tables.steps() {
        *counts.entry(step.kernel).or_default() += 1;
    }
    let mut kernels: Vec<KernelRow> = counts
        .into_iter()
        .filter_map(|(index, steps)| {
            let kernel = tables.kernels().get(index as usize)?;
            Some(KernelRow { executor: kernel.executor.clone(), kernel: kernel.name.clone(), steps })
        })
        .collect();
    kernels.sort_by(|a, b| b.steps.cmp(&a.steps).then_with(|| a.kernel.cmp(&b.kernel)));
    ProgramRow {
        name: program.name().to_owned(),
        inputs: ports(program.inputs()),
        outputs: ports(program.outputs()),
        states: program.states().iter().filter_map(|used| StateUseRow::of(program, used)).collect(),
        symbols: tables.symbols().iter().map(describe_symbol).collect(),
        guards: tables.guards().iter().map(|guard| guard.text.clone()).collect(),
        memory: memory(program, bounds),
        steps: tables.steps().len(),
        kernels,
        step_list,
    }
}

fn memory(program: &Program<'_>, bounds: &Bounds) -> Memory {
    match program.memory(bounds, &targets::executors(), 1) {
        Ok(needs) => Memory::Needs { arena: needs.arena, tables: needs.session },
        Err(error) if error.code == Code::UnboundedSymbol => {
            let symbols = program.tables().symbols();
            let symbol = error.at.and_then(|at| symbols.get(at as usize));
            Memory::Unbounded(symbol.map(|symbol| symbol.name.clone()).unwrap_or_default())
        }
        Err(error) => Memory::Unknown(describe(&error, program)),
    }
}

/// A tensor in its place, `buffer 3 f32[batch, 64]`.
fn tensor_text(artifact: &Artifact<'_>, program: &Program<'_>, tensor: &m4c_format::program::Tensor) -> String {
    let (index, dtype) = (tensor.index, tensor.dtype.name());
    let place = match tensor.place {
        Place::Absent => return "absent".into(),
        Place::Buffer => "buffer",
        Place::Input => "input",
        Place::Output => "output",
        Place::State => "state",
        Place::NextState => "next state",
        // A constant knows its own sizes.
        Place::Constant => {
            let Some(constant) = artifact.constants().get(index as usize) else { return "?".into() };
            let dims: Vec<String> = constant.dims.iter().map(ToString::to_string).collect();
            let layout = if constant.layout.is_empty() { "" } else { " as " };
            return format!("constant {index} {dtype}[{}]{layout}{}", dims.join(", "), constant.layout);
        }
    };
    let dims: Vec<String> = tensor.dims.iter().map(|&dim| program.render(dim)).collect();
    format!("{place} {index} {dtype}[{}]", dims.join(", "))
}

fn steps(artifact: &Artifact<'_>, program: &Program<'_>) -> Vec<StepRow> {
    let tables = program.tables();
    let tensor = |tensor| tensor_text(artifact, program, tensor);
    let rows = tables.steps().iter().enumerate().map(|(index, step)| {
        let node = tables.nodes().get(step.node as usize);
        let kernel = tables.kernels().get(step.kernel as usize);
        let operands = tables.operands().get(step.operands.clone()).unwrap_or(&[]);
        let results = tables.results().get(step.results.clone()).unwrap_or(&[]);
        let params = tables.params().get(step.params.clone()).unwrap_or(&[]);
        StepRow {
            step: index,
            kernel: kernel.map(|kernel| kernel.name.clone()).unwrap_or_default(),
            op: node.map(|node| node.op.clone()).unwrap_or_default(),
            scope: node.map(|node| node.scope.clone()).unwrap_or_default(),
            operands: operands.iter().map(tensor).collect(),
            results: results.iter().map(tensor).collect(),
            params: params.iter().map(|&param| program.render(param)).collect(),
        }
    });
    rows.collect()
}

impl Report {
    fn text(&self, with_steps: bool) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "artifact, format version {}, {}", self.format_version, bytes(self.bytes));
        let _ = writeln!(out, "compiled by {}", self.compiler);
        for source in &self.sources {
            let _ = writeln!(out, "  from {}, blake3 {}", source.name, source.blake3.get(..16).unwrap_or_default());
        }
        if !self.flags.is_empty() {
            let _ = writeln!(out, "  with {}", self.flags.join(" "));
        }
        let _ = writeln!(out, "{}, {}", count(self.segments.len(), "segment"), count(self.constants, "constant"));
        for (index, segment) in self.segments.iter().enumerate() {
            let (size, hash) = (bytes(segment.bytes), segment.blake3.get(..16).unwrap_or_default());
            let _ = writeln!(out, "  segment {index}: {size} at {}, blake3 {hash}", segment.offset);
        }
        if self.segments_verified == Some(true) {
            out += "all segments match their hashes\n";
        }
        states::write(&self.states, &self.state_memory, &mut out);
        for program in &self.programs {
            program.write(&mut out, with_steps);
        }
        out
    }
}

impl ProgramRow {
    fn write(&self, out: &mut String, with_steps: bool) {
        let _ = writeln!(out, "\nprogram {}", self.name);
        for (kind, ports) in [("input", &self.inputs), ("output", &self.outputs)] {
            for port in ports {
                let _ = writeln!(out, "  {kind:6} {} : {}", port.name, port.text);
            }
        }
        for used in &self.states {
            let _ = writeln!(out, "  state  {}", used.text());
        }
        for symbol in &self.symbols {
            let _ = writeln!(out, "  size   {symbol}");
        }
        for guard in &self.guards {
            let _ = writeln!(out, "  relies on {guard}");
        }
        let _ = match &self.memory {
            Memory::Needs { arena, tables } => {
                let (arena, tables) = (bytes(*arena as u64), bytes(*tables as u64));
                writeln!(out, "  memory {arena} of working memory, {tables} of tables, with one thread")
            }
            Memory::Unbounded(symbol) => {
                writeln!(out, "  memory unbounded: {symbol} (see --bound {symbol}=VALUE)")
            }
            Memory::Unknown(why) => writeln!(out, "  memory unknown: {why}"),
        };
        let _ = writeln!(out, "  {}, {}", count(self.steps, "step"), count(self.kernels.len(), "kernel"));
        if !with_steps {
            return;
        }
        let mut kernels = Table::new(&[("executor", Align::Left), ("kernel", Align::Left), ("steps", Align::Right)]);
        for kernel in &self.kernels {
            kernels.row([kernel.executor.clone(), kernel.kernel.clone(), kernel.steps.to_string()]);
        }
        let _ = write!(out, "\n{}", kernels.render("  "));
        let mut steps = Table::new(&[
            ("step", Align::Right),
            ("kernel", Align::Left),
            ("results", Align::Left),
            ("operands", Align::Left),
            ("where", Align::Left),
        ]);
        for step in self.step_list.iter().flatten() {
            steps.row([
                step.step.to_string(),
                step.kernel.clone(),
                step.results.join("; "),
                step.operands.join("; "),
                format!("{} {}", step.op, step.scope),
            ]);
        }
        let _ = write!(out, "\n{}", steps.render("  "));
    }
}
