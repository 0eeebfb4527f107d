//! Attention masks and scales.

use m4c_compiler::phase::Phase;
use m4c_ops::{DType, Data, Numerics, Tensor};
use m4c_tests::fixtures::{Fixture, operator_counts};
use m4c_tests::{Named, artifact, assert_close, close, rows};
use std::sync::Arc;

const TOLERANCE: f64 = 1e-4;

/// PyTorch's fused attention gives zeros for a row that padding hides whole, other engines a mean or NaN: such rows are
/// found by the mask, and nothing of them reaches the rows that see something.
#[test]
fn pitfall_03_fully_masked_attention_rows() {
    for name in ["llama_prefill_sdpa/dyn-op20", "llama2_gqa_prefill_sdpa/dyn-op20", "llama2_gqa_prefill_sdpa/dyn-op23"]
    {
        let fixture = Fixture::named(name);
        let (inputs, results, expected) = (fixture.inputs(), fixture.results(), fixture.expected());
        assert!(close(&results, &expected, TOLERANCE).is_err(), "{name}: hidden rows are equal, and need no rule");
        let seen = |named: &Named| rows::without_hidden(named, &inputs);
        assert_close(&seen(&results), &seen(&expected), TOLERANCE, name);
        assert!(results["logits"].as_f64s().unwrap().iter().all(|x| x.is_finite()), "{name}");
    }
}

/// Exporters build masks out of ranges, comparisons and gathers: what the mask hides must not matter, and what it shows must.
#[test]
fn pitfall_04_masks_are_built_by_integer_arithmetic() {
    for name in ["llama_prefill/ts-op17", "llama_prefill/dyn-op20"] {
        let fixture = Fixture::named(name);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.m4fw");
        artifact::compiled(&fixture.project(), &file);
        let inputs = fixture.inputs();
        let logits = |changed: usize| {
            let Data::I64(ids) = inputs["input_ids"].data() else { panic!("ids are integers") };
            let mut ids = ids.clone();
            ids[changed] = (ids[changed] + 1) % 101;
            let shape = inputs["input_ids"].shape().to_vec();
            let mut other = inputs.clone();
            other.insert("input_ids".into(), Arc::new(Tensor::new(shape, Data::I64(ids)).unwrap()));
            let results = rows::without_hidden(&artifact::run(&file, "main", &other), &inputs);
            results["logits"].as_f64s().unwrap()
        };
        let (tokens, vocabulary) = (7, 101);
        let (hidden, other_hidden, shown) = (logits(tokens), logits(tokens + 1), logits(tokens + 2));
        assert_eq!(hidden, other_hidden, "{name}: a token that padding hides matters");
        let last = (2 * tokens - 1) * vocabulary..2 * tokens * vocabulary;
        assert_ne!(hidden[last.clone()], shown[last], "{name}: a token that is seen does not matter");
        // A later token matters to no earlier one.
        let (late, later) = (logits(5), logits(6));
        assert_eq!(late[..5 * vocabulary], later[..5 * vocabulary], "{name}: the future matters");
    }
}

/// Queries and keys each carry the root of the scale, or the operator has the scale, or nothing but its default.
#[test]
fn pitfall_09_attention_scales_stand_in_different_places() {
    let whole = Fixture::named("imu_enc/dyn-op23");
    let counts = operator_counts(&whole.after(Phase::Import).unwrap());
    assert_eq!(counts.get("attention"), Some(&2));
    for name in ["imu_enc/ts-op17", "imu_enc/dyn-op20", "imu_enc/dyn-op23", "llama2_gqa_prefill_sdpa/dyn-op23"] {
        let fixture = Fixture::named(name);
        let inputs = fixture.inputs();
        let (results, expected) =
            (rows::without_hidden(&fixture.results(), &inputs), rows::without_hidden(&fixture.expected(), &inputs));
        assert_close(&results, &expected, Numerics::Accumulated.model_tolerance(DType::F32), name);
    }
}
