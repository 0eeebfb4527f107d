//! The node tests of the onnx package: what passes is what the committed lists say, and the coverage page says it, too.
//!
//! `M4C_ONLY=Resize` runs the tests of one operator, or whose names contain that word, and prints what became of each.
//! `M4C_BLESS=1` rewrites the lists and the page.

use m4c_ops::primitive;
use m4c_tests::conformance::attempt::Attempt;
use m4c_tests::conformance::freeze::Frozen;
use m4c_tests::conformance::lists::Lists;
use m4c_tests::conformance::page::{page, summary};
use m4c_tests::conformance::{Record, run, suite};
use m4c_tests::root;

const BLESS: &str = "M4C_BLESS=1 cargo test -p m4c-tests --test conformance";
const PAGE: &str = "docs/reference/coverage.md";

#[test]
fn node_tests_pass_as_listed() {
    let (mut cases, frozen) = (suite::cases(), Frozen::read());
    if let Ok(only) = std::env::var("M4C_ONLY") {
        let wanted = |case: &suite::Case| case.operator.eq_ignore_ascii_case(&only) || case.name.contains(&only);
        cases.retain(wanted);
        return print(&run(&cases, &frozen), &only);
    }
    assert_eq!(cases.len(), 1765, "the package has other tests; bring the lists up to date");
    let records = run(&cases, &frozen);
    println!("{}", summary(&records));
    let mut lists = Lists::read();
    let path = root().join(PAGE);
    if std::env::var_os("M4C_BLESS").is_some_and(|value| value == "1") {
        lists = lists.of(&records);
        lists.write();
        std::fs::write(&path, page(&records, &lists, &frozen)).expect("the page written");
    }
    let surprises = lists.surprises(&records);
    assert!(surprises.is_empty(), "{} surprises; run: {BLESS}\n{}", surprises.len(), surprises.join("\n"));
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(&records, &lists, &frozen), "{PAGE} is stale; run: {BLESS}");
    for op in primitive::ALL {
        let needed = records.iter().any(|record| record.primitives.contains(op.name));
        assert!(needed, "no node test needs the primitive `{}`", op.name);
    }
}

fn print(records: &[Record], only: &str) {
    for record in records {
        let line = |attempt: &Attempt| match attempt {
            Attempt::Missed(said) => format!("missed: {said}"),
            other => format!("{other:?}").to_lowercase(),
        };
        let told = match (&record.out_of_scope, &record.frozen) {
            (Some(category), _) => format!("out of scope: {category}"),
            (None, Some(frozen)) => format!("{}\n    frozen: {}", line(&record.plain), line(frozen)),
            (None, None) => line(&record.plain),
        };
        let (name, operator, since) = (&record.name, &record.operator, record.since);
        println!("{name} ({operator} {since}): {told}");
        if record.out_of_scope.is_none() && record.open != *record.outcome() {
            println!("    open sizes: {}", line(&record.open));
        }
    }
    assert!(!records.is_empty(), "no test is of an operator or has a name like `{only}`");
    println!("{}", summary(records));
}
