//! `m4c diff`: what two artifacts have in common and what not.

mod weights;

use self::weights::{WeightDifference, weights};
use crate::console::Console;
use crate::inputs::describe_port;
use crate::size::describe_symbol;
use crate::table::{Align, Table, bytes};
use crate::{artifact, targets};
use m4c_compiler::diagnostic::Diagnostics;
use m4c_runtime::{Artifact, Bounds, Program};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compare two artifacts: programs, sizes, guards, steps, weights and memory
///
/// Exits like diff: with 0 where the files are the same, with 1 where they differ, and with 2 where one cannot be read.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Diff {
    /// An artifact
    #[arg(value_name = "A.m4fw")]
    left: PathBuf,

    /// Another artifact
    #[arg(value_name = "B.m4fw")]
    right: PathBuf,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  What a new version of the compiler changed:
    m4c diff before.m4fw after.m4fw

  Whether two builds gave the same bytes:
    m4c diff one.m4fw two.m4fw > /dev/null";

/// What differs. Of a pair, the first is of the first artifact.
#[derive(Serialize)]
struct Report {
    same: bool,
    bytes: Pair<u64>,
    made_from: Lines,
    states: Lines,
    weights: WeightDifference,
    programs: Vec<ProgramDifference>,
}

/// A number in both artifacts.
type Pair<T> = [T; 2];

/// Lines that only one of the artifacts has.
#[derive(Default, Serialize)]
struct Lines {
    only_first: Vec<String>,
    only_second: Vec<String>,
}

#[derive(Serialize)]
struct ProgramDifference {
    name: String,
    /// Inputs, outputs, symbols and guards; of a program that one artifact lacks, all of them.
    interface: Lines,
    /// Absent where an artifact lacks the program.
    steps: Pair<Option<usize>>,
    /// Steps of each kernel whose number differs.
    kernels: BTreeMap<String, Pair<usize>>,
    /// Working memory with one thread; absent where a size has no upper bound.
    arena_bytes: Pair<Option<usize>>,
    /// Whether steps differ in order, operands or parameters.
    steps_differ: bool,
}

impl Diff {
    /// Does not end like other commands: differences are no errors.
    pub(crate) fn run(&self, console: Console) -> ExitCode {
        match self.compare(console) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(errors) => {
                console.report(&errors);
                ExitCode::from(2)
            }
        }
    }

    fn compare(&self, console: Console) -> Result<bool, Diagnostics> {
        let (left_file, right_file) = (artifact::map(&self.left)?, artifact::map(&self.right)?);
        let left = artifact::open(&self.left, &left_file)?;
        let right = artifact::open(&self.right, &right_file)?;
        let report = Report {
            same: left.bytes() == right.bytes(),
            bytes: [&left, &right].map(|artifact| artifact.bytes().len() as u64),
            made_from: Lines::of([&left, &right].map(made_from)),
            states: Lines::of([&left, &right].map(states)),
            weights: weights([&left, &right]),
            programs: programs([&left, &right]),
        };
        if self.json {
            console.print_json(&report)?
        } else {
            console.print(&self.text(&report))?
        }
        Ok(report.same)
    }

    fn text(&self, report: &Report) -> String {
        if report.same {
            return format!("the same {}\n", bytes(report.bytes[0]));
        }
        let [left, right] = report.bytes.map(bytes);
        let mut out = format!("--- {}, {left}\n+++ {}, {right}\n", self.left.display(), self.right.display());
        report.made_from.write("made from ", &mut out);
        report.states.write("state ", &mut out);
        for program in &report.programs {
            program.write(&mut out);
        }
        report.weights.write(&mut out);
        if out.lines().count() == 2 {
            out += "all that is compared is the same, but not the bytes\n";
        }
        out
    }
}

impl Lines {
    fn of([left, right]: Pair<Vec<String>>) -> Lines {
        let only = |of: &[String], other: &[String]| of.iter().filter(|line| !other.contains(line)).cloned().collect();
        Lines { only_first: only(&left, &right), only_second: only(&right, &left) }
    }

    fn is_empty(&self) -> bool {
        self.only_first.is_empty() && self.only_second.is_empty()
    }

    fn write(&self, prefix: &str, out: &mut String) {
        for (sign, lines) in [('-', &self.only_first), ('+', &self.only_second)] {
            for line in lines {
                let _ = writeln!(out, "{sign} {prefix}{line}");
            }
        }
    }
}

fn made_from(artifact: &Artifact<'_>) -> Vec<String> {
    let provenance = artifact.provenance();
    let source = provenance.sources.iter().map(|source| {
        let digest = <[u8; 32]>::from(source.digest);
        let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}, blake3 {short}", source.name)
    });
    source.chain([provenance.compiler.clone()]).chain(provenance.flags.iter().cloned()).collect()
}

fn states(artifact: &Artifact<'_>) -> Vec<String> {
    artifact.states().iter().map(|state| format!("{state:?}")).collect()
}

fn programs(artifacts: Pair<&Artifact<'_>>) -> Vec<ProgramDifference> {
    let names = artifacts.map(|artifact| artifact.programs().iter().map(|program| program.name().to_owned()));
    let names: BTreeSet<String> = names.into_iter().flatten().collect();
    let differences = names.into_iter().map(|name| {
        let programs = artifacts.map(|artifact| Program::find(artifact, &name).ok());
        let counts = programs.map(|program| program.map(|program| kernels(&program)).unwrap_or_default());
        let of = |counts: &BTreeMap<String, usize>, kernel: &String| counts.get(kernel).copied().unwrap_or(0);
        let all: BTreeSet<&String> = counts.iter().flat_map(BTreeMap::keys).collect();
        let pairs = all.into_iter().map(|kernel| (kernel.clone(), [of(&counts[0], kernel), of(&counts[1], kernel)]));
        let lists = programs.map(|program| program.map(|program| steps(&program)));
        ProgramDifference {
            interface: Lines::of(
                programs.map(|program| program.map(|program| interface(&program)).unwrap_or_default()),
            ),
            steps: programs.map(|program| program.map(|program| program.tables().steps().len())),
            kernels: pairs.filter(|(_, [left, right])| left != right).collect(),
            arena_bytes: programs.map(|program| arena(&program?)),
            steps_differ: lists[0] != lists[1],
            name,
        }
    });
    differences.collect()
}

fn interface(program: &Program<'_>) -> Vec<String> {
    let port =
        |kind: &str, port: &m4c_runtime::Port| format!("{kind} {} : {}", port.name, describe_port(program, port));
    let mut lines = Vec::new();
    lines.extend(program.inputs().iter().map(|input| port("input", input)));
    lines.extend(program.outputs().iter().map(|output| port("output", output)));
    for used in program.states() {
        lines.extend(used.read.iter().map(|read| port("state read as", read)));
        lines.extend(used.write.iter().map(|write| port("state written as", write)));
    }
    lines.extend(program.tables().symbols().iter().map(|symbol| format!("size {}", describe_symbol(symbol))));
    lines.extend(program.tables().guards().iter().map(|guard| format!("relies on {}", guard.text)));
    lines
}

fn kernels(program: &Program<'_>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for step in program.tables().steps() {
        if let Some(kernel) = program.tables().kernels().get(step.kernel as usize) {
            *counts.entry(kernel.name.clone()).or_default() += 1;
        }
    }
    counts
}

/// Each step with its kernel, operands, results and parameters.
fn steps(program: &Program<'_>) -> Vec<String> {
    let tables = program.tables();
    let tensor = |tensor: &m4c_format::program::Tensor| {
        let dims: Vec<String> = tensor.dims.iter().map(|&dim| program.render(dim)).collect();
        format!("{:?} {} {} {dims:?} {:?}", tensor.place, tensor.index, tensor.dtype.name(), tensor.row)
    };
    let rows = tables.steps().iter().map(|step| {
        let kernel = tables.kernels().get(step.kernel as usize).map(|kernel| &*kernel.name);
        let of = |list: Option<&[m4c_format::program::Tensor]>| -> Vec<String> {
            list.unwrap_or(&[]).iter().map(tensor).collect()
        };
        let params = tables.params().get(step.params.clone()).unwrap_or(&[]);
        let params: Vec<String> = params.iter().map(|&param| program.render(param)).collect();
        let (operands, results) =
            (of(tables.operands().get(step.operands.clone())), of(tables.results().get(step.results.clone())));
        format!("{kernel:?} {operands:?} {results:?} {params:?}")
    });
    rows.collect()
}

fn arena(program: &Program<'_>) -> Option<usize> {
    program.memory(&Bounds::of(program), &targets::executors(), 1).ok().map(|needs| needs.arena)
}

impl ProgramDifference {
    fn write(&self, out: &mut String) {
        let arena_differs = self.arena_bytes[0] != self.arena_bytes[1];
        if self.interface.is_empty() && !self.steps_differ && !arena_differs {
            return;
        }
        let only = match self.steps {
            [Some(_), None] => ", only in the first",
            [None, Some(_)] => ", only in the second",
            _ => "",
        };
        let _ = writeln!(out, "\nprogram {}{only}", self.name);
        self.interface.write("", out);
        if let [Some(left), Some(right)] = self.steps {
            let _ = match (left == right, self.steps_differ) {
                (true, true) if self.kernels.is_empty() => {
                    writeln!(out, "  {left} steps of the same kernels with other operands, order or parameters")
                }
                (true, true) => writeln!(out, "  {left} steps"),
                (true, false) => Ok(()),
                (false, _) => writeln!(out, "  {left} steps -> {right}"),
            };
            if arena_differs {
                let [left, right] = self.arena_bytes.map(|arena| match arena {
                    Some(arena) => bytes(arena as u64),
                    None => "unbounded".into(),
                });
                let _ = writeln!(out, "  arena {left} -> {right}");
            }
            let mut table = Table::new(&[
                ("kernel", Align::Left),
                ("steps", Align::Right),
                ("->", Align::Right),
                ("change", Align::Right),
            ]);
            for (kernel, [left, right]) in &self.kernels {
                let change = *right as i64 - *left as i64;
                table.row([kernel.clone(), left.to_string(), right.to_string(), format!("{change:+}")]);
            }
            if !table.is_empty() {
                *out += &table.render("  ");
            }
        }
    }
}
