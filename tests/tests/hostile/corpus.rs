//! What fuzzing has found so far: every committed input, without a fuzzer.

use m4c_tests::hostile::TARGETS;
use m4c_tests::root;
use std::collections::BTreeSet;

#[test]
fn every_input_of_every_corpus_returns() {
    let corpus = root().join("fuzz/corpus");
    let mut folders = BTreeSet::new();
    for target in TARGETS {
        let entries = std::fs::read_dir(corpus.join(target.name));
        let entries = entries.unwrap_or_else(|error| panic!("the corpus of {}: {error}", target.name));
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            (target.read)(&std::fs::read(&path).expect("an input"));
            count += 1;
        }
        assert!(count >= 3, "{count} inputs for {}", target.name);
        folders.insert(target.name.to_string());
    }
    let all = std::fs::read_dir(corpus).expect("the corpora");
    let all: BTreeSet<String> =
        all.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    assert_eq!(all, folders, "a corpus without a target");
}

#[test]
fn every_target_has_a_fuzz_target() {
    for target in TARGETS {
        let path = root().join("fuzz/fuzz_targets").join(target.name).with_extension("rs");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.contains(&format!("feed(\"{}\"", target.name)), "{}", path.display());
    }
}
