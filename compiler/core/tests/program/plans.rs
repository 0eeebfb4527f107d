//! What plans refuse, and how they read.

use super::{graph, target};
use m4c_compiler::diagnostic::{Diagnostics, codes};
use m4c_compiler::plan::plan;

fn refused(text: &str) -> Diagnostics {
    plan(&graph(text), &target()).unwrap_err()
}

#[test]
fn a_symbol_that_no_input_determines_is_an_error_that_names_it() {
    let text = |guard: &str, range: &str| {
        format!(
            r#"graph "main" {{
              {range}
              {guard}
              %0 = input "x" : f32[n + m, 2]
              %1 = dim {{sizes = [m, n], scalar = false}} : i64[2]
              output "y" = %1
            }}"#
        )
    };
    let diagnostics = refused(&text("", ""));
    let codes: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [codes::SIZE_UNDETERMINED; 2], "{diagnostics}");
    assert!(diagnostics.to_text().contains("`m`") && diagnostics.to_text().contains("--dim n="), "{diagnostics}");
    let only_in_guard = refused(
        r#"graph "main" {
          guard k <= n
          %0 = input "x" : f32[n]
          output "y" = %0
        }"#,
    );
    assert!(only_in_guard.to_text().contains("determines `k`"), "{only_in_guard}");
    let fixed = graph(&text("guard m = 3", "symbol \"n\" 2..2:1"));
    let fixed = plan(&fixed, &target()).unwrap();
    let ranges: Vec<String> = fixed.symbols.iter().map(|s| format!("{} {}", s.name, s.range)).collect();
    assert_eq!(ranges, ["m 3..3:1", "n 2..2:1"]);
}

#[test]
fn guards_that_no_size_meets_are_errors() {
    let diagnostics = refused(
        r#"graph "main" {
          symbol "n" 1..8:1
          guard 9 <= n
          %0 = input "x" : f32[n]
          output "y" = %0
        }"#,
    );
    let [diagnostic] = &*diagnostics.iter().collect::<Vec<_>>() else { panic!("{diagnostics}") };
    assert_eq!(diagnostic.code, codes::GUARD_IMPOSSIBLE);
    assert!(diagnostics.to_text().contains("9 <= n"), "{diagnostics}");
}

#[test]
fn what_an_artifact_cannot_hold_is_an_error() {
    let deep = refused(
        r#"graph "main" {
          %0 = input "x" : f32[1, 1, 1, 1, 1, 1, 1, 1, 1]
          output "y" = %0
        }"#,
    );
    assert!(deep.to_text().contains("input `x` has 9 axes"), "{deep}");
    let nibbles = refused(
        r#"graph "main" {
          %0 = input "x" : i4[3]
          output "y" = %0
        }"#,
    );
    assert!(nibbles.to_text().contains("output `y` is i4[3] and must be copied"), "{nibbles}");
}

#[test]
fn a_target_that_contradicts_itself_is_a_bug() {
    let diagnostics = refused(
        r#"graph "main" {
          %0 = input "x" : i4[3]
          %1 = mul %0, %0 : i4[3]
          output "y" = %1
        }"#,
    );
    assert_eq!(diagnostics.exit_code(), 101);
    assert!(diagnostics.to_text().contains("mul_i4"), "{diagnostics}");
}

#[test]
fn a_plan_reads_like_a_program() {
    let graph = graph(
        r#"graph "main" {
          symbol "n" 1..4:1
          origin 5 "MatMul" "/up/MatMul" "mlp.up"
          %0 = input "x" : f32[n, 2]
          %1 = constant f32[2, 3] 1 2 3 4 5 6
          %2 = matmul %0, %1 : f32[n, 3] @ 5
          %3 = reshape %2 {groups = [2>_]} : f32[3*n]
          %4 = softmax %3 {axis = 0} : f32[3*n]
          output "y" = %4
        }"#,
    );
    let expected = r#"plan "main" for `cpu` {
  symbol n 1..4:1
  input.0 "x" : f32[n, 2]
  constant.0 = %1 : f32[2, 3] as f32_kn16
  buffer.0 12*n bytes, steps 0 to 1
  0: buffer.0:f32[n, 3] = matmul_packed_f32(input.0:f32[n, 2], constant.0:f32[2, 3], _) ; matmul in "mlp.up"
  1: output.0:f32[3*n] = softmax_f32(buffer.0:f32[3*n]) {0} ; softmax
  output.0 "y" : f32[3*n], tolerance 1e-4
}
constants: 24 bytes in 1, before packing
buffers: 1; at the upper bounds at most 48 bytes alive, at step 0
"#;
    assert_eq!(plan(&graph, &target()).unwrap().to_string(), expected);
}
