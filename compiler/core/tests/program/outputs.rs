//! Outputs that are no step's own result, and results that are several outputs.

use super::check;
use m4c_compiler::plan::Place;

#[test]
fn an_output_is_written_by_the_step_that_computes_it() {
    let plan = check(
        r#"graph "main" {
          %0 = input "x" : f32[4]
          %1 = softmax %0 {axis = 0} : f32[4]
          %2 = softmax %1 {axis = 0} : f32[4]
          output "y" = %2
        }"#,
        &[&[]],
    );
    assert_eq!((plan.steps.len(), plan.buffers.len()), (2, 1));
    assert_eq!(plan.steps[1].result.place, Place::Output(0));
}

#[test]
fn an_output_that_others_read_needs_no_buffer() {
    let plan = check(
        r#"graph "main" {
          %0 = input "x" : f32[n, 6]
          %1 = exp %0 : f32[n, 6]
          %2 = reshape %1 {groups = [1>_, 1>2; _]} : f32[n, 2, 3]
          %3 = sqrt %2 : f32[n, 2, 3]
          output "y" = %1
          output "z" = %3
        }"#,
        &[&[("n", 3)], &[("n", 1)]],
    );
    assert_eq!((plan.steps.len(), plan.buffers.len()), (2, 0));
    assert_eq!(plan.steps[1].operands[0].as_ref().unwrap().place, Place::Output(0));
}

#[test]
fn inputs_constants_views_and_second_names_are_copied() {
    let plan = check(
        r#"graph "main" {
          %0 = input "x" : f32[n, 6]
          %1 = constant i64[2] 7 8
          %2 = reshape %0 {groups = [2>_]} : f32[6*n]
          %3 = exp %0 : f32[n, 6]
          %4 = reshape %3 {groups = [2>_]} : f32[6*n]
          output "input" = %0
          output "constant" = %1
          output "view of input" = %2
          output "view" = %4
          output "what it views" = %3
          output "again" = %4
        }"#,
        &[&[("n", 2)], &[("n", 5)], &[("n", 0)]],
    );
    let copies = plan.steps.iter().filter(|step| step.op == "copy").count();
    assert_eq!((plan.steps.len(), copies, plan.buffers.len()), (6, 5, 0));
}

#[test]
fn a_program_of_copies_alone_runs() {
    check(
        r#"graph "main" {
          %0 = input "a" : bool[2]
          %1 = input "b" : i64[]
          output "y" = %1
          output "z" = %0
        }"#,
        &[&[]],
    );
}

#[test]
fn tolerances_are_those_of_the_worst_operator_on_the_way() {
    let plan = check(
        r#"graph "main" {
          %0 = input "x" : f32[2, 2]
          %1 = transpose %0 {perm = [1, 0]} : f32[2, 2]
          %2 = exp %1 : f32[2, 2]
          %3 = matmul %2, %0 : f32[2, 2]
          output "exact" = %1
          output "rounded" = %2
          output "summed" = %3
        }"#,
        &[&[]],
    );
    let tolerances: Vec<f64> = plan.outputs.iter().map(|port| port.tolerance).collect();
    let classes = [m4c_ops::Numerics::Exact, m4c_ops::Numerics::Rounded, m4c_ops::Numerics::Accumulated];
    assert_eq!(tolerances, classes.map(|class| class.model_tolerance(m4c_ops::DType::F32)));
}
