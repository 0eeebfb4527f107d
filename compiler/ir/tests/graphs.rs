//! The graph, its text form, its verifier, its interpreter and its builder.

use m4c_ir::binding::{BindError, bind};
use m4c_ir::verify::verify;
use m4c_ir::{Constant, DataFile, Graph, GraphBuilder, NodeKind, Range, interpret, text};
use m4c_ops::build::Build;
use m4c_ops::dim::Guard;
use m4c_ops::{Attrs, DType, Dim, Fact, Tensor, primitive};
use std::sync::Arc;

fn tensor(text: &str) -> Arc<Tensor> {
    Arc::new(Tensor::parse(text, &Default::default()).unwrap())
}

/// `y = relu(x · w)` over a symbolic number of rows.
fn rows() -> Graph {
    let mut builder = GraphBuilder::new(Graph::new("rows"));
    let n = builder.symbols().get("n");
    builder.graph_mut().ranges.insert("n".into(), Range { low: 1, high: Some(8), step: 1 });
    let x = builder.input("x", Fact::new(DType::F32, [n, Dim::from(2)]));
    let w = builder.constant((*tensor("f32[2, 2] 1 2 3 -4")).clone());
    let b: &mut dyn Build = &mut builder;
    let product = b.plain(&primitive::matmul::OP, &[x, w]).unwrap();
    let zero = b.scalar(DType::F32, 0.0);
    let y = b.plain(&primitive::max::OP, &[product, zero]).unwrap();
    builder.output("y", y);
    builder.finish()
}

fn read(text: &str) -> Result<Graph, text::TextError> {
    text::parse(text, &|_| None)
}

#[test]
fn a_graph_prints_and_reads_back() {
    let graph = rows();
    let text = graph.to_string();
    assert_eq!(read(&text).unwrap().to_string(), text);
    assert_eq!(verify(&graph), []);
}

#[test]
fn odd_names_read_back() {
    let mut builder = GraphBuilder::new(Graph::new("a \"quoted\"\\ name\n\u{7}"));
    let x = builder.input("onnx::x = %1 @ 3", Fact::new(DType::Bool, [2]));
    builder.output("y : \u{1F600}", x);
    let graph = builder.finish();
    let text = graph.to_string();
    let back = read(&text).unwrap();
    assert_eq!((back.to_string(), &back.name), (text, &graph.name));
}

#[test]
fn stored_constants_are_read_where_they_lie() {
    let file = Arc::new(DataFile::new("weights.bin", vec![9u8, 0, 0, 128, 63, 0, 0, 0, 64]));
    let mut graph = Graph::new("stored");
    let constant = Constant::Stored { file: file.clone(), offset: 1, length: 8 };
    let value = graph.add_constant(constant, Fact::new(DType::F32, [2]));
    graph.add_output("y", value);
    assert_eq!(*interpret(&graph, &[]).unwrap()[0], *tensor("f32[2] 1 2"));
    let text = graph.to_string();
    let back = text::parse(&text, &|name| (name == "weights.bin").then(|| file.clone())).unwrap();
    assert_eq!(back.to_string(), text);
    assert!(read(&text).unwrap_err().what.contains("weights.bin"));
}

#[test]
fn broken_texts_are_refused_with_their_line() {
    let good = rows().to_string();
    for (number, line) in good.lines().enumerate() {
        for cut in (1..line.len()).filter(|&cut| line.is_char_boundary(cut)) {
            let text: String = good
                .lines()
                .enumerate()
                .map(|(i, whole)| format!("{}\n", if i == number { &line[..cut] } else { whole }))
                .collect();
            // Any result but a panic; most cuts are errors, some only shorten a number.
            let _ = read(&text);
        }
    }
    for (text, line) in [
        ("", 1),
        ("graph \"g\" {", 1),
        ("graph \"g\" {\n  %0 = nothing : f32[]\n}", 2),
        ("graph \"g\" {\n  %0 = exp %1 : f32[]\n}", 2),
        ("graph \"g\" {\n  %0 = constant f32[2] 1\n}", 2),
        ("graph \"g\" {\n  %0 = input \"x\" : f32[]\n  %0 = input \"y\" : f32[]\n}", 3),
        ("graph \"g\" {\n}\n}", 3),
    ] {
        assert_eq!(read(text).map(|_| ()).unwrap_err().line, line, "{text}");
    }
}

#[test]
fn the_interpreter_binds_symbols_from_shapes() {
    let graph = rows();
    let results = interpret(&graph, &[tensor("f32[3, 2] 1 0 0 1 1 1")]).unwrap();
    assert_eq!(*results[0], *tensor("f32[3, 2] 1 2 3 0 4 0"));
    assert!(interpret(&graph, &[]).is_err());
    assert!(interpret(&graph, &[tensor("i64[1, 2] 1 2")]).is_err());
    let shapes = |rows: usize, columns: usize| bind(&graph, &[vec![rows, columns]]);
    assert!(shapes(8, 2).is_ok());
    assert!(matches!(shapes(9, 2), Err(BindError::OutOfRange { value: 9, .. })));
    assert!(matches!(shapes(3, 3), Err(BindError::Size { axis: 1, found: 3, .. })));
    assert!(matches!(bind(&graph, &[vec![3]]), Err(BindError::Rank { found: 1, .. })));
}

#[test]
fn sizes_solve_through_other_inputs_and_guards_are_checked() {
    let mut graph = Graph::new("sizes");
    let (a, b) = (graph.symbols.get("a"), graph.symbols.get("b"));
    // `a + b` is listed first, and solves only when the second input has given `a`.
    graph.add_input("sum", Fact::new(DType::F32, [a.clone() + b.clone()]));
    graph.add_input("a", Fact::new(DType::F32, [a.clone() * Dim::from(2)]));
    graph.assume(Guard::equal(&a, &(b + Dim::from(1))));
    let bound = bind(&graph, &[vec![5], vec![6]]).unwrap();
    assert_eq!((bound["a"], bound["b"]), (3, 2));
    assert!(matches!(bind(&graph, &[vec![6], vec![6]]), Err(BindError::Guard(_))));
    assert!(bind(&graph, &[vec![5], vec![5]]).is_err());
}

#[test]
fn what_is_known_is_computed_while_building() {
    let mut builder = GraphBuilder::new(Graph::new("folded"));
    let n = builder.symbols().get("n");
    let x = builder.input("x", Fact::new(DType::F32, [n.clone(), Dim::from(4)]));
    let b: &mut dyn Build = &mut builder;
    let sizes = b.sizes(vec![n.clone(), Dim::from(4)]);
    let two = b.constant((*tensor("i64[1] 2")).clone());
    let doubled = b.plain(&primitive::mul::OP, &[sizes, two]).unwrap();
    let dims = b.known(doubled).and_then(Tensor::as_dims).unwrap();
    assert_eq!(dims, [n * Dim::from(2), Dim::from(8)]);
    let y = b.plain(&primitive::exp::OP, &[x]).unwrap();
    builder.output("y", y);
    builder.output("sizes", doubled);
    let graph = builder.finish();
    let operators: Vec<&str> = graph
        .order()
        .iter()
        .filter_map(|&v| if let NodeKind::Apply { op, .. } = &graph.node(v).kind { Some(op.name) } else { None })
        .collect();
    assert_eq!(operators, ["exp", "dim"]);
    let results = interpret(&graph, &[tensor("f32[1, 4] 0 0 0 0")]).unwrap();
    assert_eq!(*results[1], *tensor("i64[2] 2 8"));
}

#[test]
fn the_verifier_finds_what_is_broken() {
    let wrong_fact = "graph \"g\" {\n  %0 = input \"x\" : f32[2]\n  %1 = exp %0 : f32[3]\n  output \"y\" = %1\n}";
    let no_guard = "graph \"g\" {\n  %0 = input \"x\" : f32[a]\n  %1 = input \"y\" : f32[b]\n  \
                    %2 = add %0, %1 : f32[a]\n  output \"z\" = %2\n}";
    let twice = "graph \"g\" {\n  %0 = input \"x\" : f32[2]\n  %1 = input \"x\" : f32[2]\n}";
    let bad_attr = "graph \"g\" {\n  %0 = input \"x\" : f32[2]\n  %1 = transpose %0 {perm = [1]} : f32[2]\n}";
    for text in [wrong_fact, no_guard, twice, bad_attr] {
        assert_eq!(verify(&read(text).unwrap()).len(), 1, "{text}");
    }
}

#[test]
fn compacting_keeps_inputs_and_what_outputs_need() {
    let mut graph = rows();
    let unused = graph.add_constant(Constant::Inline(tensor("f32[] 1")), Fact::new(DType::F32, [0usize; 0]));
    let exp = graph.add_apply(&primitive::exp::OP, &[Some(unused)], Attrs::none(), graph.fact(unused).clone());
    assert!(graph.users(unused).contains(&exp));
    assert_eq!(graph.compacted().to_string(), rows().to_string());
}
