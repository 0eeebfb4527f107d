//! Graphs are rewritten piece by piece.

use crate::diagnostic::codes;
use crate::rewrite::{Extraction, Rewriting, RuleNumerics, Smallest};
use m4c_ir::{Graph, GraphBuilder};
use m4c_ops::build::Build;
use m4c_ops::{Attrs, DType, Fact, Op, primitive};

/// A chain of functions in no order that repeats.
fn chain(length: usize) -> Graph {
    let ops: [&'static Op; 4] = [&primitive::exp::OP, &primitive::tanh::OP, &primitive::sin::OP, &primitive::floor::OP];
    let mut builder = GraphBuilder::new(Graph::new("main"));
    let mut value = builder.input("x", Fact::new(DType::F32, [4i64]));
    let mut seed = 1u64;
    for _ in 0..length {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        value = builder.apply(ops[(seed >> 60) as usize % 4], &[Some(value)], Attrs::none()).expect("well formed");
    }
    builder.output("y", value);
    builder.finish()
}

#[test]
fn what_is_too_large_is_left_as_it_is() {
    let graph = chain(20_100);
    let rewriting = Rewriting::of(&graph, RuleNumerics::Reassociate).expect("rewritten");
    let made = rewriting.extract(&Smallest, Extraction::Greedy).expect("a choice").0;
    assert_eq!(made.operator_count(), graph.operator_count());
    assert!(rewriting.report().kept_nodes > 20_000);
    let warning = rewriting.too_large("main").expect("a warning");
    assert_eq!(warning.code, codes::REWRITE_TOO_LARGE);
    let small = Rewriting::of(&chain(50), RuleNumerics::Reassociate).expect("rewritten");
    assert_eq!(small.report().kept_nodes, 0);
    assert!(small.too_large("main").is_none());
}
