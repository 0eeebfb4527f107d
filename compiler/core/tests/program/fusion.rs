//! What steps are joined, and what keeps them apart.

use super::check;

/// The kernels in order, each with the number of its operands that are present. What they give is what the graph means.
fn kernels(lines: &str) -> Vec<(String, usize)> {
    let text = format!("graph \"main\" {{\nsymbol \"b\" 1..8:1\n{lines}\n}}");
    let plan = check(&text, &[&[("b", 1)], &[("b", 5)], &[("b", 2)]]);
    let read = |step: &m4c_compiler::plan::Step| step.operands.iter().flatten().count();
    plan.steps.iter().map(|step| (step.kernel.clone(), read(step))).collect()
}

fn one(kernel: &str, operands: usize, lines: &str) {
    assert_eq!(kernels(lines), [(kernel.to_owned(), operands)]);
}

#[test]
fn chains_and_forks_of_elementwise_functions_are_one_step() {
    one(
        "elementwise_f32",
        3,
        r#"%0 = input "x" : f32[b, 4, 3]
           %1 = constant f32[4, 1] 1 2 3 4
           %2 = mul %0, %1 : f32[b, 4, 3]
           %3 = sigmoid %2 : f32[b, 4, 3]
           %4 = mul %3, %2 : f32[b, 4, 3]
           %5 = input "y" : f32[b, 4, 3]
           %6 = less %4, %5 : bool[b, 4, 3]
           %7 = select %6, %4, %0 : f32[b, 4, 3]
           output "z" = %7"#,
    );
}

#[test]
fn what_something_else_reads_stays_a_step() {
    let lines = r#"%0 = input "x" : f32[b, 4]
           %1 = exp %0 : f32[b, 4]
           %2 = add %1, %0 : f32[b, 4]
           %3 = sqrt %2 : f32[b, 4]
           output "y" = %3
           output "z" = %1"#;
    assert_eq!(kernels(lines), [("exp_f32".to_owned(), 1), ("elementwise_f32".to_owned(), 2)]);
    // Computed once for each row, and not once for each element.
    let smaller = r#"%0 = input "x" : f32[b, 1]
           %1 = exp %0 : f32[b, 1]
           %2 = input "y" : f32[b, 4]
           %3 = add %1, %2 : f32[b, 4]
           output "z" = %3"#;
    assert_eq!(kernels(smaller), [("exp_f32".to_owned(), 1), ("add_f32".to_owned(), 2)]);
}

#[test]
fn products_take_bias_activation_and_residual() {
    one(
        "matmul_packed_f32",
        4,
        r#"%0 = input "x" : f32[2*b, 4]
           %1 = constant f32[4, 3] 1 2 3 4 5 6 7 8 9 10 11 12
           %2 = matmul %0, %1 : f32[2*b, 3]
           %3 = constant f32[3] 1 2 3
           %4 = add %3, %2 : f32[2*b, 3]
           %5 = constant f32[] 1.702
           %6 = mul %4, %5 : f32[2*b, 3]
           %7 = sigmoid %6 : f32[2*b, 3]
           %8 = mul %4, %7 : f32[2*b, 3]
           %9 = reshape %8 {groups = [1>_; 2, 1>_]} : f32[b, 2, 3]
           %10 = input "r" : f32[b, 2, 3]
           %11 = add %10, %9 : f32[b, 2, 3]
           output "y" = %11"#,
    );
    one(
        "conv_f32",
        3,
        r#"%0 = input "x" : f32[b, 1, 5]
           %1 = constant f32[2, 1, 3] 1 2 3 4 5 6
           %2 = conv %0, %1 {strides = [1], dilations = [1], pads = [1, 1], groups = 1} : f32[b, 2, 5]
           %3 = constant f32[2, 1] 1 2
           %4 = add %2, %3 : f32[b, 2, 5]
           %5 = constant f32[] 0
           %6 = max %4, %5 : f32[b, 2, 5]
           output "y" = %6"#,
    );
    // The order matters: what is added after an activation is no bias.
    let late = r#"%0 = input "x" : f32[b, 4]
           %1 = constant f32[4, 3] 1 2 3 4 5 6 7 8 9 10 11 12
           %2 = matmul %0, %1 : f32[b, 3]
           %3 = gelu %2 : f32[b, 3]
           %4 = constant f32[3] 1 2 3
           %5 = add %3, %4 : f32[b, 3]
           output "y" = %5"#;
    assert_eq!(kernels(late), [("matmul_packed_f32".to_owned(), 2), ("add_f32".to_owned(), 2)]);
}

/// A feed-forward of which the gate's product and what it is multiplied with come in either order.
#[test]
fn gated_products_of_the_same_rows_are_one_step() {
    let both = |a: &str, b: &str| [format!("{a}, {b}"), format!("{b}, {a}")];
    for [gate, up] in [["%3", "%4"], ["%4", "%3"]] {
        for (swish, gated) in
            both(gate, "%5").into_iter().flat_map(|swish| both("%6", up).map(|gated| (swish.clone(), gated)))
        {
            let lines = format!(
                r#"%0 = input "x" : f32[b, 4]
                   %1 = constant f32[4, 3] 1 2 3 4 5 6 7 8 9 10 11 12
                   %2 = constant f32[4, 3] 1 -2 3 -4 5 -6 7 -8 9 -10 11 -12
                   %3 = matmul %0, %1 : f32[b, 3]
                   %4 = matmul %0, %2 : f32[b, 3]
                   %5 = sigmoid {gate} : f32[b, 3]
                   %6 = mul {swish} : f32[b, 3]
                   %7 = mul {gated} : f32[b, 3]
                   %8 = constant f32[3, 4] 1 2 3 4 5 6 7 8 9 10 11 12
                   %9 = matmul %7, %8 : f32[b, 4]
                   %10 = add %0, %9 : f32[b, 4]
                   output "y" = %10"#
            );
            let step = |kernel: &str, operands: usize| (kernel.to_owned(), operands);
            assert_eq!(kernels(&lines), [step("matmul_gated_f32", 3), step("matmul_packed_f32", 3)]);
        }
    }
}

#[test]
fn products_take_swish_and_what_they_are_multiplied_with() {
    let apart = r#"%0 = input "x" : f32[b, 4]
           %1 = constant f32[4, 3] 1 2 3 4 5 6 7 8 9 10 11 12
           %2 = matmul %0, %1 : f32[b, 3]
           %3 = input "y" : f32[b, 4]
           %4 = matmul %3, %1 : f32[b, 3]
           %5 = sigmoid %4 : f32[b, 3]
           %6 = mul %5, %4 : f32[b, 3]
           %7 = mul %2, %6 : f32[b, 3]
           output "z" = %7"#;
    assert_eq!(kernels(apart), [("matmul_packed_f32".to_owned(), 2), ("matmul_packed_f32".to_owned(), 3)]);
    // A gate under other sizes, and a residual after it.
    one(
        "matmul_packed_f32",
        4,
        r#"%0 = input "x" : f32[2*b, 4]
           %1 = constant f32[4, 3] 1 2 3 4 5 6 7 8 9 10 11 12
           %2 = matmul %0, %1 : f32[2*b, 3]
           %3 = tanh %2 : f32[2*b, 3]
           %4 = reshape %3 {groups = [1>_; 2, 1>_]} : f32[b, 2, 3]
           %5 = input "g" : f32[b, 2, 3]
           %6 = mul %4, %5 : f32[b, 2, 3]
           %7 = input "r" : f32[b, 2, 3]
           %8 = add %6, %7 : f32[b, 2, 3]
           output "y" = %8"#,
    );
    // A gate that is smaller is none.
    let smaller = r#"%0 = input "x" : f32[b, 4]
           %1 = constant f32[4, 3] 1 2 3 4 5 6 7 8 9 10 11 12
           %2 = matmul %0, %1 : f32[b, 3]
           %3 = input "g" : f32[b, 1]
           %4 = mul %3, %2 : f32[b, 3]
           output "y" = %4"#;
    assert_eq!(kernels(smaller), [("matmul_packed_f32".to_owned(), 2), ("mul_f32".to_owned(), 2)]);
}

#[test]
fn attention_reads_and_writes_other_orders_and_parts() {
    one(
        "attention_f32",
        4,
        r#"%0 = input "x" : f32[b, 7, 24]
           %1 = reshape %0 {groups = [1>_, 1>_, 1>3; 2; 4]} : f32[b, 7, 3, 2, 4]
           %2 = transpose %1 {perm = [2, 0, 3, 1, 4]} : f32[3, b, 2, 7, 4]
           %3 = slice %2 {starts = [0, 0, 0, 0, 0], sizes = [1, b, 2, 7, 4], steps = [1, 1, 1, 1, 1]} : f32[1, b, 2, 7, 4]
           %4 = reshape %3 {groups = [2>_, 1>_, 1>_, 1>_]} : f32[b, 2, 7, 4]
           %5 = slice %2 {starts = [1, 0, 0, 0, 0], sizes = [1, b, 2, 7, 4], steps = [1, 1, 1, 1, 1]} : f32[1, b, 2, 7, 4]
           %6 = reshape %5 {groups = [2>_, 1>_, 1>_, 1>_]} : f32[b, 2, 7, 4]
           %7 = slice %2 {starts = [2, 0, 0, 0, 0], sizes = [1, b, 2, 7, 4], steps = [1, 1, 1, 1, 1]} : f32[1, b, 2, 7, 4]
           %8 = reshape %7 {groups = [2>_, 1>_, 1>_, 1>_]} : f32[b, 2, 7, 4]
           %9 = constant f32[] 0.5
           %10 = attention %4, %6, %8, _, %9, _ {causal = [], guarded = false} : f32[b, 2, 7, 4]
           %11 = transpose %10 {perm = [0, 2, 1, 3]} : f32[b, 7, 2, 4]
           %12 = reshape %11 {groups = [1>_, 1>_, 2>_]} : f32[b, 7, 8]
           output "y" = %12"#,
    );
}

#[test]
fn rotary_embedding_reads_other_orders_and_parts() {
    for interleaved in [false, true] {
        one(
            "rope_f32",
            3,
            &format!(
                r#"%0 = input "x" : f32[b, 7, 30]
           %1 = reshape %0 {{groups = [1>_, 1>_, 1>3; 2; 5]}} : f32[b, 7, 3, 2, 5]
           %2 = slice %1 {{starts = [0, 0, 1, 0, 0], sizes = [b, 7, 1, 2, 5], steps = [1, 1, 1, 1, 1]}} : f32[b, 7, 1, 2, 5]
           %3 = reshape %2 {{groups = [1>_, 2>_, 1>_, 1>_]}} : f32[b, 7, 2, 5]
           %4 = transpose %3 {{perm = [0, 2, 1, 3]}} : f32[b, 2, 7, 5]
           %5 = input "cos" : f32[b, 7, 4]
           %6 = slice %5 {{starts = [0, 0, 0], sizes = [b, 7, 2], steps = [1, 1, 1]}} : f32[b, 7, 2]
           %7 = input "sin" : f32[b, 7, 2]
           %8 = rope %4, %6, %7 {{interleaved = {interleaved}}} : f32[b, 2, 7, 5]
           output "y" = %8"#
            ),
        );
    }
    // Angles of one row serve all; those of sin need only be as many as those of cos.
    one(
        "rope_f32",
        3,
        r#"%0 = input "x" : f32[b, 2, 3, 4]
           %1 = input "cos" : f32[1, 3, 2]
           %2 = input "sin" : f32[3, 1, 2]
           %3 = rope %0, %1, %2 {interleaved = false} : f32[b, 2, 3, 4]
           output "y" = %3"#,
    );
}
