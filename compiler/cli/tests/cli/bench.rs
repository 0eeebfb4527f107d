//! `m4c bench`. Nothing here depends on how fast a machine is.

use crate::harness::{artifact, m4c, model};
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn runs_are_counted_and_summed_up() {
    let run = ["bench", artifact(), "--dim", "batch=2", "--threads", "1", "--runs", "7", "--warmup", "2"];
    let done = m4c(&run).ok();
    for words in ["vision f32[2, 3, 56, 56]", "7 runs after 2 runs", "p99", "mean", "1 thread", "arena"] {
        assert!(done.out.contains(words), "no `{words}` in:\n{}", done.out);
    }
    let report = m4c(&[&run[..], &["--json"]].concat()).ok().json();
    let measured = &report["measured"];
    let mut times: Vec<f64> = measured["times"].as_array().expect("a list").iter().map(number).collect();
    times.sort_by(f64::total_cmp);
    assert_eq!((times.len(), &measured["runs"], &measured["warmup_runs"]), (7, &7.into(), &2.into()));
    assert_eq!((number(&measured["min"]), number(&measured["max"])), (times[0], times[6]));
    assert_eq!((number(&measured["p50"]), number(&measured["p90"])), (times[3], times[6]));
    assert!((number(&measured["mean"]) - times.iter().sum::<f64>() / 7.0).abs() < 1e-12);
    assert!(report["limits"].is_null() && measured["profile"].is_null());
}

#[test]
fn a_model_is_compiled_first() {
    let run = ["bench", &model("ts-op17.onnx"), "--dim", "batch=1", "--seconds", "0", "--json"];
    let report = m4c(&run).ok().json();
    assert_eq!(report["measured"]["runs"], 3);
    assert_eq!(report["measured"]["inputs"][0], "vision f32[1, 3, 56, 56]");
    let run = ["bench", &model("ts-op17.onnx"), "--dim", "batch=1..4", "--size", "batch=3", "--runs", "1", "--json"];
    assert_eq!(m4c(&run).ok().json()["measured"]["inputs"][0], "vision f32[3, 3, 56, 56]");
}

#[test]
fn a_profile_accounts_for_all_time_and_counts_work() {
    let inputs = model("inputs.npz");
    let run = ["bench", artifact(), "--inputs", &inputs, "--runs", "3", "--profile"];
    let done = m4c(&run).ok();
    assert!(done.out.contains("between steps") && done.out.contains("GFLOP/s"), "{}", done.out);
    let measured = m4c(&[&run[..], &["--json"]].concat()).ok().json()["measured"].clone();
    let profile = &measured["profile"];
    let sum = |list: &str, what: &str| -> f64 {
        profile[list].as_array().expect("a list").iter().map(|row| number(&row[what])).sum()
    };
    let total = sum("steps", "seconds") + number(&profile["between_seconds"]);
    assert!((total / number(&measured["mean"]) - 1.0).abs() < 1e-6, "{total}");
    for what in ["seconds", "calls", "operations", "bytes"] {
        let (steps, kernels) = (sum("steps", what), sum("kernels", what));
        assert!(steps > 0.0 && (steps / kernels - 1.0).abs() < 1e-9, "{what}: {steps} {kernels}");
    }
    assert_eq!(sum("steps", "calls"), profile["steps"].as_array().expect("a list").len() as f64);
}

#[test]
fn limits_are_measured_with_and_without_a_model() {
    let alone = m4c(&["bench", "--limits", "--threads", "1", "--json"]).ok().json();
    assert!(alone["measured"].is_null());
    for (list, rate) in [("multiply_add", "gflops"), ("read", "gbytes_per_second")] {
        let rows = alone["limits"][list].as_array().expect("a list");
        assert!(!rows.is_empty() && rows.iter().all(|row| number(&row[rate]) > 0.0), "{list}: {rows:?}");
    }
    let run = ["bench", artifact(), "--dim", "batch=1", "--runs", "1", "--limits", "--profile"];
    let done = m4c(&run).ok();
    assert!(done.out.contains("% of limit") && done.out.contains("multiply and add"), "{}", done.out);
}

#[test]
fn wrong_sizes_and_models_are_explained() {
    m4c(&["bench", artifact(), "--dim", "batch=1..4"]).fails(2, &["ranges are chosen when it is compiled"]);
    m4c(&["bench", artifact(), "--dim", "seq=1"]).fails(1, &["error[M4C0205]", "batch"]);
    m4c(&["bench", artifact()]).fails(1, &["error[M4C0914]", "--size batch=1"]);
    m4c(&["bench", "nowhere.m4fw", "--dim", "batch=1"]).fails(1, &["nowhere.m4fw"]);
    m4c(&["bench"]).fails(2, &["MODEL"]);
}
