//! `m4c run`.

use crate::harness::{Folder, artifact, m4c, model, zeros};

#[test]
fn results_are_as_expected() {
    let (inputs, expected) = (model("inputs.npz"), model("expected.npz"));
    let run = ["run", artifact(), "--inputs", &inputs, "--compare", &expected];
    let done = m4c(&run).ok();
    assert!(done.out.contains("f32[2, 12]") && done.out.contains("ok"), "{}", done.out);
    let report = m4c(&[&run[..], &["--json", "--threads", "1"]].concat()).ok().json();
    assert_eq!(report["outputs"][0]["name"], "embedding");
    assert_eq!(report["outputs"][0]["nan"], 0);
    assert_eq!(report["comparisons"][0]["within"], true);
}

#[test]
fn wrong_results_exit_with_1() {
    let folder = Folder::new();
    let other = folder.path("other.npz");
    m4c(&["run", artifact(), "--random", "1", "--size", "batch=2", "--outputs", &other]).ok();
    let run = ["run", artifact(), "--inputs", &model("inputs.npz"), "--compare", &other];
    let failed = m4c(&run).fails(1, &["error[M4C0921]", "`embedding`", "allowed"]);
    assert!(failed.out.contains("OUT OF CLASS"));
    let longer = folder.path("longer.npz");
    m4c(&["run", artifact(), "--random", "1", "--size", "batch=3", "--outputs", &longer]).ok();
    let run = ["run", artifact(), "--inputs", &model("inputs.npz"), "--compare", &longer];
    m4c(&run).fails(1, &["error[M4C0921]", "f32[2, 12]", "f32[3, 12]"]);
    let run = ["run", artifact(), "--inputs", &model("inputs.npz"), "--compare", &model("inputs.npz")];
    m4c(&run).fails(1, &["no array is named as an output", "`embedding`"]);
}

#[test]
fn random_inputs_depend_on_the_seed_alone() {
    let folder = Folder::new();
    let run = |seed: &str, threads: &str| {
        let path = folder.path("out.npz");
        let size = ["--size", "batch=1", "--threads", threads, "--outputs", &path];
        m4c(&[&["run", artifact(), "--random", seed][..], &size].concat()).ok();
        std::fs::read(&path).expect("written")
    };
    assert!(run("1", "1") == run("1", "2"));
    assert!(run("1", "1") != run("2", "1"));
}

#[test]
fn inputs_are_explained() {
    let folder = Folder::new();
    let run = |more: &[&str]| m4c(&[&["run", artifact()][..], more].concat());
    let input = |file: &str| format!("vision={}", folder.path(file));
    run(&[]).fails(1, &["error[M4C0911]", "`vision`", "f32[batch, 3, 56, 56]"]);
    run(&["--random", "1"]).fails(1, &["error[M4C0914]", "--size batch=1"]);
    run(&["--random", "1", "--size", "batch=1000000000000"]).fails(1, &["error[M4C0914]", "too large"]);
    run(&["--random", "1", "--dim", "batch=1"]).ok();
    run(&["--random", "1", "--size", "bacth=1"]).fails(1, &["error[M4C0205]", "batch"]);
    run(&["--inputs", &model("expected.npz")]).fails(1, &["error[M4C0911]"]);

    zeros(&folder.path("x.npy"), "<f4", "(1, 3, 56, 56)", 4 * 3 * 56 * 56);
    run(&["--input", &input("x.npy")]).ok();
    run(&["--input", &format!("sight={}", folder.path("x.npy"))]).fails(1, &["error[M4C0912]", "`sight`", "`vision`"]);
    zeros(&folder.path("wide.npy"), "<f8", "(1, 3, 56, 56)", 8 * 3 * 56 * 56);
    let converted = run(&["--input", &input("wide.npy")]).ok();
    assert!(converted.err.contains("note[M4C0919]: `vision` is float64, and is taken as f32"), "{}", converted.err);
    zeros(&folder.path("whole.npy"), "<u4", "(1, 3, 56, 56)", 4 * 3 * 56 * 56);
    run(&["--input", &input("whole.npy")]).fails(1, &["error[M4C0913]", "uint32[1, 3, 56, 56]", "float32"]);
    zeros(&folder.path("flat.npy"), "<f4", "(3, 56, 56)", 4 * 3 * 56 * 56);
    run(&["--input", &input("flat.npy")]).fails(1, &["error[M4C0914]", "f32[3, 56, 56]", "f32[batch, 3, 56, 56]"]);
    zeros(&folder.path("small.npy"), "<f4", "(1, 3, 55, 56)", 4 * 3 * 55 * 56);
    run(&["--input", &input("small.npy")]).fails(1, &["error[M4C0914]", "f32[1, 3, 55, 56]"]);
    zeros(&folder.path("short.npy"), "<f4", "(1, 3, 56, 56)", 4);
    run(&["--input", &input("short.npy")]).fails(1, &["error[M4C0915]", "4 bytes of elements"]);
}

#[test]
fn a_bound_limits_the_sizes() {
    let run = |bound: &str| m4c(&["run", artifact(), "--inputs", &model("inputs.npz"), "--bound", bound]);
    run("batch=2").ok();
    run("batch=9").ok();
    run("batch=1").fails(1, &["error[M4C0914]", "`batch`"]);
    run("seq=1").fails(1, &["error[M4C0205]", "`seq`"]);
}

#[test]
fn a_profile_names_kernels_and_steps() {
    let run = ["run", artifact(), "--inputs", &model("inputs.npz"), "--profile"];
    let done = m4c(&run).ok();
    assert!(done.out.contains("by kernel:") && done.out.contains("slowest steps:"), "{}", done.out);
    let profile = m4c(&[&run[..], &["--json"]].concat()).ok().json()["profile"].clone();
    let percent = profile["kernels"].as_array().expect("a list").iter().map(|kernel| kernel["percent"].as_f64());
    assert!((percent.map(|percent| percent.expect("a number")).sum::<f64>() - 100.0).abs() < 1e-6);
}

#[test]
fn damaged_artifacts_are_refused() {
    let folder = Folder::new();
    let path = folder.path("damaged.m4fw");
    let whole = std::fs::read(artifact()).expect("compiled");
    for (bytes, code) in [
        (&b""[..], "M4C0901"),
        (&b"not an artifact"[..], "M4C0901"),
        (&whole[..whole.len() / 2], "M4C0901"),
        (&whole[..whole.len() - 1], "M4C0901"),
        (&whole[..7], "M4C0901"),
    ] {
        std::fs::write(&path, bytes).expect("written");
        m4c(&["run", &path, "--random", "1"]).fails(1, &[code, "damaged.m4fw"]);
        m4c(&["inspect", &path]).fails(1, &[code]);
    }
    let mut newer = whole.clone();
    newer[8] = 200;
    std::fs::write(&path, newer).expect("written");
    m4c(&["inspect", &path]).fails(1, &["M4C0902"]);
}
