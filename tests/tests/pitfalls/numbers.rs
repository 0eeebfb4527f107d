//! Half precision, integers, and which types and ranks there are.

use m4c_compiler::phase::Phase;
use m4c_ops::{DType, Difference};
use m4c_tests::fixtures::{Fixture, parts};
use m4c_tests::rows;
use std::collections::BTreeSet;

/// The largest difference from PyTorch in f32, relative to each output's magnitude.
fn off(name: &str) -> f64 {
    let fixture = Fixture::named(name);
    let inputs = fixture.inputs();
    let results: m4c_tests::Named = fixture
        .results()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.cast(DType::F32).expect("numbers").into()))
        .collect();
    let (results, expected) =
        (rows::without_hidden(&results, &inputs), rows::without_hidden(&fixture.expected(), &inputs));
    let differences = expected.iter().map(|(name, reference)| {
        let difference =
            Difference::between(&results[name].as_f64s().expect("numbers"), &reference.as_f64s().expect("numbers"));
        assert_eq!(difference.mismatched, 0, "`{name}` has NaN or infinities");
        difference.relative
    });
    differences.fold(0.0, f64::max)
}

/// The lowest half is no infinity: masks stay finite, and results close to those in f32, but not equal.
#[test]
fn pitfall_14_half_precision() {
    for name in
        ["img_enc/dyn-op20-f16", "llama_decode/ts-op17-f16", "llama_prefill/dyn-op20-f16", "audi_enc/ts-op17-f16"]
    {
        let off = off(name);
        assert!(off > 1e-5 && off < 8e-3, "{name}: {off}");
    }
}

/// Integers of eight bits: attention stays in floats, and results are off by what rounding explains.
#[test]
fn pitfall_15_dynamically_quantized_integers() {
    for name in ["img_enc/ts-op17-dynamic-int8", "llama_decode/dyn-op20-dynamic-int8", "audi_enc/dyn-op20-dynamic-int8"]
    {
        let off = off(name);
        assert!(off > 1e-3 && off < 0.13, "{name}: {off}");
    }
}

/// Every type and every rank that the parts of M4 use is among the fixtures.
#[test]
fn pitfall_16_types_and_ranks() {
    let (mut types, mut ranks) = (BTreeSet::new(), BTreeSet::new());
    for fixture in parts() {
        // What is refused is held by the list of refusals.
        let Ok(graph) = fixture.after(Phase::Import) else { continue };
        for value in graph.order() {
            types.insert(graph.fact(value).dtype.name());
            ranks.insert(graph.fact(value).rank());
        }
    }
    assert!(types.is_superset(&BTreeSet::from(["bool", "f32", "i32", "i64"])), "{types:?}");
    assert!(ranks.is_superset(&(0..=5).collect()), "{ranks:?}");
}
