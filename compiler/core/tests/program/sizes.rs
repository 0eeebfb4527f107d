//! Sizes that are known when inputs are.

use super::{check, graph, planned, written};
use m4c_runtime::{Arena, Artifact, Bounds, Code, Program, Session};

const TWO_SIZES: &str = r#"graph "main" {
  symbol "b" 1..8:1
  symbol "s" 1..:1
  guard s <= 16
  %0 = input "x" : f32[b, s, 6]
  %1 = input "mask" : bool[b, s]
  %2 = constant f32[6] 1 2 3 4 5 6
  %3 = constant f32[6] 1 -1 1 -1 1 -1
  %4 = constant f32[] 0.00001
  %5 = layer_norm %0, %2, %3, %4 {axis = 2} : f32[b, s, 6]
  %6 = constant f32[6, 5] file "weights" 64 120
  %7 = matmul %5, %6 : f32[b, s, 5]
  %8 = gelu %7 : f32[b, s, 5]
  %9 = reshape %1 {groups = [1>_, 1>_; 1]} : bool[b, s, 1]
  %10 = constant f32[] -1000
  %11 = select %9, %8, %10 : f32[b, s, 5]
  %12 = softmax %11 {axis = 1} : f32[b, s, 5]
  %13 = transpose %12 {perm = [2, 0, 1]} : f32[5, b, s]
  %14 = dim {sizes = [b, 2*b + s], scalar = false} : i64[2]
  %15 = reduce_sum %13 {axes = [0, 2], keep = false} : f32[b]
  %16 = iota {size = [s], dtype = i64} : i64[s]
  %17 = concat %16, %14 {axis = 0} : i64[s + 2]
  output "p" = %13
  output "sums" = %15
  output "sizes" = %17
}"#;

#[test]
fn symbolic_sizes_are_bound_run_by_run() {
    let plan = check(TWO_SIZES, &[&[("b", 3), ("s", 16)], &[("b", 1), ("s", 1)], &[("b", 2), ("s", 7)]]);
    let ranges: Vec<String> = plan.symbols.iter().map(|s| format!("{} {}", s.name, s.range)).collect();
    assert_eq!(ranges, ["b 1..8:1", "s 1..16:1"], "a guard gives an upper bound");
}

#[test]
fn a_session_needs_no_bounds_where_the_model_has_them() {
    let plan = planned(&graph(TWO_SIZES));
    let file = written(&[plan]);
    let artifact = Artifact::open(file.bytes()).unwrap();
    let program = Program::find(&artifact, "main").unwrap();
    let session = Session::new(program, &Bounds::of(&program), super::EXECUTORS, 1, Arena::Owned);
    let mut session = session.unwrap_or_else(|error| panic!("{error:?}"));
    session.bind(&[&[8, 16, 6], &[8, 16]]).unwrap();
    assert_eq!(session.bind(&[&[8, 17, 6], &[8, 17]]).unwrap_err().code, Code::OutOfBounds);
}

#[test]
fn guards_travel_with_the_program() {
    let text = r#"graph "main" {
      guard n = m
      guard 2 | n
      %0 = input "x" : f32[n]
      %1 = input "y" : f32[m]
      %2 = add %0, %1 : f32[n]
      output "z" = %2
    }"#;
    check(text, &[&[("n", 4), ("m", 4)], &[("n", 2), ("m", 2)]]);
    let file = written(&[planned(&graph(text))]);
    let artifact = Artifact::open(file.bytes()).unwrap();
    let program = Program::find(&artifact, "main").unwrap();
    let mut bounds = Bounds::of(&program);
    bounds.at_most(&program, "n", 8).unwrap().at_most(&program, "m", 8).unwrap();
    let mut session = Session::new(program, &bounds, super::EXECUTORS, 1, Arena::Owned).unwrap();
    for shapes in [[[4], [2]], [[3], [3]]] {
        let shapes = shapes.each_ref().map(|shape| &shape[..]);
        assert_eq!(session.bind(&shapes).unwrap_err().code, Code::GuardFailed);
    }
}

#[test]
fn slices_gathers_and_convolutions_take_their_parameters() {
    check(
        r#"graph "main" {
          guard 1 <= n
          %0 = input "x" : f32[n, 4, 9]
          %1 = slice %0 {starts = [n + -1, 0, 8], sizes = [n, 4, 4], steps = [-1, 1, -2]} : f32[n, 4, 4]
          %2 = constant f32[6, 2, 3] file "weights" 0 144
          %3 = conv %0, %2 {strides = [2], dilations = [1], pads = [1, 0], groups = 2} : f32[n, 6, 4]
          %4 = constant i64[3] 0 -1 1
          %5 = gather %1, %4 {axis = 1, batch_dims = 0} : f32[n, 3, 4]
          %6 = broadcast %4 {sizes = [n, 3]} : i64[n, 3]
          %7 = cast %5 {to = f16} : f16[n, 3, 4]
          %8 = less %5, %5 : bool[n, 3, 4]
          %9 = reduce_max %3 {axes = [1], keep = true} : f32[n, 1, 4]
          %10 = div %5, %9 : f32[n, 3, 4]
          output "c" = %3
          output "g" = %10
          output "b" = %6
          output "h" = %7
          output "l" = %8
        }"#,
        &[&[("n", 3)], &[("n", 1)]],
    );
}
