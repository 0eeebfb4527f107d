//! Loops over graphs: text form, verifier and interpreter.

use m4c_ir::verify::verify;
use m4c_ir::{Graph, GraphBuilder, interpret, text};
use m4c_ops::build::Build;
use m4c_ops::{DType, Dim, Fact, Tensor, primitive};
use std::sync::Arc;

fn tensor(text: &str) -> Arc<Tensor> {
    Arc::new(Tensor::parse(text, &Default::default()).unwrap())
}

/// Running sums of the rows of `x` from behind, scaled by a captured input.
fn sums() -> Graph {
    let mut builder = GraphBuilder::new(Graph::new("sums"));
    let n = builder.symbols().get("n");
    builder.graph_mut().ranges.insert("n".into(), Default::default());
    let x = builder.input("x", Fact::new(DType::F32, [n.clone(), Dim::from(2)]));
    let scale = builder.input("scale", Fact::new(DType::F32, [0usize; 0]));
    let start = builder.input("start", Fact::new(DType::F32, [2]));
    let results = builder.scan(n, &[start], &[(x, true)], &[true], &mut |b, carried, rows| {
        let scaled = b.plain(&primitive::mul::OP, &[rows[0], scale])?;
        let sum = b.plain(&primitive::add::OP, &[carried[0], scaled])?;
        Ok((vec![sum], vec![sum]))
    });
    let results = results.unwrap();
    builder.output("last", results[0]);
    builder.output("all", results[1]);
    builder.finish()
}

#[test]
fn a_loop_prints_and_reads_back() {
    let graph = sums();
    assert_eq!(verify(&graph), []);
    let printed = graph.to_string();
    let back = text::parse(&printed, &|_| None).unwrap();
    assert_eq!(back.to_string(), printed);
    assert_eq!(verify(&back), []);
    assert_eq!(graph.compacted().to_string(), printed);
}

#[test]
fn broken_loops_are_found() {
    let printed = sums().to_string();
    for (from, to) in [("carries = 1", "carries = 0"), ("trip = n", "trip = n + 1"), ("result 1", "result 2")] {
        assert!(printed.contains(from), "{printed}");
        let broken = text::parse(&printed.replacen(from, to, 1), &|_| None).unwrap();
        assert!(!verify(&broken).is_empty(), "{to}");
    }
    assert!(text::parse(&printed.replacen("backward", "sideways", 1), &|_| None).is_err());
}

#[test]
fn a_loop_runs_row_by_row() {
    let run = |x: &str| interpret(&sums(), &[tensor(x), tensor("f32[] 2"), tensor("f32[2] 100 0")]).unwrap();
    let results = run("f32[3, 2] 1 2 3 4 5 6");
    assert_eq!(*results[0], *tensor("f32[2] 118 24"));
    assert_eq!(*results[1], *tensor("f32[3, 2] 118 24 116 20 110 12"));
    let results = run("f32[0, 2]");
    assert_eq!(*results[0], *tensor("f32[2] 100 0"));
    assert_eq!(results[1].shape(), [0, 2]);
}
