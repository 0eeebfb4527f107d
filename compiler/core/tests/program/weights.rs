//! What is known when compiling: stored, packed, computed ahead of time, shared.

use super::{check, graph, planned, run, target, written};
use m4c_compiler::emit::{Provenance, Source, emit};
use m4c_ir::DataFile;
use m4c_runtime::Artifact;
use std::sync::Arc;

#[test]
fn weights_are_packed_and_plain_as_they_are_used() {
    let plan = check(
        r#"graph "main" {
          %0 = input "ids" : i64[n]
          %1 = constant f32[40, 8] file "weights" 0 1280
          %2 = gather %1, %0 {axis = 0, batch_dims = 0} : f32[n, 8]
          %3 = transpose %1 {perm = [1, 0]} : f32[8, 40]
          %4 = matmul %2, %3 : f32[n, 40]
          output "logits" = %4
        }"#,
        &[&[("n", 5)], &[("n", 1)]],
    );
    let stored: Vec<String> =
        plan.constants.iter().map(|constant| format!("{} {:?}", plan.fact(constant), constant.layout)).collect();
    assert_eq!(stored, ["f32[40, 8] None", "f32[8, 40] Some(\"f32_kn16\")"]);
    assert_eq!(plan.steps.len(), 2, "the transposition is computed ahead of time");
}

#[test]
fn what_is_computed_of_constants_is_computed_ahead_of_time() {
    let plan = check(
        r#"graph "main" {
          %0 = input "x" : f32[100, n]
          %1 = constant f16[100, 100] file "weights" 0 20000
          %2 = cast %1 {to = f32} : f32[100, 100]
          %3 = constant f32[100] file "weights" 64 400
          %4 = mul %2, %3 : f32[100, 100]
          %5 = gelu %4 : f32[100, 100]
          %6 = reshape %5 {groups = [1>4; _, 1>_]} : f32[4, 25, 100]
          %7 = transpose %6 {perm = [0, 2, 1]} : f32[4, 100, 25]
          %8 = reduce_sum %7 {axes = [2], keep = false} : f32[4, 100]
          %9 = reshape %7 {groups = [1>_, 2>_]} : f32[4, 2500]
          %10 = matmul %8, %0 : f32[4, n]
          output "y" = %10
          output "constant" = %9
        }"#,
        &[&[("n", 3)]],
    );
    assert_eq!(plan.steps.len(), 2, "a product and a copy\n{plan}");
}

#[test]
fn what_grows_is_computed_by_the_program() {
    let plan = check(
        r#"graph "main" {
          %0 = input "x" : f32[80, 80]
          %1 = constant f32[] 0.5
          %2 = broadcast %1 {sizes = [80, 80]} : f32[80, 80]
          %3 = exp %2 : f32[80, 80]
          %4 = reshape %3 {groups = [2>_]} : f32[6400]
          %5 = reshape %4 {groups = [1>80; _]} : f32[80, 80]
          %6 = add %0, %5 : f32[80, 80]
          output "y" = %6
        }"#,
        &[&[]],
    );
    assert_eq!(plan.stored_bytes(&plan.constants[0]), 4);
    assert_eq!(plan.constants.len(), 1);
}

#[test]
fn a_view_of_a_constant_with_a_symbolic_size_is_a_copy() {
    check(
        r#"graph "main" {
          guard 6 = n*m
          %0 = input "x" : f32[n, m]
          %1 = constant f32[6] 1 2 3 4 5 6
          %2 = reshape %1 {groups = [1>n; m]} : f32[n, m]
          %3 = add %0, %2 : f32[n, m]
          output "y" = %3
        }"#,
        &[&[("n", 2), ("m", 3)]],
    );
}

fn program(name: &str, rows: usize) -> String {
    format!(
        r#"graph "{name}" {{
          %0 = input "x" : f32[{rows}, 128]
          %1 = constant f32[128, 300] file "weights" 16 153600
          %2 = matmul %0, %1 : f32[{rows}, 300]
          output "y" = %2
        }}"#
    )
}

#[test]
fn programs_share_their_weights() {
    let (one, two) = (graph(&program("prefill", 9)), graph(&program("decode", 1)));
    let (first, second) = (planned(&one), planned(&two));
    let lone = written(std::slice::from_ref(&first));
    let both = written(&[first, second]);
    run(&both, &one, &[&[]]);
    run(&both, &two, &[&[]]);
    let (lone, both) = (Artifact::open(lone.bytes()).unwrap(), Artifact::open(both.bytes()).unwrap());
    assert_eq!(lone.segments(), both.segments());
    assert_eq!(lone.constants(), both.constants());
}

#[test]
fn a_file_appears_whole_with_its_provenance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.m4fw");
    let plans = [planned(&graph(&program("main", 2)))];
    let file = Arc::new(DataFile::new("some/folder/model.onnx", b"model"));
    let source = Source { name: "model.onnx".into(), file };
    let sources = vec![source.clone(), source];
    let provenance = Provenance { sources, flags: vec!["--dim b=2".into()] };
    let length = emit(&plans, &provenance, &target(), &path, &mut |_, _| {}).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() as u64, length);
    let artifact = Artifact::open(&bytes).unwrap();
    let found = artifact.provenance();
    assert!(found.compiler.starts_with("m4c "), "{}", found.compiler);
    assert_eq!((found.sources[0].name.as_str(), found.sources.len(), found.flags.len()), ("model.onnx", 1, 1));
    emit(&plans, &provenance, &target(), &path, &mut |_, _| {}).unwrap();
    assert!(std::fs::read(&path).unwrap() == bytes, "equal input gives equal bytes");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    let nowhere = emit(&plans, &provenance, &target(), &folder.path().join("no/such"), &mut |_, _| {});
    assert_eq!(nowhere.unwrap_err().exit_code(), 1);
}
