//! The committed lists: which tests are missed and why, and which the compiler computes itself.

use super::Record;
use super::attempt::Attempt;
use crate::root;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Expectations that differ from a pass.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lists {
    /// Tests whose outputs the compiler computes.
    pub folded: BTreeSet<String>,
    /// Tests that do not pass, by reason.
    #[serde(default)]
    pub missed: Vec<Missed>,
}

/// Tests that share a reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// Why they do not pass, in plain words.
    pub reason: String,
    /// Their names.
    pub tests: BTreeSet<String>,
}

const HEADER: &str = "\
# Node tests of the onnx package that do not pass, and why; and tests whose outputs the compiler computes itself.
# M4C_BLESS=1 cargo test -p m4c-tests --test conformance
# keeps the reasons of tests that are still missed, and gives new ones the diagnostic's own words, for a person to edit.
";

impl Lists {
    fn path() -> PathBuf {
        root().join("tests/conformance/misses.toml")
    }

    /// Reads the committed lists; none where there is no file.
    ///
    /// # Panics
    /// Where the file is malformed or lists a test twice.
    pub fn read() -> Lists {
        let path = Lists::path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lists: Lists = if text.is_empty() {
            Lists::default()
        } else {
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let all = lists.missed.iter().flat_map(|missed| &missed.tests).chain(&lists.folded);
        let mut seen = BTreeSet::new();
        let twice: Vec<&String> = all.filter(|name| !seen.insert(*name)).collect();
        assert!(twice.is_empty(), "{}: listed twice: {twice:?}", path.display());
        lists
    }

    /// Writes them.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn write(&self) {
        let mut text = String::from(HEADER);
        text.push_str("\nfolded = ");
        list(&mut text, &self.folded);
        for missed in &self.missed {
            let reason = toml::Value::from(missed.reason.as_str());
            let _ = write!(text, "\n[[missed]]\nreason = {reason}\ntests = ");
            list(&mut text, &missed.tests);
        }
        std::fs::write(Lists::path(), text).expect("the lists written");
    }

    /// The reason why a test is missed.
    pub fn reason(&self, test: &str) -> Option<&str> {
        self.missed.iter().find(|missed| missed.tests.contains(test)).map(|missed| missed.reason.as_str())
    }

    /// The lists that fit what happened: reasons that a person wrote stay, others are the compiler's words.
    pub fn of(&self, records: &[Record]) -> Lists {
        let mut lists = Lists::default();
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in records.iter().filter(|record| record.out_of_scope.is_none()) {
            match record.outcome() {
                Attempt::Passed => {}
                Attempt::Folded => {
                    lists.folded.insert(record.name.clone());
                }
                Attempt::Missed(said) => {
                    let written = self.reason(&record.name).filter(|reason| !is_from_the_compiler(reason));
                    let reason = written.unwrap_or(said).to_string();
                    groups.entry(reason).or_default().insert(record.name.clone());
                }
            }
        }
        lists.missed = groups.into_iter().map(|(reason, tests)| Missed { reason, tests }).collect();
        lists.missed.sort_by_key(|missed| std::cmp::Reverse(missed.tests.len()));
        lists
    }

    /// What happened and is not listed, or is listed and did not happen.
    pub fn surprises(&self, records: &[Record]) -> Vec<String> {
        let mut surprises = Vec::new();
        let known: BTreeMap<&str, &Record> = records.iter().map(|record| (&*record.name, record)).collect();
        for name in self.missed.iter().flat_map(|missed| &missed.tests).chain(&self.folded) {
            match known.get(&**name) {
                None => surprises.push(format!("{name} is listed and does not exist")),
                Some(record) if record.out_of_scope.is_some() => {
                    surprises.push(format!("{name} is listed and out of scope"));
                }
                Some(_) => {}
            }
        }
        for record in records.iter().filter(|record| record.out_of_scope.is_none()) {
            let (name, listed) = (&record.name, self.expected(&record.name));
            match record.outcome() {
                Attempt::Passed if listed != "passes" => {
                    surprises.push(format!("{name} passes and is listed: it {listed}"))
                }
                Attempt::Folded if listed != "folds" => {
                    surprises.push(format!("{name} folds, but is said to be one that {listed}"))
                }
                Attempt::Missed(said) if listed != "is missed" => surprises.push(format!("{name} fails: {said}")),
                _ => {}
            }
        }
        surprises
    }

    /// What is expected of a test: that it `passes`, `folds` or `is missed`.
    pub fn expected(&self, test: &str) -> &'static str {
        match (self.folded.contains(test), self.reason(test)) {
            (true, _) => "folds",
            (_, Some(_)) => "is missed",
            _ => "passes",
        }
    }
}

/// Whether nobody has edited a reason yet; it may have changed since.
fn is_from_the_compiler(reason: &str) -> bool {
    ["M4C", "panic: ", "wrong result: ", "the runtime: "].iter().any(|start| reason.starts_with(start))
}

fn list(text: &mut String, names: &BTreeSet<String>) {
    text.push_str("[\n");
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
}
