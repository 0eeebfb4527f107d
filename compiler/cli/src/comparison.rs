//! Results against a reference, each within the numerics class of its output.

use crate::array::{Array, ArrayFile};
use crate::inputs::{describe_port, expect};
use crate::ports;
use crate::summary::number;
use crate::table::{Align, Table};
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_ops::Difference;
use m4c_runtime::{Port, Program};
use serde::Serialize;
use std::path::Path;

/// The difference of one output.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) output: String,
    /// Largest difference of finite elements.
    pub(crate) absolute: f64,
    /// The same relative to the largest magnitude of the reference.
    pub(crate) relative: f64,
    /// Elements where NaN or infinities differ.
    pub(crate) mismatched: usize,
    /// The largest relative difference that the class allows.
    pub(crate) tolerance: f64,
    /// Whether the class allows the difference.
    pub(crate) within: bool,
}

impl Comparison {
    /// Compares arrays of one type and shape.
    fn new(port: &Port, result: &Array, reference: &Array) -> Comparison {
        let mut difference = Difference::between(&result.numbers(), &reference.numbers());
        // As `f64`, large integers may look equal.
        if !result.dtype.is_float() && difference.absolute == 0.0 {
            let width = result.dtype.bits().div_ceil(8);
            let pairs = result.bytes.bytes().chunks(width).zip(reference.bytes.bytes().chunks(width));
            difference.mismatched += pairs.filter(|(a, b)| a != b).count();
        }
        let tolerance = f64::from(port.tolerance);
        Comparison {
            output: port.name.clone(),
            absolute: difference.absolute,
            relative: difference.relative,
            mismatched: difference.mismatched,
            tolerance,
            within: difference.within(tolerance),
        }
    }

    /// The failure, where the difference is out of class. `what` was compared with `with`.
    pub(crate) fn failure(&self, what: &str, with: &str) -> Option<Diagnostic> {
        if self.within {
            return None;
        }
        let mut message = format!(
            "output `{}` of {what} differs from {with} by {:.1e}, allowed are {:.1e}",
            self.output, self.relative, self.tolerance
        );
        if self.mismatched > 0 {
            message += &format!("; {} elements do not match at all", self.mismatched);
        }
        Some(Diagnostic::error(codes::OUT_OF_CLASS, message))
    }
}

/// Compares all outputs with references; a reference that is `None` is left out.
pub(crate) fn compare(
    program: &Program<'_>,
    results: &[Array],
    references: &[Option<Array>],
) -> Result<Vec<Comparison>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let mut comparisons = Vec::new();
    for ((port, result), reference) in ports::outputs(program).into_iter().zip(results).zip(references) {
        let Some(reference) = reference else { continue };
        if (result.dtype, &result.shape) != (reference.dtype, &reference.shape) {
            let message =
                format!("output `{}` is {}, the reference is {}", port.name, result.describe(), reference.describe());
            diagnostics.push(Diagnostic::error(codes::OUT_OF_CLASS, message));
            continue;
        }
        comparisons.push(Comparison::new(port, result, reference));
    }
    diagnostics.finish(comparisons).map(|(comparisons, _)| comparisons)
}

/// Reads the reference of each output from an archive: `NAME` or `out:NAME`. An output that has none is left out.
pub(crate) fn references(program: &Program<'_>, path: &Path) -> Result<Vec<Option<Array>>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let mut file = ArrayFile::open(path)?;
    let names = file.names().to_vec();
    let mut references = Vec::new();
    for port in ports::outputs(program) {
        let prefixed = format!("out:{}", port.name);
        let name = [&prefixed, &port.name].into_iter().find(|name| names.contains(name));
        let array = name.map(|name| expect(port, program, file.read(name), path, &mut diagnostics));
        references.push(array.and_then(|array| diagnostics.take(array)));
    }
    for name in &names {
        let bare = name.strip_prefix("out:").unwrap_or(name);
        let is_input = name.starts_with("in:") || ports::input(program, name).is_some();
        if ports::output(program, bare).is_none() && !is_input {
            let message = format!("program `{}` has no output `{bare}`", program.name());
            diagnostics.push(no_such_output(message, program).at(file.path()));
        }
    }
    if !diagnostics.has_errors() && references.iter().all(Option::is_none) {
        let message = format!("no array is named as an output of program `{}`", program.name());
        diagnostics.push(no_such_output(message, program).at(file.path()));
    }
    diagnostics.finish(references).map(|(references, _)| references)
}

fn no_such_output(message: String, program: &Program<'_>) -> Diagnostic {
    let outputs: Vec<String> = ports::outputs(program)
        .into_iter()
        .map(|port| format!("`{}` ({})", port.name, describe_port(program, port)))
        .collect();
    Diagnostic::error(codes::OUTPUT_UNKNOWN, message).help(format!("its outputs are {}", outputs.join(", ")))
}

/// The comparisons as a table.
pub(crate) fn render(comparisons: &[Comparison]) -> String {
    let mut table = Table::new(&[
        ("output", Align::Left),
        ("absolute", Align::Right),
        ("relative", Align::Right),
        ("tolerance", Align::Right),
        ("mismatched", Align::Right),
        ("verdict", Align::Left),
    ]);
    for comparison in comparisons {
        table.row([
            comparison.output.clone(),
            number(Some(comparison.absolute)),
            number(Some(comparison.relative)),
            number(Some(comparison.tolerance)),
            comparison.mismatched.to_string(),
            if comparison.within { "ok" } else { "OUT OF CLASS" }.to_owned(),
        ]);
    }
    table.render("  ")
}
