//! `m4c adapter`: adapters by themselves.

use super::{Outcome, fine};
use crate::chosen;
use crate::console::Console;
use crate::table::{Align, Table, bytes};
use crate::targets::TARGETS;
use m4c_compiler::adapter::{self, Adapter, Change, Matrix, Module};
use m4c_compiler::compile::{Silent, graph_after};
use m4c_compiler::phase::Phase;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Look at adapters: changes of low rank to a model's weights
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct AdapterCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    Inspect(Inspect),
    Sites(Sites),
}

/// Show which weights of a model adapters can change, by the names of their modules
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
struct Sites {
    /// An .onnx file, or an m4.toml
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Which program; not needed where there is only one
    #[arg(long, value_name = "NAME")]
    program: Option<String>,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Show which modules an adapter changes, with which ranks and scales
///
/// All elements are read: an adapter that is shown has no NaN and no infinities.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
struct Inspect {
    /// The folder, as peft's `save_pretrained` writes it: adapter_config.json and adapter_model.safetensors
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,

    /// Print as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  Which modules can be changed, and which ones does an adapter change?
    m4c adapter sites llama.onnx
    m4c adapter inspect adapters/summarize
    m4c adapter inspect adapters/summarize --json";

impl AdapterCommand {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        match &self.what {
            What::Inspect(Inspect { folder, json }) => {
                let adapter = adapter::read(folder)?;
                if *json { console.print_json(&described(&adapter))? } else { console.print(&shown(&adapter))? }
            }
            What::Sites(Sites { model, program, json }) => {
                let (project, name) = chosen::project(model, program.as_deref(), &[])?;
                let graph = graph_after(&project, &name, &*TARGETS[0].target()?, Phase::Facts, &mut Silent)?;
                let modules = adapter::modules(&graph);
                if *json { console.print_json(&modules)? } else { console.print(&listed(&modules))? }
            }
        }
        fine()
    }
}

fn listed(modules: &[Module]) -> String {
    let mut table = Table::new(&[
        ("module", Align::Left),
        ("kind", Align::Left),
        ("inputs", Align::Right),
        ("outputs", Align::Right),
    ]);
    for module in modules {
        table.row([&*module.name, module.kind, &module.inputs.to_string(), &module.outputs.to_string()]);
    }
    if table.is_empty() { "no weight has a node that names its module\n".into() } else { table.render("") }
}

fn matrices(adapter: &Adapter) -> impl Iterator<Item = &Matrix> {
    let changes = adapter.changes.iter().flat_map(|change| [&change.down, &change.up]);
    changes.chain(adapter.replacements.iter().map(|one| &one.matrix))
}

fn shown(adapter: &Adapter) -> String {
    let mut table = Table::new(&[
        ("module", Align::Left),
        ("kind", Align::Left),
        ("rank", Align::Right),
        ("scale", Align::Right),
        ("inputs", Align::Right),
        ("outputs", Align::Right),
        ("size", Align::Right),
    ]);
    for change in &adapter.changes {
        let [inputs, outputs] = change.features().map(|size| size.to_string());
        let size = bytes(change.bytes() as u64);
        let (rank, scale) = (change.rank.to_string(), change.scale.to_string());
        table.row([&*change.module, kind(change), &rank, &scale, &inputs, &outputs, &size]);
    }
    for one in &adapter.replacements {
        let size = bytes(one.matrix.bytes() as u64);
        table.row([&*one.parameter, "replaced", "", "", "", "", &size]);
    }
    let elements: usize = matrices(adapter).map(|one| one.sizes().iter().product::<usize>()).sum();
    format!(
        "{}: {} changed modules, {} replaced tensors, {elements} elements, {}\n\n{}",
        adapter.name,
        adapter.changes.len(),
        adapter.replacements.len(),
        bytes(adapter.bytes() as u64),
        table.render("")
    )
}

fn kind(change: &Change) -> &'static str {
    match (change.embedding, change.down.sizes().len()) {
        (true, _) => "embedding",
        (false, 2) => "linear",
        (false, _) => "convolution",
    }
}

fn described(adapter: &Adapter) -> Value {
    let changes: Vec<Value> = adapter
        .changes
        .iter()
        .map(|change| {
            let [inputs, outputs] = change.features();
            json!({
                "module": change.module, "kind": kind(change), "rank": change.rank, "scale": change.scale,
                "inputs": inputs, "outputs": outputs, "dtype": change.down.fact.dtype.to_string(),
                "bytes": change.bytes(),
            })
        })
        .collect();
    let replacements: Vec<Value> = adapter
        .replacements
        .iter()
        .map(|one| json!({ "parameter": one.parameter, "shape": one.matrix.sizes(), "bytes": one.matrix.bytes() }))
        .collect();
    json!({ "name": adapter.name, "bytes": adapter.bytes(), "changes": changes, "replacements": replacements })
}
