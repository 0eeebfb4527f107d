//! Reads `target.toml` and `ops.toml`, and holds them to the operator table.

use crate::condition::Condition;
use crate::cost::Cost;
use crate::node::RESULT;
use crate::profile::{Evidence, Kind, OpEntry, Profile, ProfileError, Support};
use m4c_ops::{DType, Op, table};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetFile {
    id: String,
    title: String,
    kind: Kind,
    alignment: Spanned<u64>,
    max_rank: usize,
    cost: Spanned<Cost>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpsFile {
    /// That of all entries that give none of their own.
    evidence: Option<Evidence>,
    op: Vec<Spanned<OpRow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpRow {
    name: Spanned<String>,
    support: Support,
    #[serde(default)]
    dtypes: BTreeMap<String, Vec<Spanned<String>>>,
    #[serde(default, rename = "where")]
    conditions: Vec<Spanned<String>>,
    reason: Option<String>,
    evidence: Option<Evidence>,
}

impl Profile {
    /// Reads the texts of `target.toml` and `ops.toml`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(target: &str, ops: &str) -> Result<Profile, ProfileError> {
        let file = File { name: "target.toml", text: target };
        let head: TargetFile = file.read()?;
        if !head.alignment.get_ref().is_power_of_two() {
            return Err(file.error(head.alignment.span(), "the alignment is no power of two"));
        }
        if !head.cost.get_ref().is_positive() {
            return Err(file.error(head.cost.span(), "a cost is not above 0"));
        }
        let file = File { name: "ops.toml", text: ops };
        let body: OpsFile = file.read()?;
        let mut seen = BTreeSet::new();
        let mut entries = Vec::with_capacity(body.op.len());
        for row in body.op {
            let at = row.get_ref().name.span();
            let entry = file.entry(row, body.evidence.as_ref())?;
            if !seen.insert(entry.name.clone()) {
                return Err(file.error(at, format!("a second entry for `{}`", entry.name)));
            }
            entries.push(entry);
        }
        Ok(Profile {
            id: head.id,
            title: head.title,
            kind: head.kind,
            alignment: head.alignment.into_inner(),
            max_rank: head.max_rank,
            cost: head.cost.into_inner(),
            ops: entries,
        })
    }
}

struct File<'a> {
    name: &'static str,
    text: &'a str,
}

impl File<'_> {
    fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ProfileError> {
        toml::from_str(self.text).map_err(|error| self.error(error.span().unwrap_or(0..0), error.message()))
    }

    fn error(&self, at: Range<usize>, message: impl Into<String>) -> ProfileError {
        let before = self.text.get(..at.start).unwrap_or_default();
        ProfileError { file: self.name, line: 1 + before.matches('\n').count(), message: message.into() }
    }

    fn entry(&self, row: Spanned<OpRow>, evidence: Option<&Evidence>) -> Result<OpEntry, ProfileError> {
        let whole = row.span();
        let row = row.into_inner();
        let name = row.name.get_ref();
        let unknown = || self.error(row.name.span(), format!("`{name}` is no operator"));
        let op = table::find(name).ok_or_else(unknown)?;
        if row.support == Support::None && row.reason.is_none() {
            return Err(self.error(whole, format!("`{name}` is not supported for no reason")));
        }
        let mut dtypes = BTreeMap::new();
        for (operand, names) in &row.dtypes {
            check_operand(op, operand).map_err(|message| self.error(whole.clone(), message))?;
            let mut known = Vec::with_capacity(names.len());
            for dtype in names {
                let unknown = || {
                    let message = format!("`{}` is no storage type", dtype.get_ref());
                    self.error(dtype.span(), message)
                };
                known.push(DType::parse(dtype.get_ref()).ok_or_else(unknown)?);
            }
            dtypes.insert(operand.clone(), known);
        }
        let mut conditions = Vec::with_capacity(row.conditions.len());
        for text in &row.conditions {
            let read = || {
                let condition: Condition = text.get_ref().parse()?;
                for operand in condition.operands() {
                    check_operand(op, operand)?;
                }
                for attr in condition.attrs() {
                    if !op.attrs.iter().any(|spec| spec.name == attr) {
                        return Err(format!("`{}` has no attribute `{attr}`", op.name));
                    }
                }
                Ok(condition)
            };
            conditions.push(read().map_err(|message: String| self.error(text.span(), message))?);
        }
        Ok(OpEntry {
            name: name.clone(),
            support: row.support,
            dtypes,
            conditions,
            reason: row.reason,
            evidence: row.evidence.or_else(|| evidence.cloned()),
        })
    }
}

fn check_operand(op: &Op, name: &str) -> Result<(), String> {
    if name == RESULT || op.operands.iter().any(|spec| spec.name == name) {
        return Ok(());
    }
    Err(format!("`{}` has no operand `{name}`", op.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{NodeView, OperandView};
    use crate::profile::EvidenceKind;
    use crate::verdict::Verdict;
    use m4c_ops::{Attrs, Fact, Symbols, primitive};

    const TARGET: &str = "id = \"t\"\ntitle = \"T\"\nkind = \"kernels\"\nalignment = 64\nmax_rank = 3\ncost = { flops_per_second = 1e9, bytes_per_second = 1e9, step_seconds = 1e-6 }\n";

    const OPS: &str = r#"
evidence = { kind = "measured", text = "a test" }

[[op]]
name = "add"
support = "native"
dtypes = { a = ["f32", "i32"] }

[[op]]
name = "matmul"
support = "native"
where = ["constant(b)"]
reason = "weights are packed"
evidence = { kind = "vendor-doc", text = "a page" }

[[op]]
name = "exp"
support = "none"
reason = "there is no table for it"

[[op]]
name = "erf"
support = "unknown"
"#;

    fn profile() -> Profile {
        Profile::parse(TARGET, OPS).unwrap()
    }

    fn verdict(op: &'static Op, facts: &[&str]) -> Verdict {
        let symbols = Symbols::default();
        let facts: Vec<Fact> = facts.iter().map(|text| Fact::parse(text, &symbols).unwrap()).collect();
        let attrs = Attrs::none();
        let view = |fact| Some(OperandView { fact, constant: false });
        let operands = facts.iter().map(view).collect();
        let node = NodeView { op, attrs: &attrs, operands, result: &facts[0] };
        profile().verdict(&node)
    }

    #[test]
    fn a_profile_is_read() {
        let profile = profile();
        assert_eq!((profile.id.as_str(), profile.alignment), ("t", 64));
        let kinds = |name| profile.op(name).unwrap().evidence.as_ref().unwrap().kind;
        assert_eq!(kinds("add"), EvidenceKind::Measured);
        assert_eq!(kinds("matmul"), EvidenceKind::VendorDoc);
    }

    #[test]
    fn verdicts_have_reasons() {
        let add = &primitive::add::OP;
        assert_eq!(verdict(add, &["f32[2]", "f32[2]"]), Verdict::Yes);
        let no = |verdict: Verdict| match verdict {
            Verdict::No { reason } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(no(verdict(add, &["i8[2]", "i8[2]"])), "`a` is i8, not one of f32, i32");
        let deep = no(verdict(add, &["f32[1, 1, 1, 1]", "f32[]"]));
        assert_eq!(deep, "a tensor has 4 axes, at most 3 are supported");
        let dynamic = no(verdict(&primitive::matmul::OP, &["f32[2, 2]", "f32[2, 2]"]));
        let expected = "it is required that `b` is known when compiling (weights are packed)";
        assert_eq!(dynamic, expected);
        assert_eq!(no(verdict(&primitive::exp::OP, &["f32[]"])), "there is no table for it");
        assert_eq!(verdict(&primitive::erf::OP, &["f32[]"]), Verdict::Unknown);
        assert_eq!(verdict(&primitive::sub::OP, &["f32[]", "f32[]"]), Verdict::Unknown);
    }

    #[track_caller]
    fn refused(ops: &str, line: usize, message: &str) {
        let error = Profile::parse(TARGET, ops).unwrap_err();
        assert_eq!((error.file, error.line), ("ops.toml", line), "{error}");
        assert!(error.message.contains(message), "{error}");
    }

    #[test]
    fn errors_name_the_line() {
        let head = "[[op]]\nname = \"add\"\nsupport = \"native\"\n";
        refused("[[op]]\nname = \"bad\"\nsupport = \"native\"\n", 2, "`bad` is no operator");
        refused(&format!("{head}color = 1\n"), 4, "color");
        refused(&format!("{head}dtypes = {{ q = [\"f32\"] }}\n"), 1, "no operand `q`");
        refused(&format!("{head}dtypes = {{ a = [\"f31\"] }}\n"), 4, "`f31` is no storage type");
        refused(&format!("{head}where = [\n\"rank(a) < 3\"]\n"), 5, "is no condition");
        refused(&format!("{head}where = [\"sizes(a) = sizes(b) from x\"]\n"), 4, "no attribute `x`");
        refused(&format!("{head}{head}"), 5, "a second entry");
        refused("[[op]]\nname = \"add\"\nsupport = \"none\"\n", 1, "for no reason");
        let error = Profile::parse(&TARGET.replace("64", "48"), OPS).unwrap_err();
        assert_eq!((error.file, error.line), ("target.toml", 4));
        let error = Profile::parse(&TARGET.replace("1e-6", "0.0"), OPS).unwrap_err();
        assert_eq!((error.file, error.line), ("target.toml", 6));
    }
}
