//! Composites that the target takes, those that it does not, and what it takes in no form.

use super::{graph, target};
use m4c_compiler::diagnostic::codes;
use m4c_compiler::lower::lower;
use m4c_compiler::plan::plan;
use m4c_ir::{Graph, GraphBuilder, NodeKind, ValueId, interpret};
use m4c_ops::build::Build;
use m4c_ops::{DType, Difference, Dim, Fact, Tensor, primitive};
use std::sync::Arc;

fn names(graph: &Graph) -> Vec<&'static str> {
    let op = |value: ValueId| match &graph.node(value).kind {
        NodeKind::Apply { op, .. } => Some(op.name),
        NodeKind::Input(_) | NodeKind::Constant(_) | NodeKind::Scan(_) | NodeKind::Result(_) => None,
    };
    graph.order().into_iter().filter_map(op).collect()
}

#[test]
fn composites_stay_where_the_target_takes_them_and_are_decomposed_elsewhere() {
    let text = |scale: &str| {
        format!(
            r#"graph "main" {{
              symbol "n" 1..9:2
              guard n <= 7
              origin 2 "LayerNormalization" "/norm" ""
              origin 4 "Gelu" "" ""
              %1 = input "unused" : i64[n]
              %0 = input "x" : f32[n, 2]
              %2 = constant f32[{scale}] 0.5 0.5
              %3 = constant f32[] 0.01
              %4 = layer_norm %0, %2, _, %3 {{axis = 1}} : f32[n, 2] @ 2, 4
              output "y" = %4
            }}"#
        )
    };
    let target = target();
    let whole = lower(&graph(&text("2")), &target).unwrap();
    assert_eq!(names(&whole), ["layer_norm"]);
    // The kernel takes scales along the normalized axes only.
    let before = graph(&text("1, 2"));
    let parts = lower(&before, &target).unwrap();
    assert!(names(&parts).len() > 6 && !names(&parts).contains(&"layer_norm"), "{parts}");
    assert_eq!((parts.guards.len(), parts.ranges.clone()), (before.guards.len(), before.ranges.clone()));
    let inputs: Vec<&str> = parts.inputs().iter().map(|&input| parts.input_name(input)).collect();
    assert_eq!(inputs, ["unused", "x"]);
    for value in parts.order() {
        if let NodeKind::Apply { .. } = parts.node(value).kind {
            assert_eq!(parts.node(value).origins.len(), 2, "both origins stay\n{parts}");
        }
    }
    let x = Tensor::new(vec![3, 2], m4c_ops::Data::F32(vec![1.0, 2.0, -3.0, 0.5, 0.0, 9.0])).unwrap();
    let ids = Tensor::list_i64(vec![0, 1, 2]);
    let inputs = [Arc::new(ids), Arc::new(x)];
    let (a, b) = (interpret(&before, &inputs).unwrap(), interpret(&parts, &inputs).unwrap());
    let (a, b) = (a[0].as_f64s().unwrap(), b[0].as_f64s().unwrap());
    assert!(Difference::between(&a, &b).within(1e-6));
}

#[test]
fn all_unsupported_nodes_are_one_error() {
    let diagnostics = lower(
        &graph(
            r#"graph "main" {
              origin 7 "Mul" "/a/Mul" "a"
              origin 9 "Gelu" "/b" ""
              %0 = input "x" : f32[1, 1, 1, 1, 1, 1, 1, 1, 2]
              %1 = mul %0, %0 : f32[1, 1, 1, 1, 1, 1, 1, 1, 2] @ 7
              %2 = mul %1, %0 : f32[1, 1, 1, 1, 1, 1, 1, 1, 2] @ 9
              %3 = max %2, %0 : f32[1, 1, 1, 1, 1, 1, 1, 1, 2]
              output "y" = %3
            }"#,
        ),
        &target(),
    )
    .unwrap_err();
    let [diagnostic] = &*diagnostics.iter().collect::<Vec<_>>() else { panic!("{diagnostics}") };
    assert_eq!(diagnostic.code, codes::TARGET_UNSUPPORTED);
    assert!(diagnostic.message.contains("3 nodes"), "{diagnostic}");
    let text = diagnostic.to_text();
    assert!(text.contains("`mul`, 2 nodes: ") && text.contains("`max`: "), "{text}");
    assert!(text.contains("9 axes") && text.contains("from node 7 (Mul) a"), "{text}");
}

#[test]
fn four_bits_are_computed_in_eight() {
    let before = graph(
        r#"graph "main" {
          %0 = input "x" : i4[2, 3]
          %1 = transpose %0 {perm = [1, 0]} : i4[3, 2]
          %2 = mul %1, %1 : i4[3, 2]
          %3 = reduce_sum %2 {axes = [1], keep = false} : i4[3]
          %4 = cast %3 {to = i32} : i32[3]
          output "y" = %4
        }"#,
    );
    let after = lower(&before, &target()).unwrap();
    for name in ["transpose", "mul", "reduce_sum"] {
        assert!(names(&after).contains(&name), "{after}");
    }
    let x = [Arc::new(Tensor::new(vec![2, 3], m4c_ops::Data::I4(vec![-8, 7, 3, -3, 5, 1])).unwrap())];
    assert_eq!(interpret(&before, &x).unwrap(), interpret(&after, &x).unwrap(), "{after}");
    plan(&after, &target()).unwrap();
}

#[test]
fn what_is_known_when_compiling_needs_no_kernel() {
    let lowered = lower(
        &graph(
            r#"graph "main" {
              %0 = input "x" : f32[2]
              %1 = constant f16[2] 1 2
              %2 = exp %1 : f16[2]
              %3 = cast %2 {to = f32} : f32[2]
              %4 = add %0, %3 : f32[2]
              output "y" = %4
            }"#,
        ),
        &target(),
    );
    assert_eq!(names(&lowered.unwrap_or_else(|error| panic!("{error}"))), ["add"]);
}

/// Running sums of the rows of `x` from behind, and the rows doubled, forward.
fn sums(rows: usize) -> Graph {
    let mut builder = GraphBuilder::new(Graph::new("main"));
    let x = builder.input("x", Fact::new(DType::F32, [rows, 2]));
    let start = builder.input("start", Fact::new(DType::F32, [2]));
    let read = [(x, true), (x, false)];
    let results = builder.scan(Dim::from(rows as i64), &[start], &read, &[true, false], &mut |b, carried, rows| {
        let sum = b.plain(&primitive::add::OP, &[carried[0], rows[0]])?;
        let double = b.plain(&primitive::add::OP, &[rows[1], rows[1]])?;
        Ok((vec![sum], vec![sum, double]))
    });
    for (name, value) in ["last", "all", "doubled"].into_iter().zip(results.unwrap()) {
        builder.output(name, value);
    }
    builder.finish()
}

#[test]
fn short_loops_are_written_out_and_give_the_same() {
    for (rows, written_out) in [(1, true), (3, true), (8, true), (9, false)] {
        let graph = sums(rows);
        let lowered = lower(&graph, &target()).unwrap();
        let has_loop = lowered.order().into_iter().any(|v| matches!(lowered.node(v).kind, NodeKind::Scan(_)));
        assert_eq!(has_loop, !written_out, "{rows} rows\n{lowered}");
        let x: Vec<String> = (0..2 * rows).map(|i| (i * i + 1).to_string()).collect();
        let read = |text: &str| Arc::new(Tensor::parse(text, &Default::default()).unwrap());
        let inputs = [read(&format!("f32[{rows}, 2] {}", x.join(" "))), read("f32[2] 100 0.5")];
        assert_eq!(interpret(&lowered, &inputs).unwrap(), interpret(&graph, &inputs).unwrap(), "{rows} rows");
    }
}
