//! `Einsum`: operands are joined one after the other, each pair by a matrix product or a product of elements.

use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::op::Violation;
use crate::primitive::slice;

/// `Einsum`.
pub static IMPORT: &[OnnxImport] = &[from("Einsum", 12, import)];

/// An axis: a letter of the equation, or one of those that `...` stands for, counted from the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Label {
    Rest(usize),
    Letter(char),
}

/// A value with a label for each axis, each once.
struct Term {
    value: Value,
    labels: Vec<Label>,
}

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let missing = || ImportError::Attribute { name: "equation".into(), found: "is missing".into() };
    let equation: String = node.text("equation")?.ok_or_else(missing)?.chars().filter(|c| *c != ' ').collect();
    let wrong = || ImportError::Attribute { name: "equation".into(), found: format!("`{equation}` does not fit") };
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (&*equation, None),
    };
    let inputs: Vec<&str> = inputs.split(',').collect();
    if inputs.len() != node.operands.len() {
        return Err(wrong());
    }
    let mut terms = Vec::new();
    let mut seen: Vec<Label> = Vec::new();
    for (index, text) in inputs.iter().enumerate() {
        let value = node.operand(index)?;
        let labels = labels(text, b.fact(value).rank()).ok_or_else(wrong)?;
        seen.extend(&labels);
        terms.push(diagonal(b, value, labels)?);
    }
    let rest = seen.iter().filter_map(|label| if let Label::Rest(i) = label { Some(i + 1) } else { None }).max();
    let rest = rest.unwrap_or(0);
    let output = match output {
        Some(text) => {
            let letters = text.replace("...", "").chars().count();
            labels(text, letters + if text.contains("...") { rest } else { 0 }).ok_or_else(wrong)?
        }
        // What stands once, in the order of the alphabet.
        None => {
            let mut once: Vec<Label> = seen.iter().copied().filter(|label| is_once(*label, &seen)).collect();
            once.retain(|label| matches!(label, Label::Letter(_)));
            once.sort();
            (0..rest).rev().map(Label::Rest).chain(once).collect()
        }
    };
    if output.iter().any(|label| !seen.contains(label) || !is_once(*label, &output)) {
        return Err(wrong());
    }
    let mut terms = terms.into_iter();
    let mut joined = terms.next().ok_or_else(wrong)?;
    let mut later: Vec<Term> = terms.collect();
    while !later.is_empty() {
        let next = later.remove(0);
        let needed: Vec<Label> = later.iter().flat_map(|term| &term.labels).chain(&output).copied().collect();
        joined = join(b, joined, next, &needed)?;
    }
    let result = summed(b, joined, &output)?;
    let perm = order(&result.labels, &output).ok_or_else(wrong)?;
    Ok(vec![b.transpose(result.value, perm)?])
}

fn is_once(label: Label, labels: &[Label]) -> bool {
    labels.iter().filter(|other| **other == label).count() == 1
}

/// The labels of an operand of this rank; `None` where the text does not fit.
fn labels(text: &str, rank: usize) -> Option<Vec<Label>> {
    let letters = |text: &str| -> Option<Vec<Label>> {
        text.chars().map(|c| c.is_ascii_alphabetic().then_some(Label::Letter(c))).collect()
    };
    let Some((before, behind)) = text.split_once("...") else {
        return letters(text).filter(|labels| labels.len() == rank);
    };
    let (before, behind) = (letters(before)?, letters(behind)?);
    let rest = rank.checked_sub(before.len() + behind.len())?;
    Some(before.into_iter().chain((0..rest).rev().map(Label::Rest)).chain(behind).collect())
}

/// Where each wanted label stands.
fn order(labels: &[Label], wanted: &[Label]) -> Option<Vec<i64>> {
    let place = |label: &Label| labels.iter().position(|other| other == label).map(|at| at as i64);
    (labels.len() == wanted.len()).then(|| wanted.iter().map(place).collect()).flatten()
}

/// A label that stands twice takes the diagonal of its two axes.
fn diagonal(b: &mut dyn Build, mut value: Value, mut labels: Vec<Label>) -> Result<Term, ImportError> {
    while let Some(second) = (0..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
        let first = labels.iter().position(|label| *label == labels[second]).unwrap_or(0);
        let rank = labels.len();
        let perm = (0..rank).filter(|&i| i != first && i != second).chain([first, second]);
        value = b.transpose(value, perm.map(|axis| axis as i64).collect())?;
        let shape = b.fact(value).shape.clone();
        let (size, same) = (shape[rank - 2].clone(), &shape[rank - 1]);
        let Some(count) = size.as_i64().filter(|_| size == *same) else {
            let found = format!("has a diagonal of {size} by {same}");
            return Err(ImportError::Operand { index: 0, found });
        };
        // Row by row, elements of the diagonal are one row and one element apart.
        let mut merged = [&shape[..rank - 2], &[Dim::from(count * count)]].concat();
        value = b.reshape(value, &merged)?;
        merged[rank - 2] = size;
        let mut steps = vec![1; rank - 1];
        steps[rank - 2] = count + 1;
        value = slice::apply(b, value, vec![Dim::from(0); rank - 1], merged, steps)?;
        let label = labels.remove(second);
        labels.remove(first);
        labels.push(label);
    }
    Ok(Term { value, labels })
}

/// The sum over all labels that are not needed.
fn summed(b: &mut dyn Build, term: Term, needed: &[Label]) -> Result<Term, Violation> {
    let (kept, gone): (Vec<usize>, Vec<usize>) =
        (0..term.labels.len()).partition(|&axis| needed.contains(&term.labels[axis]));
    if gone.is_empty() {
        return Ok(term);
    }
    let value = b.sum(term.value, gone.iter().map(|&axis| axis as i64).collect(), false)?;
    Ok(Term { value, labels: kept.into_iter().map(|axis| term.labels[axis]).collect() })
}

/// The product of two terms, summed over the labels of both that are not needed.
fn join(b: &mut dyn Build, x: Term, y: Term, needed: &[Label]) -> Result<Term, ImportError> {
    let with = |labels: &[Label]| [labels, needed].concat();
    let (x_needed, y_needed) = (with(&y.labels), with(&x.labels));
    let (x, y) = (summed(b, x, &x_needed)?, summed(b, y, &y_needed)?);
    let in_both = |label: &Label| x.labels.contains(label) && y.labels.contains(label);
    let shared: Vec<Label> =
        x.labels.iter().copied().filter(|label| in_both(label) && needed.contains(label)).collect();
    let summed: Vec<Label> =
        x.labels.iter().copied().filter(|label| in_both(label) && !needed.contains(label)).collect();
    let own = |labels: &[Label]| -> Vec<Label> { labels.iter().copied().filter(|label| !in_both(label)).collect() };
    let (rows, columns) = (own(&x.labels), own(&y.labels));
    let labels = [&shared[..], &rows, &columns].concat();
    if summed.is_empty() {
        let x = aligned(b, &x, &labels)?;
        let y = aligned(b, &y, &labels)?;
        return Ok(Term { value: b.mul(x, y)?, labels });
    }
    let (left, row_sizes) = matrices(b, &x, &shared, &rows, &summed)?;
    let (right, column_sizes) = matrices(b, &y, &shared, &summed, &columns)?;
    let real = b.fact(left).dtype != DType::Bool;
    if !real {
        return Err(ImportError::Operand { index: 0, found: "is bool".into() });
    }
    let product = b.matmul(left, right)?;
    let outer = b.fact(product).shape[..shared.len()].to_vec();
    let value = b.reshape(product, &[&outer[..], &row_sizes.0, &column_sizes.1].concat())?;
    Ok(Term { value, labels })
}

/// A term with these labels in order; those that it lacks have size 1.
fn aligned(b: &mut dyn Build, term: &Term, labels: &[Label]) -> Result<Value, Violation> {
    let own: Vec<Label> = labels.iter().copied().filter(|label| term.labels.contains(label)).collect();
    let value = b.transpose(term.value, order(&term.labels, &own).unwrap_or_default())?;
    let mut sizes = b.fact(value).shape.clone().into_iter();
    let size = |label: &Label| if own.contains(label) { sizes.next() } else { None }.unwrap_or(Dim::from(1));
    let to: Vec<Dim> = labels.iter().map(size).collect();
    b.reshape(value, &to)
}

/// The sizes that rows and columns had before they were merged.
type Sizes = (Vec<Dim>, Vec<Dim>);

/// A term as matrices: shared labels outside, the others merged to rows and columns.
fn matrices(
    b: &mut dyn Build,
    term: &Term,
    shared: &[Label],
    rows: &[Label],
    columns: &[Label],
) -> Result<(Value, Sizes), Violation> {
    let all = [shared, rows, columns].concat();
    let value = b.transpose(term.value, order(&term.labels, &all).unwrap_or_default())?;
    let shape = b.fact(value).shape.clone();
    let (outer, inner) = shape.split_at(shared.len());
    let (row_sizes, column_sizes) = inner.split_at(rows.len());
    let to = [outer, &[Dim::product(row_sizes), Dim::product(column_sizes)]].concat();
    Ok((b.reshape(value, &to)?, (row_sizes.to_vec(), column_sizes.to_vec())))
}
