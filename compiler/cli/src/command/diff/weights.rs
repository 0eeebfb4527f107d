//! The weights of two artifacts, compared by content.

use crate::table::{bytes, count};
use m4c_format::Place;
use m4c_runtime::Artifact;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many weights of each artifact the text names.
const SHOWN: usize = 20;

/// Weights that both artifacts have, and those that only one has.
#[derive(Serialize)]
pub(super) struct WeightDifference {
    common: usize,
    common_bytes: u64,
    only_first: Vec<Weight>,
    only_second: Vec<Weight>,
}

/// A constant of an artifact.
#[derive(Clone, Serialize)]
pub(super) struct Weight {
    /// Type, sizes and layout.
    tensor: String,
    bytes: u64,
    blake3: String,
    /// The first step that reads it.
    read_by: String,
}

/// Compares by type, sizes, layout and bytes, wherever weights lie in the files. Equal weights pair one by one.
pub(super) fn weights(artifacts: [&Artifact<'_>; 2]) -> WeightDifference {
    let [left, right] = artifacts.map(all);
    let mut of_right: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (index, weight) in right.iter().enumerate().rev() {
        of_right.entry(weight.key()).or_default().push(index);
    }
    let mut difference =
        WeightDifference { common: 0, common_bytes: 0, only_first: Vec::new(), only_second: Vec::new() };
    let mut paired = vec![false; right.len()];
    for weight in left {
        match of_right.get_mut(&weight.key()).and_then(Vec::pop) {
            Some(index) => {
                paired[index] = true;
                difference.common += 1;
                difference.common_bytes = difference.common_bytes.saturating_add(weight.bytes);
            }
            None => difference.only_first.push(weight),
        }
    }
    let only_right = right.into_iter().zip(paired).filter(|(_, paired)| !paired).map(|(weight, _)| weight);
    difference.only_second.extend(only_right);
    difference
}

impl Weight {
    fn key(&self) -> (String, String) {
        (self.tensor.clone(), self.blake3.clone())
    }
}

/// Every constant, in the order of the artifact.
fn all(artifact: &Artifact<'_>) -> Vec<Weight> {
    let readers = readers(artifact);
    let weights = artifact.constants().iter().zip(0..).map(|(constant, index)| {
        let dims: Vec<String> = constant.dims.iter().map(ToString::to_string).collect();
        let layout = if constant.layout.is_empty() { String::new() } else { format!(" as {}", constant.layout) };
        Weight {
            tensor: format!("{}[{}]{layout}", constant.dtype.name(), dims.join(", ")),
            bytes: constant.length,
            blake3: blake3::hash(artifact.constant_bytes(index)).to_hex().to_string(),
            read_by: readers.get(&index).cloned().unwrap_or_default(),
        }
    });
    weights.collect()
}

/// Where each constant is first read: program, operator and place in the model.
fn readers(artifact: &Artifact<'_>) -> BTreeMap<u32, String> {
    let mut readers = BTreeMap::new();
    for tables in artifact.programs() {
        for step in tables.steps() {
            let operands = tables.operands().get(step.operands.clone()).unwrap_or(&[]);
            for operand in operands.iter().filter(|operand| operand.place == Place::Constant) {
                let node = tables.nodes().get(step.node as usize);
                let node = node.map(|node| format!(": {} {}", node.op, node.scope)).unwrap_or_default();
                readers.entry(operand.index).or_insert_with(|| format!("{}{node}", tables.name()));
            }
        }
    }
    readers
}

impl WeightDifference {
    pub(super) fn write(&self, out: &mut String) {
        if self.only_first.is_empty() && self.only_second.is_empty() {
            return;
        }
        let _ = writeln!(out, "\n{} of {} in both", count(self.common, "weight"), bytes(self.common_bytes));
        for (sign, only) in [('-', &self.only_first), ('+', &self.only_second)] {
            let sum = only.iter().fold(0u64, |sum, weight| sum.saturating_add(weight.bytes));
            if !only.is_empty() {
                let _ = writeln!(out, "{sign} {} of {}", count(only.len(), "weight"), bytes(sum));
            }
            for weight in only.iter().take(SHOWN) {
                let (size, hash) = (bytes(weight.bytes), weight.blake3.get(..16).unwrap_or_default());
                let _ = writeln!(out, "{sign}   {}, {size}, blake3 {hash}, {}", weight.tensor, weight.read_by);
            }
            if only.len() > SHOWN {
                let _ = writeln!(out, "{sign}   and {} more, which --json lists", only.len() - SHOWN);
            }
        }
    }
}
