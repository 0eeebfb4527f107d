//! `m4c ops`: the operator table.

use super::compile::make_folder;
use super::{Outcome, fine};
use crate::console::Console;
use crate::table::{Align, Table, count};
use crate::vectors;
use clap::builder::PossibleValuesParser;
use m4c_ops::op::{Arity, Meaning, Op};
use m4c_ops::table::{self, MAX_PRIMITIVES};
use m4c_ops::{composite, page, primitive, structural};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// List the operators that everything is compiled to, show one, or write test vectors
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Ops {
    /// Show everything about one operator
    #[arg(value_name = "NAME", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(table::all().map(|op| op.name)))]
    name: Option<String>,

    /// Write test vectors to a folder: for each sample of each operator its operands and result, and an index.json
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,

    /// Print as JSON
    #[arg(long, conflicts_with = "vectors")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  All operators:
    m4c ops

  What `gather` means exactly, and which ONNX operators become one:
    m4c ops gather

  Vectors for testing hardware or another implementation:
    m4c ops --vectors vectors";

#[derive(Serialize)]
struct Row {
    name: &'static str,
    kind: &'static str,
    summary: &'static str,
    operands: Vec<OperandRow>,
    attributes: Vec<AttributeRow>,
    constraints: Vec<ConstraintRow>,
    numerics: &'static str,
    tolerance: f64,
    variants: &'static [&'static str],
    onnx: Vec<OnnxRow>,
}

#[derive(Serialize)]
struct OperandRow {
    name: &'static str,
    dtypes: Vec<&'static str>,
    arity: &'static str,
}

#[derive(Serialize)]
struct AttributeRow {
    name: &'static str,
    kind: String,
    doc: &'static str,
}

#[derive(Serialize)]
struct ConstraintRow {
    name: &'static str,
    text: &'static str,
}

#[derive(Serialize)]
struct OnnxRow {
    op_type: &'static str,
    domain: &'static str,
    since: i64,
    until: Option<i64>,
}

impl Ops {
    pub(crate) fn run(&self, console: Console) -> Outcome {
        let chosen = self.name.as_deref().and_then(table::find);
        if let Some(folder) = &self.vectors {
            make_folder(folder)?;
            let ops: Vec<&'static Op> = chosen.map_or_else(|| table::all().collect(), |op| vec![op]);
            let written = vectors::write(folder, &ops)?;
            console.print(&format!("{}: {} and index.json\n", folder.display(), count(written, "vector")))?;
            return fine();
        }
        match (chosen, self.json) {
            (Some(op), true) => console.print_json(&row(op))?,
            (Some(op), false) => console.print(&page::page(op))?,
            (None, true) => console.print_json(&table::all().map(row).collect::<Vec<_>>())?,
            (None, false) => console.print(&listing())?,
        }
        fine()
    }
}

fn listing() -> String {
    let mut out = String::new();
    let limit = format!("{} of at most {MAX_PRIMITIVES} primitives", primitive::ALL.len());
    for (title, ops) in [
        (limit, primitive::ALL),
        (count(composite::ALL.len(), "composite"), composite::ALL),
        (count(structural::ALL.len(), "structural form"), structural::ALL),
    ] {
        let mut rows =
            Table::new(&[("name", Align::Left), ("numerics", Align::Left), ("what it computes", Align::Left)]);
        for op in ops {
            rows.row([op.name, op.numerics.name(), op.summary]);
        }
        let _ = writeln!(out, "{title}:\n{}", rows.render("  "));
    }
    out
}

fn row(op: &'static Op) -> Row {
    let operands = op.operands.iter().map(|operand| OperandRow {
        name: operand.name,
        dtypes: match op.types.iter().find(|variable| variable.name == operand.ty) {
            Some(variable) => variable.dtypes.iter().map(|dtype| dtype.name()).collect(),
            None => vec![operand.ty],
        },
        arity: match operand.arity {
            Arity::One => "one",
            Arity::Optional => "optional",
            Arity::Many => "many",
        },
    });
    let attributes = op.attrs.iter().map(|attr| AttributeRow {
        name: attr.name,
        kind: format!("{:?}", attr.kind).to_lowercase(),
        doc: attr.doc,
    });
    let constraints = op.constraints.iter().map(|c| ConstraintRow { name: c.name, text: c.text });
    let onnx = op.import.iter().map(|import| OnnxRow {
        op_type: import.op_type,
        domain: import.domain,
        since: import.since,
        until: (import.until != i64::MAX).then_some(import.until),
    });
    Row {
        name: op.name,
        kind: page::kind(op),
        summary: op.summary,
        operands: operands.collect(),
        attributes: attributes.collect(),
        constraints: constraints.collect(),
        numerics: op.numerics.name(),
        tolerance: op.numerics.tolerance(m4c_ops::DType::F32),
        variants: match &op.meaning {
            Meaning::Composite { variants, .. } => variants,
            Meaning::Primitive { .. } => &[],
        },
        onnx: onnx.collect(),
    }
}
