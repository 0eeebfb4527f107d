//! The page that says what of the standard works, from what happened.

use super::freeze::Frozen;
use super::lists::Lists;
use super::{Record, attempt::Attempt, scope, suite};
use crate::root;
use m4c_ops::primitive;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// So many models are named for each primitive.
const NAMED_MODELS: usize = 6;

/// Tests of one kind, counted.
#[derive(Clone, Copy, Default)]
struct Count {
    tests: usize,
    passed: usize,
    folded: usize,
}

impl Count {
    fn of<'r>(attempts: impl Iterator<Item = &'r Attempt>) -> Count {
        let mut count = Count::default();
        for attempt in attempts {
            count.tests += 1;
            count.passed += usize::from(*attempt == Attempt::Passed);
            count.folded += usize::from(*attempt == Attempt::Folded);
        }
        count
    }

    fn rate(self, of: usize) -> String {
        format!("{:.1} %", 100.0 * self.passed as f64 / of.max(1) as f64)
    }
}

/// The page.
pub fn page(records: &[Record], lists: &Lists, frozen: &Frozen) -> String {
    let mut page = String::from(
        "<!-- Generated: M4C_BLESS=1 cargo test -p m4c-tests --test conformance -->\n\n# Coverage of the ONNX standard\n\n",
    );
    let _ = write!(
        page,
        "The {} node tests of the Python package onnx {}, each compiled for the CPU and run. How a test counts is said in \
         [the guide](../guide/conformance.md).\n\n",
        records.len(),
        suite::VERSION
    );
    totals(&mut page, records);
    out_of_scope(&mut page, records);
    operators(&mut page, records);
    misses(&mut page, records, lists);
    needed_by(&mut page, records);
    frozen_operands(&mut page, frozen);
    page
}

/// The totals in a few words, for the end of a run.
pub fn summary(records: &[Record]) -> String {
    let scope: Vec<&Record> = records.iter().filter(|record| record.out_of_scope.is_none()).collect();
    let best = Count::of(scope.iter().map(|record| record.outcome()));
    let plain = Count::of(scope.iter().map(|record| &record.plain));
    let open = Count::of(scope.iter().map(|record| &record.open));
    format!(
        "{} of {} tests in scope pass ({}; {} without frozen operands, {} with open sizes), {} of all {}; {} fold",
        best.passed,
        scope.len(),
        best.rate(scope.len()),
        plain.rate(scope.len()),
        open.rate(scope.len()),
        best.rate(records.len()),
        records.len(),
        best.folded
    )
}

fn totals(page: &mut String, records: &[Record]) {
    let scope: Vec<&Record> = records.iter().filter(|record| record.out_of_scope.is_none()).collect();
    page.push_str(
        "| | tests | passed | folded | missed | of tests in scope | of all tests |\n|---|---|---|---|---|---|---|\n",
    );
    let best = Count::of(scope.iter().map(|record| record.outcome()));
    let plain = Count::of(scope.iter().map(|record| &record.plain));
    let open = Count::of(scope.iter().map(|record| &record.open));
    let rows = [
        ("shape-like operands as constants", best),
        ("every operand at run time", plain),
        ("sizes of all inputs open, but for 0 and 1", open),
    ];
    for (name, count) in rows {
        let missed = count.tests - count.passed - count.folded;
        let (in_scope, all) = (count.rate(scope.len()), count.rate(records.len()));
        let _ = writeln!(
            page,
            "| {name} | {} | {} | {} | {missed} | {in_scope} | {all} |",
            count.tests, count.passed, count.folded
        );
    }
    page.push_str(
        "\nA folded test gives the right outputs, but the compiler computes them all: no kernel runs, so it is not counted \
         as passed.\n\n",
    );
}

fn out_of_scope(page: &mut String, records: &[Record]) {
    page.push_str("## Out of scope\n\n| | tests |\n|---|---|\n");
    for category in scope::categories() {
        let count = records.iter().filter(|record| record.out_of_scope == Some(category)).count();
        let _ = writeln!(page, "| {category} | {count} |");
    }
    page.push('\n');
}

fn operators(page: &mut String, records: &[Record]) {
    page.push_str(
        "## Operators\n\nTests of an operator include those of its decomposition as the standard gives it. *Given* are tests \
         that pass with every operand given at run time, *open* those that pass with open sizes.\n\n| operator | since | tests | passed | given | open | folded | missed |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut groups: BTreeMap<(&str, i64), Vec<&Record>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.out_of_scope.is_none()) {
        groups.entry((&record.operator, record.since)).or_default().push(record);
    }
    for ((operator, since), records) in groups {
        let best = Count::of(records.iter().map(|record| record.outcome()));
        let given = Count::of(records.iter().map(|record| &record.plain));
        let open = Count::of(records.iter().map(|record| &record.open));
        let missed = best.tests - best.passed - best.folded;
        let _ = writeln!(
            page,
            "| {operator} | {since} | {} | {} | {} | {} | {} | {missed} |",
            best.tests, best.passed, given.passed, open.passed, best.folded
        );
    }
    page.push('\n');
}

fn misses(page: &mut String, records: &[Record], lists: &Lists) {
    page.push_str("## Missed\n\n| why | tests | |\n|---|---|---|\n");
    let missed = |record: &&Record| matches!(record.outcome(), Attempt::Missed(_)) && record.out_of_scope.is_none();
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in records.iter().filter(missed) {
        groups.entry(lists.reason(&record.name).unwrap_or("not listed")).or_default().insert(&record.name);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, tests)| std::cmp::Reverse(tests.len()));
    for (reason, tests) in groups {
        let names: Vec<String> = tests.iter().map(|name| format!("`{name}`")).collect();
        let reason = reason.replace('|', "\\|");
        let _ = writeln!(page, "| {reason} | {} | {} |", tests.len(), names.join(" "));
    }
    page.push('\n');
}

fn needed_by(page: &mut String, records: &[Record]) {
    page.push_str(
        "## Primitives\n\nHow many tests need each primitive when every composite is decomposed, and the operators that they \
         test; and how many models in `models/` have it after lowering for the CPU, the first of them by name.\n\n\
         | primitive | tests | operators | models | |\n|---|---|---|---|---|\n",
    );
    let models = models_by_operator();
    for op in primitive::ALL {
        let users: Vec<&Record> = records.iter().filter(|record| record.primitives.contains(op.name)).collect();
        let operators: BTreeSet<&str> = users.iter().map(|record| &*record.operator).collect();
        let operators: Vec<&str> = operators.into_iter().collect();
        let models: Vec<&str> = models.get(op.name).into_iter().flatten().map(String::as_str).collect();
        let first = &models[..models.len().min(NAMED_MODELS)];
        let dots = if first.len() < models.len() { ", …" } else { "" };
        let _ = writeln!(
            page,
            "| [{0}](ops/{0}.md) | {1} | {2} | {3} | {4}{dots} |",
            op.name,
            users.len(),
            operators.join(", "),
            models.len(),
            first.join(", ")
        );
    }
    page.push('\n');
}

/// Models that have each operator after lowering, from the committed counts.
fn models_by_operator() -> BTreeMap<String, BTreeSet<String>> {
    let path = root().join("tests/fixtures/operators.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut models, mut model) = (BTreeMap::<String, BTreeSet<String>>::new(), "");
    for line in text.lines() {
        match line.strip_prefix("  lower: ") {
            Some(counts) => {
                for operator in counts.split(", ").filter_map(|count| count.split(' ').next()) {
                    models.entry(operator.into()).or_default().insert(model.into());
                }
            }
            None if !line.starts_with(' ') => model = line.rsplit_once('/').map_or(line, |(model, _)| model),
            None => {}
        }
    }
    models
}

fn frozen_operands(page: &mut String, frozen: &Frozen) {
    page.push_str(
        "## Shape-like operands\n\nWhere a test does not pass with every operand given at run time, these are made constants.\n\n\
         | operator | operands |\n|---|---|\n",
    );
    for (operator, positions) in &frozen.operands {
        let positions: Vec<String> = positions.iter().map(ToString::to_string).collect();
        let _ = writeln!(page, "| {operator} | {} |", positions.join(", "));
    }
}
