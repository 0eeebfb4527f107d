//! Every operator is tested by being in the table.

use m4c_ops::op::Meaning;
use m4c_ops::table::{self, MAX_PRIMITIVES};
use m4c_ops::{Difference, Fact, Op, Symbols, Tensor, composite, primitive, structural};
use std::collections::BTreeSet;

#[test]
fn every_room_is_in_the_table_and_named_like_its_file() {
    for (folder, all) in [("primitive", primitive::ALL), ("composite", composite::ALL), ("structural", structural::ALL)]
    {
        let path = format!("{}/src/{folder}", env!("CARGO_MANIFEST_DIR"));
        let files: BTreeSet<String> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|stem| stem != "mod")
            .collect();
        let names: BTreeSet<String> = all.iter().map(|op| op.name.to_string()).collect();
        assert_eq!(files, names, "src/{folder} and its table differ");
        assert!(all.iter().all(|op| op.is_composite() == (folder == "composite")), "{folder}");
    }
}

#[test]
fn there_are_at_most_39_primitives() {
    let count = primitive::ALL.len();
    assert!(count <= MAX_PRIMITIVES, "{count} primitives; one more needs a reason in docs/decisions");
}

#[test]
fn names_are_unique_and_each_onnx_version_imports_once() {
    let names: BTreeSet<&str> = table::all().map(|op| op.name).collect();
    assert_eq!(names.len(), table::all().count());
    let imports: Vec<_> = table::imports().collect();
    for (i, (op, a)) in imports.iter().enumerate() {
        assert!(a.since <= a.until, "{}", a.op_type);
        for (other, b) in &imports[i + 1..] {
            let same = a.domain == b.domain && a.op_type == b.op_type;
            let rooms = || [op, other].map(|op| op.map_or("import", |op| op.name));
            assert!(!same || a.until < b.since || b.until < a.since, "{} twice, in {:?}", a.op_type, rooms());
        }
    }
}

#[test]
fn samples_hold() {
    for op in table::all() {
        assert!(!op.samples.is_empty(), "`{}` has no sample", op.name);
        for sample in op.samples {
            let place = format!("{}: {}", op.name, sample.name);
            let read = sample.read(op).unwrap_or_else(|error| panic!("{place}: {error}"));
            let facts: Vec<Option<Fact>> = read.operands.iter().map(|t| t.as_ref().map(Tensor::fact)).collect();
            let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
            let tensors: Vec<Option<&Tensor>> = read.operands.iter().map(Option::as_ref).collect();
            let mut assumed = Vec::new();
            let fact = op
                .infer(&facts, &read.attrs, &Symbols::default(), &mut assumed)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(assumed.is_empty(), "{place} assumes {assumed:?}");
            let result = op.eval(&tensors, &read.attrs).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!(result.fact(), fact, "{place}: inferred and evaluated facts differ");
            assert_eq!(result.fact(), read.result.fact(), "{place}");
            let (y, r) = (result.as_f64s().unwrap(), read.result.as_f64s().unwrap());
            let difference = Difference::between(&y, &r);
            assert!(difference.within(op.numerics.tolerance(fact.dtype)), "{place}: {result} is not {}", read.result);
            let signs = |v: &[f64]| v.iter().map(|x| x.is_sign_negative() && *x == 0.0).collect::<Vec<_>>();
            assert_eq!(signs(&y), signs(&r), "{place}: zeros differ in sign: {result}");
            assert!(op.work(&facts, &read.attrs, &fact).as_i64().is_some(), "{place}: work is no number");
        }
    }
}

#[test]
fn every_constraint_has_a_refusal_that_breaks_it() {
    for op in table::all() {
        let refused: BTreeSet<&str> = op.refusals.iter().map(|refusal| refusal.constraint).collect();
        let named: BTreeSet<&str> = op.constraints.iter().map(|constraint| constraint.name).collect();
        assert_eq!(refused, named, "constraints and refusals of `{}`", op.name);
        for refusal in op.refusals {
            let symbols = Symbols::default();
            let place = format!("{}/{}", op.name, refusal.constraint);
            let facts: Vec<Fact> = refusal.operands.iter().map(|text| Fact::parse(text, &symbols).unwrap()).collect();
            let facts: Vec<Option<&Fact>> = facts.iter().map(Some).collect();
            let attrs = op.parse_attrs(refusal.attrs, &symbols).unwrap_or_else(|error| panic!("{place}: {error}"));
            match op.infer(&facts, &attrs, &symbols, &mut Vec::new()) {
                Ok(fact) => panic!("{place} is not refused but gives {fact}"),
                Err(violation) => assert_eq!(violation.constraint, refusal.constraint, "{place}: {violation}"),
            }
        }
    }
}

#[test]
fn wrong_signatures_are_refused() {
    let symbols = Symbols::default();
    let fact = |text: &str| Fact::parse(text, &symbols).unwrap();
    let refused = |op: &'static Op, facts: &[Option<&Fact>]| {
        op.infer(facts, &Default::default(), &symbols, &mut Vec::new()).unwrap_err().constraint
    };
    let (f32s, i64s, bools) = (fact("f32[2]"), fact("i64[2]"), fact("bool[2]"));
    assert_eq!(refused(&primitive::add::OP, &[Some(&f32s)]), "arity");
    assert_eq!(refused(&primitive::add::OP, &[Some(&f32s), None]), "arity");
    assert_eq!(refused(&primitive::add::OP, &[Some(&f32s), Some(&i64s)]), "types");
    assert_eq!(refused(&primitive::add::OP, &[Some(&bools), Some(&bools)]), "types");
    assert_eq!(refused(&primitive::transpose::OP, &[Some(&f32s)]), "attributes");
}

#[test]
fn documentation_is_complete() {
    for op in table::all() {
        assert!(op.summary.ends_with('.'), "{}", op.name);
        assert!(op.attrs.iter().all(|attr| !attr.doc.is_empty()), "{}", op.name);
        assert!(op.constraints.iter().all(|constraint| !constraint.text.is_empty()), "{}", op.name);
        if let Meaning::Composite { variants, .. } = &op.meaning {
            assert!(!variants.is_empty(), "{}", op.name);
        }
    }
}
