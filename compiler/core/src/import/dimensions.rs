//! The sizes of a model's inputs as symbols.

use crate::diagnostic::{Diagnostic, codes};
use crate::onnx::{self, ModelFile, ValueType};
use m4c_ops::{Dim, Element, Fact, Symbols};
use std::collections::{BTreeMap, BTreeSet};

/// Longer names of sizes are cut, and not read as expressions.
const LONGEST_NAME: usize = 256;
/// Inputs of more axes are refused.
const MOST_AXES: usize = 32;

/// Names given to symbols so far.
pub(super) struct Dimensions {
    symbols: Symbols,
    /// Exporters write names that are no identifiers; two of them never share a symbol.
    made: BTreeMap<String, Dim>,
    used: BTreeSet<String>,
    /// How often a name was not free.
    again: BTreeMap<String, u64>,
}

impl Dimensions {
    pub(super) fn new(symbols: Symbols) -> Dimensions {
        Dimensions { symbols, made: BTreeMap::new(), used: BTreeSet::new(), again: BTreeMap::new() }
    }

    /// The symbols of all facts so far.
    pub(super) fn symbols(self) -> BTreeSet<String> {
        self.used
    }

    /// The fact of an input: named and unknown sizes become symbols, and expressions such as `past_seq + 1` are read.
    pub(super) fn fact(&mut self, file: &ModelFile, name: &str, ty: &ValueType) -> Result<Fact, Diagnostic> {
        let refuse =
            |code, what: String| Err(Diagnostic::error(code, format!("input `{name}` {what}")).at(file.path()));
        let Some(element) = ty.dtype else {
            return refuse(codes::UNSUPPORTED_DTYPE, "is no tensor or declares no type".into());
        };
        let Some(dtype) = super::element(element).map(Element::carrier) else {
            return refuse(
                codes::UNSUPPORTED_DTYPE,
                format!("is of type {}, which has no storage type here", element.name()),
            );
        };
        let Some(dims) = &ty.dims else {
            return refuse(codes::SHAPE_INFERENCE, "declares no shape, not even its number of axes".into());
        };
        if dims.len() > MOST_AXES {
            return refuse(codes::SHAPE_INFERENCE, format!("has {} axes, more than {MOST_AXES}", dims.len()));
        }
        let mut shape = Vec::new();
        for (axis, dim) in dims.iter().enumerate() {
            shape.push(match dim {
                onnx::Dim::Known(size) => match i64::try_from(*size) {
                    Ok(size) => Dim::from(size),
                    Err(_) => return refuse(codes::SHAPE_INFERENCE, format!("has size {size} along axis {axis}")),
                },
                onnx::Dim::Named(text) => self.named(text),
                onnx::Dim::Unknown => self.fresh(&format!("{name}_{axis}")),
            });
        }
        self.used.extend(shape.iter().flat_map(Dim::symbols));
        Ok(Fact { dtype, shape })
    }

    fn named(&mut self, text: &str) -> Dim {
        if let Some(dim) = self.made.get(text) {
            return dim.clone();
        }
        if text.len() > LONGEST_NAME {
            // No exporter writes such an expression, and reading it could take very long.
            let short: String = text.chars().take(LONGEST_NAME).collect();
            let dim = self.fresh(&short);
            self.made.insert(text.into(), dim.clone());
            return dim;
        }
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let dim = match Dim::parse(text, &self.symbols) {
            Ok(dim) if !dim.is_too_long() && (is_plain || dim.as_symbol().is_none()) => dim,
            _ => self.fresh(text),
        };
        self.made.insert(text.into(), dim.clone());
        dim
    }

    fn fresh(&mut self, name: &str) -> Dim {
        let mut candidate: String = name.chars().take(LONGEST_NAME).collect();
        while self.symbols.contains(&candidate) {
            // Counted, since a file may use one name very often.
            let number = self.again.entry(candidate.clone()).or_insert(1);
            let suffix = if *number == 1 { String::new() } else { number.to_string() };
            *number += 1;
            candidate = format!("{}_{suffix}", candidate.trim_end_matches('_'));
        }
        self.symbols.get(&candidate)
    }
}
