//! The reference pages of operators, in Markdown: everything that an operator's room says, and nothing else.

use crate::attr::Attrs;
use crate::build::{Build, FactBuilder, Value};
use crate::composite;
use crate::dim::{Guard, Symbols};
use crate::dtype::{DType, FLOAT};
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, OnnxImport};
use crate::op::{Arity, Meaning, Op, Operand, Violation};
use crate::primitive;
use crate::structural;
use crate::table::MAX_PRIMITIVES;
use crate::tensor::Tensor;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What kind of operator this is, as pages and tables call it.
pub fn kind(op: &Op) -> &'static str {
    let is_in = |all: &[&Op]| all.iter().any(|other| other.name == op.name);
    match () {
        () if is_in(composite::ALL) => "composite",
        () if is_in(structural::ALL) => "structural form",
        () => "primitive",
    }
}

/// The page of all operators.
pub fn index() -> String {
    let mut out = String::from("# Operators\n\nMade from the operator table. `m4c ops` prints the same.\n");
    let of_limit = format!(
        "{} of at most {MAX_PRIMITIVES}. Everything that m4c compiles is expressed in these.",
        primitive::ALL.len()
    );
    let composites = "Names for decompositions into primitives. A target may compute one whole; none has to.";
    let structural = "Forms that stand beside the operators.";
    for (title, text, all) in [
        ("Primitives", &*of_limit, primitive::ALL),
        ("Composites", composites, composite::ALL),
        ("Structural forms", structural, structural::ALL),
    ] {
        let _ = write!(out, "\n## {title}\n\n{text}\n\n| name | what it computes | numerics |\n|---|---|---|\n");
        for op in all {
            let _ = writeln!(out, "| [`{0}`]({0}.md) | {1} | {2} |", op.name, cell(op.summary), op.numerics.name());
        }
    }
    out
}

/// The page of one operator.
pub fn page(op: &Op) -> String {
    let mut out = format!("# {}\n\n{}\n\nA {}.\n", op.name, op.summary, kind(op));
    operands(&mut out, op);
    attributes(&mut out, op);
    constraints(&mut out, op);
    numerics(&mut out, op);
    if let Meaning::Composite { variants, .. } = &op.meaning {
        out.push_str("\n## Variants\n\n");
        variants.iter().for_each(|variant| {
            let _ = writeln!(out, "- {variant}");
        });
        let steps: Vec<String> = decomposition(op).into_iter().map(|name| format!("[`{name}`]({name}.md)")).collect();
        let _ = write!(out, "\n## Decomposition\n\nThe samples below decompose into {}.\n", steps.join(", "));
    }
    onnx(&mut out, op);
    samples(&mut out, op);
    out
}

fn operands(out: &mut String, op: &Op) {
    if op.operands.is_empty() {
        return;
    }
    out.push_str("\n## Operands\n\n| name | types | how many |\n|---|---|---|\n");
    for operand in op.operands {
        let arity = match operand.arity {
            Arity::One => "one",
            Arity::Optional => "one or none",
            Arity::Many => "one or more",
        };
        let _ = writeln!(out, "| `{}` | {} | {arity} |", operand.name, types(op, operand));
    }
}

fn types(op: &Op, operand: &Operand) -> String {
    match op.types.iter().find(|variable| variable.name == operand.ty) {
        Some(variable) => {
            let names: Vec<&str> = variable.dtypes.iter().map(|dtype| dtype.name()).collect();
            format!("{}: {}", variable.name, names.join(", "))
        }
        None => operand.ty.into(),
    }
}

fn attributes(out: &mut String, op: &Op) {
    if op.attrs.is_empty() {
        return;
    }
    out.push_str("\n## Attributes\n\n| name | kind | what it sets |\n|---|---|---|\n");
    for attr in op.attrs {
        let kind = format!("{:?}", attr.kind).to_lowercase();
        let _ = writeln!(out, "| `{}` | {kind} | {} |", attr.name, cell(attr.doc));
    }
}

fn constraints(out: &mut String, op: &Op) {
    if op.constraints.is_empty() {
        return;
    }
    out.push_str("\n## Constraints\n\n| name | condition |\n|---|---|\n");
    for constraint in op.constraints {
        let _ = writeln!(out, "| `{}` | {} |", constraint.name, cell(constraint.text));
    }
}

fn numerics(out: &mut String, op: &Op) {
    let class = op.numerics.name();
    let meaning = match op.numerics {
        Numerics::Exact => "the same bits for every input; the payload of a NaN is free".to_string(),
        Numerics::Rounded => {
            format!("each element rounds on its own, within {} of the largest magnitude", tolerances(op.numerics))
        }
        Numerics::Accumulated => {
            format!("the order of sums is free, within {} of the largest magnitude", tolerances(op.numerics))
        }
    };
    let _ = write!(out, "\n## Numerics\n\n{class}: {meaning}.\n");
}

fn tolerances(class: Numerics) -> String {
    let of = |dtype: DType| format!("{:.0e} ({dtype})", class.tolerance(dtype));
    FLOAT.iter().rev().map(|&dtype| of(dtype)).collect::<Vec<_>>().join(", ")
}

/// Names of the operators that the samples of a composite decompose into.
fn decomposition(op: &Op) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let Meaning::Composite { decompose, .. } = &op.meaning else { return names };
    for sample in op.samples.iter().filter_map(|sample| sample.read(op).ok()) {
        let (symbols, mut guards) = (Symbols::default(), Vec::new());
        let mut recorder = Recorder { facts: FactBuilder::new(&symbols, &mut guards), names: &mut names };
        let operands: Vec<Option<Value>> =
            sample.operands.iter().map(|tensor| tensor.as_ref().map(|t| recorder.facts.value(t.fact()))).collect();
        // A test of the table holds that every sample decomposes.
        let _ = decompose(&mut recorder, &operands, &sample.attrs);
    }
    names
}

/// Builds facts, and notes which operators are applied.
struct Recorder<'a, 'n> {
    facts: FactBuilder<'a>,
    names: &'n mut BTreeSet<&'static str>,
}

impl Build for Recorder<'_, '_> {
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation> {
        self.names.insert(op.name);
        self.facts.apply(op, operands, attrs)
    }

    fn constant(&mut self, tensor: Tensor) -> Value {
        self.facts.constant(tensor)
    }

    fn fact(&self, value: Value) -> &Fact {
        self.facts.fact(value)
    }

    fn known(&self, value: Value) -> Option<&Tensor> {
        self.facts.known(value)
    }

    fn symbols(&self) -> &Symbols {
        self.facts.symbols()
    }

    fn assume(&mut self, guard: Guard) {
        self.facts.assume(guard);
    }
}

fn onnx(out: &mut String, op: &Op) {
    out.push_str("\n## ONNX\n\n");
    if op.import.is_empty() {
        out.push_str("No ONNX operator imports as this one alone.\n");
    } else {
        out.push_str("| operator | domain | operator set |\n|---|---|---|\n");
        for import in op.import {
            let domain = if import.domain.is_empty() { "ai.onnx" } else { import.domain };
            let _ = writeln!(out, "| {} | {domain} | {} |", import.op_type, versions(import));
        }
    }
    out.push_str(match op.export {
        Export::Nodes(_) => "\nWritten as ONNX nodes of its own.\n",
        Export::Decompose => "\nWritten as ONNX by its decomposition.\n",
    });
}

fn versions(import: &OnnxImport) -> String {
    if import.until == i64::MAX {
        format!("from {}", import.since)
    } else {
        format!("{} to {}", import.since, import.until)
    }
}

fn samples(out: &mut String, op: &Op) {
    out.push_str("\n## Samples\n");
    for sample in op.samples {
        let _ = write!(out, "\n{}:\n\n```text\n", sample.name);
        let mut names = op.operands.iter().map(|operand| operand.name);
        let mut last = "";
        for operand in sample.operands {
            last = names.next().unwrap_or(last);
            let _ = writeln!(out, "{last} = {}", if *operand == "-" { "absent" } else { operand });
        }
        for attr in sample.attrs {
            let _ = writeln!(out, "{attr}");
        }
        let _ = writeln!(out, "result = {}\n```", sample.result);
    }
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn every_operator_is_in_the_index_and_has_a_page() {
        let index = index();
        for op in table::all() {
            assert!(index.contains(&format!("[`{0}`]({0}.md)", op.name)), "{}", op.name);
            let page = page(op);
            assert!(page.starts_with(&format!("# {}\n\n{}\n", op.name, op.summary)));
            assert!(op.samples.iter().all(|sample| page.contains(sample.result)), "{}", op.name);
            assert!(!page.contains("\n\n\n"), "{}", op.name);
        }
    }

    #[test]
    fn a_composite_says_what_it_decomposes_into() {
        let page = page(&composite::softmax::OP);
        assert!(page.contains("[`exp`](exp.md)") && page.contains("[`reduce_max`](reduce_max.md)"), "{page}");
    }
}
