//! The data of a target: what it is, and which operators it supports under which conditions, with the evidence.

use crate::condition::Condition;
use crate::cost::Cost;
use crate::node::NodeView;
use crate::verdict::Verdict;
use m4c_ops::DType;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// What is known of a target, read by [`Profile::parse`].
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name on command lines, in artifacts and as that of its executor.
    pub id: String,
    /// A few words for people.
    pub title: String,
    /// How it executes.
    pub kind: Kind,
    /// Bytes to which its constants and buffers are aligned.
    pub alignment: u64,
    /// The largest number of axes of a tensor.
    pub max_rank: usize,
    /// What its steps cost.
    pub cost: Cost,
    /// Its operators in the order of the file.
    pub ops: Vec<OpEntry>,
}

/// How a target executes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The runtime calls a kernel for each step.
    Kernels,
}

/// What is known of a target's support for one operator.
#[derive(Clone, Debug)]
pub struct OpEntry {
    /// The operator.
    pub name: String,
    /// Whether it is supported.
    pub support: Support,
    /// Storage types by operand, `result` for the result; operands that are not named may have any.
    pub dtypes: BTreeMap<String, Vec<DType>>,
    /// What must hold beyond types.
    pub conditions: Vec<Condition>,
    /// Why the support is limited or missing; always there where it is missing.
    pub reason: Option<String>,
    /// Why this entry is believed.
    pub evidence: Option<Evidence>,
}

/// Whether an operator is supported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// By a kernel of its own.
    Native,
    /// Known not to be.
    None,
    /// Nobody has found out.
    Unknown,
}

/// Why an entry is believed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What kind of source it is.
    pub kind: EvidenceKind,
    /// The test, the document or the run.
    pub text: String,
}

/// Where a belief comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// It was run and compared.
    Measured,
    /// The vendor says so.
    VendorDoc,
}

/// Why a profile cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProfileError {
    /// `target.toml` or `ops.toml`.
    pub file: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for ProfileError {}

impl Profile {
    /// The entry of an operator.
    pub fn op(&self, name: &str) -> Option<&OpEntry> {
        self.ops.iter().find(|entry| entry.name == name)
    }

    /// Whether the tables support a node.
    pub fn verdict(&self, node: &NodeView<'_>) -> Verdict {
        let Some(entry) = self.op(node.op.name) else {
            return Verdict::Unknown;
        };
        match entry.support {
            Support::Unknown => return Verdict::Unknown,
            Support::None => {
                return Verdict::no(entry.reason.as_deref().unwrap_or("it has no kernel"));
            }
            Support::Native => {}
        }
        let facts = || node.operands.iter().flatten().map(|operand| operand.fact);
        let rank = facts().chain([node.result]).map(|fact| fact.rank()).max();
        if let Some(rank) = rank.filter(|rank| *rank > self.max_rank) {
            let most = self.max_rank;
            return Verdict::no(format!("a tensor has {rank} axes, at most {most} are supported"));
        }
        match entry.objection(node) {
            Some(objection) => Verdict::no(match &entry.reason {
                Some(reason) => format!("{objection} ({reason})"),
                None => objection,
            }),
            None => Verdict::Yes,
        }
    }
}

impl OpEntry {
    /// The first demand that the node does not meet.
    fn objection(&self, node: &NodeView<'_>) -> Option<String> {
        for (name, dtypes) in &self.dtypes {
            for fact in node.facts(name) {
                if !dtypes.contains(&fact.dtype) {
                    let known: Vec<&str> = dtypes.iter().map(|dtype| dtype.name()).collect();
                    let known = known.join(", ");
                    return Some(format!("`{name}` is {}, not one of {known}", fact.dtype));
                }
            }
        }
        let broken = self.conditions.iter().find(|condition| !condition.holds(node))?;
        Some(format!("it is required that {}", broken.text()))
    }
}
