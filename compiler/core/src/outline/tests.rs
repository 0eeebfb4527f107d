//! What repeats is found and rewritten once, and the whole means the same.

use super::blocks::MOST_CONTEXT;
use super::{Cut, Outlined};
use crate::diagnostic::Diagnostics;
use crate::facts::facts;
use crate::import::import;
use crate::onnx::ModelFile;
use crate::rewrite::{RuleNumerics, Smallest, saturated};
use m4c_ir::{DataFile, Graph, NodeKind, Origin, Range, ValueId, interpret, text, verify};
use m4c_ops::{Binding, Data, Tensor, table};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Reads a graph whose weights lie in a file of small numbers.
fn graph(lines: &str) -> Graph {
    let bytes = (0..1 << 14).flat_map(|i| ((i * 7919 % 61) as f32 / 32.0 - 0.9).to_le_bytes()).collect::<Vec<u8>>();
    let file = Arc::new(DataFile::new("weights", bytes));
    let source = format!("graph \"main\" {{\n{lines}}}\n");
    let graph = text::parse(&source, &|_| Some(file.clone())).unwrap_or_else(|error| panic!("{error:?}\n{source}"));
    let broken = verify::verify(&graph);
    assert!(broken.is_empty(), "{broken:?}\n{source}");
    graph
}

/// Numbers for inputs; sizes that are open are small, and those of all positions larger than those of past ones.
fn inputs(graph: &Graph) -> Vec<Arc<Tensor>> {
    let size = |(name, range): (&String, &Range)| {
        let wanted = if name.contains("total") { 3 } else { 2 };
        (name.clone(), wanted.max(range.low).min(range.high.unwrap_or(wanted)))
    };
    let binding: Binding = graph.ranges.iter().map(size).collect();
    let tensor = |(index, &input): (usize, &ValueId)| {
        let fact = graph.fact(input);
        let sizes = fact.bound(&binding).expect("all sizes are bound");
        let count: usize = sizes.iter().product();
        let number = |i: usize| ((i + index) * 7919 % 31) as f64;
        let data = match fact.dtype.is_float() {
            true => Data::from_f64(fact.dtype, (0..count).map(|i| number(i) / 8.0 - 2.0)),
            false => Data::from_i64(fact.dtype, (0..count).map(|i| number(i) as i64 % 2)),
        };
        Arc::new(Tensor::new(sizes, data).expect("as many elements"))
    };
    graph.inputs().iter().enumerate().map(tensor).collect()
}

fn interpreted(graph: &Graph, inputs: &[Arc<Tensor>]) -> Vec<Vec<u8>> {
    let results = interpret(graph, inputs).unwrap_or_else(|error| panic!("{error}"));
    results.iter().map(|result| result.to_bytes().expect("numbers")).collect()
}

type Rewrite<'a> = &'a dyn Fn(&Graph) -> Graph;

/// Rewrites piece by piece and the whole, and holds that both give the same. The graph, and nodes and occurrences.
#[track_caller]
fn rewritten(graph: &Graph, rewrite: Rewrite<'_>) -> (Graph, Vec<(usize, usize)>) {
    let mut pieces = 0;
    let mut each = |number: usize, piece: &Graph| {
        assert_eq!(number, pieces, "pieces are numbered in order");
        assert!(verify::verify(piece).is_empty(), "{piece}");
        pieces += 1;
        Ok(rewrite(piece))
    };
    let (made, found) = outlined(graph, &mut each).unwrap_or_else(|errors| panic!("{}\n{graph}", errors.to_text()));
    assert_eq!(pieces, found.len() + 1, "each block is rewritten once");
    assert_eq!(made.outputs().len(), graph.outputs().len());
    let inputs = inputs(graph);
    let whole = rewrite(graph);
    // A block may choose another form of what all occurrences share than the rest does: a few nodes, once. Equal nodes of both
    // become one.
    let (pieces, one) = (made.operator_count(), whole.operator_count());
    assert!(pieces <= one + MOST_CONTEXT * found.len(), "{pieces} nodes, not {one}");
    assert!(interpreted(&made, &inputs) == interpreted(&whole, &inputs), "other results\n{graph}\n{made}");
    (made, found.iter().map(|&Outlined { nodes, occurrences }| (nodes, occurrences)).collect())
}

fn unchanged(graph: &Graph) -> Graph {
    graph.clone()
}

/// A chain of layers of eleven nodes that normalize, go through two products, and add what they were given.
struct Chain {
    lines: String,
    next: usize,
}

impl Chain {
    fn new() -> Chain {
        Chain { lines: "%0 = input \"x\" : f32[2, 20]\n%1 = constant f32[] 20\n".into(), next: 2 }
    }

    fn add(&mut self, node: &str) -> usize {
        self.next += 1;
        let _ = writeln!(self.lines, "%{} = {node}", self.next - 1);
        self.next - 1
    }

    /// A layer after the value `x`. Its result.
    fn layer(&mut self, x: usize, number: usize, epsilon: &str, function: &str) -> usize {
        let at = number % 5 * 8000;
        let bias: Vec<String> = (0..20).map(|i| ((i * i + number) % 7).to_string()).collect();
        let square = self.add(&format!("mul %{x}, %{x} : f32[2, 20]"));
        let sum = self.add(&format!("reduce_sum %{square} {{axes = [1], keep = true}} : f32[2, 1]"));
        let mean = self.add(&format!("div %{sum}, %1 : f32[2, 1]"));
        let epsilon = self.add(&format!("constant f32[] {epsilon}"));
        let shifted = self.add(&format!("add %{mean}, %{epsilon} : f32[2, 1]"));
        let root = self.add(&format!("sqrt %{shifted} : f32[2, 1]"));
        let normal = self.add(&format!("div %{x}, %{root} : f32[2, 20]"));
        let weight = self.add(&format!("constant f32[20, 20] file \"weights\" {at} 1600"));
        let up = self.add(&format!("matmul %{normal}, %{weight} : f32[2, 20]"));
        let bent = self.add(&format!("{function} %{up} : f32[2, 20]"));
        let weight = self.add(&format!("constant f32[20, 20] file \"weights\" {} 1600", at + 1600));
        let down = self.add(&format!("matmul %{bent}, %{weight} : f32[2, 20]"));
        let bias = self.add(&format!("constant f32[20] {}", bias.join(" ")));
        let biased = self.add(&format!("add %{down}, %{bias} : f32[2, 20]"));
        self.add(&format!("add %{x}, %{biased} : f32[2, 20]"))
    }

    fn layers(&mut self, x: usize, count: usize) -> usize {
        (0..count).fold(x, |x, number| self.layer(x, number, "0.01", "tanh"))
    }

    fn output(mut self, name: &str, value: usize) -> Chain {
        let _ = writeln!(self.lines, "output \"{name}\" = %{value}");
        self
    }
}

fn chain(count: usize) -> Graph {
    let mut chain = Chain::new();
    let last = chain.layers(0, count);
    graph(&chain.output("y", last).lines)
}

#[test]
fn layers_are_rewritten_once_and_keep_their_weights() {
    let chain = chain(6);
    assert_eq!(rewritten(&chain, &unchanged).1, [(11, 6)]);
    let replaced = |graph: &Graph| {
        let sigmoid = table::find("sigmoid").expect("an operator");
        let mut graph = graph.clone();
        for value in graph.order() {
            if let NodeKind::Apply { op, .. } = &mut graph.node_mut(value).kind
                && op.name == "tanh"
            {
                *op = sigmoid;
            }
        }
        graph
    };
    let (made, found) = rewritten(&chain, &replaced);
    assert_eq!(found, [(11, 6)]);
    assert_eq!((count(&made, "tanh"), count(&made, "sigmoid")), (0, 6));
}

fn count(graph: &Graph, name: &str) -> usize {
    let is = |value: &&ValueId| matches!(&graph.node(**value).kind, NodeKind::Apply { op, .. } if op.name == name);
    graph.order().iter().filter(is).count()
}

/// Rewrites each piece, given its number.
fn outlined(
    graph: &Graph,
    rewrite: &mut dyn FnMut(usize, &Graph) -> Result<Graph, Diagnostics>,
) -> Result<(Graph, Vec<Outlined>), Diagnostics> {
    let cut = Cut::of(graph);
    let made = cut.pieces().enumerate().map(|(number, piece)| rewrite(number, piece)).collect::<Result<_, _>>()?;
    Ok((cut.join(made)?, cut.blocks().collect()))
}

fn recognize(graph: &Graph) -> Result<Graph, Diagnostics> {
    saturated(graph, RuleNumerics::Reassociate)?.extract(&Smallest)
}

#[test]
fn rules_find_in_a_block_what_they_find_in_all() {
    let found = |graph: &Graph| recognize(graph).unwrap_or_else(|errors| panic!("{}", errors.to_text()));
    let (made, pieces) = rewritten(&chain(5), &found);
    assert_eq!(pieces, [(11, 5)]);
    assert_eq!(count(&made, "sqrt"), count(&recognize(&chain(5)).unwrap(), "sqrt"));
}

#[test]
fn pieces_are_equal_for_equal_graphs() {
    let pieces = || {
        let mut pieces = Vec::new();
        let mut note = |_: usize, piece: &Graph| {
            pieces.push(piece.to_string());
            Ok(piece.clone())
        };
        let (made, _) = outlined(&chain(4), &mut note).unwrap();
        (made.to_string(), pieces)
    };
    assert_eq!(pieces(), pieces());
}

#[test]
fn what_differs_is_not_unified() {
    let mut chain = Chain::new();
    let before = chain.layers(0, 3);
    let other = chain.layer(before, 3, "0.5", "tanh");
    let after = chain.layers(other, 2);
    let chain = chain.output("y", after);
    // The same block in two places.
    assert_eq!(rewritten(&graph(&chain.lines), &unchanged).1, [(11, 5)]);
    let mut chain = Chain::new();
    let last = (0..4).fold(0, |x, number| chain.layer(x, number, ["0.5", "0.1"][number % 2], "tanh"));
    let chain = chain.output("y", last);
    assert_eq!(rewritten(&graph(&chain.lines), &unchanged).1, [(22, 2)]);
    let mut chain = Chain::new();
    let last = ["tanh", "exp", "sin", "cos"].iter().fold(0, |x, function| chain.layer(x, 0, "0.5", function));
    let chain = chain.output("y", last);
    assert_eq!(rewritten(&graph(&chain.lines), &unchanged).1, []);
}

#[test]
fn a_weight_of_the_first_layer_that_others_use_too_stays_one() {
    // In the first layer of the first chain it is two weights at once.
    for (numbers, expected) in [(0..4, &[][..]), (1..5, &[(12, 3)])] {
        let (mut chain, mut last) = (Chain::new(), 0);
        for number in numbers {
            let weight = chain.add("constant f32[20, 20] file \"weights\" 0 1600");
            let mixed = chain.add(&format!("matmul %{last}, %{weight} : f32[2, 20]"));
            last = chain.layer(mixed, number, "0.5", "tanh");
        }
        assert_eq!(rewritten(&graph(&chain.output("y", last).lines), &unchanged).1, expected);
    }
}

#[test]
fn several_blocks_use_values_of_each_other() {
    let mut chain = Chain::new();
    let first = chain.layers(0, 3);
    let between = chain.add(&format!("exp %{first} : f32[2, 20]"));
    let mut last = between;
    for number in 0..3 {
        last = chain.layer(last, number, "0.5", "sigmoid");
        last = chain.add(&format!("mul %{last}, %{first} : f32[2, 20]"));
    }
    let end = chain.add(&format!("add %{last}, %{between} : f32[2, 20]"));
    let chain = chain.output("y", end).output("early", first).output("%1", between).output("x", 0);
    assert_eq!(rewritten(&graph(&chain.lines), &unchanged).1, [(11, 3), (12, 3)]);
}

#[test]
fn caches_of_layers_and_a_mask_of_all_come_from_outside() {
    let mut chain = Chain::new();
    let mask = chain.add("input \"%mask\" : bool[2, 20]");
    let hidden = chain.add("select %2, %0, %1 : f32[2, 20]");
    let (mut last, mut presents) = (hidden, Vec::new());
    for number in 0..4 {
        let past = chain.add(&format!("input \"past.{number}\" : f32[2, 20]"));
        let x = chain.layer(last, number, "0.5", "tanh");
        let present = chain.add(&format!("add %{x}, %{past} : f32[2, 20]"));
        let shown = chain.add(&format!("select %{mask}, %{present}, %{x} : f32[2, 20]"));
        last = chain.add(&format!("add %{last}, %{shown} : f32[2, 20]"));
        presents.push(present);
    }
    let chain = presents
        .iter()
        .enumerate()
        .fold(chain, |chain, (number, &present)| chain.output(&format!("present.{number}"), present));
    let before = graph(&chain.output("y", last).lines);
    let (made, found) = rewritten(&before, &unchanged);
    assert_eq!(found, [(14, 4)]);
    let names = |graph: &Graph| -> Vec<String> {
        let inputs = graph.inputs().iter().map(|&input| graph.input_name(input).to_owned());
        inputs.chain(graph.outputs().iter().map(|output| output.name.clone())).collect()
    };
    assert_eq!(names(&made), names(&before));
}

#[test]
fn origins_are_those_of_each_layer() {
    let mut before = chain(4);
    for value in before.order() {
        let (op_type, name, scope) = ("Op".into(), String::new(), String::new());
        if let NodeKind::Apply { .. } = before.node(value).kind {
            before.node_mut(value).origins.insert(Arc::new(Origin { index: value.0, op_type, name, scope }));
        }
    }
    let (made, found) = rewritten(&before, &unchanged);
    assert_eq!(found, [(11, 4)]);
    let origins = |graph: &Graph| -> Vec<String> {
        let nodes = graph.order().into_iter().map(|value| graph.node(value));
        let applied = nodes.filter(|node| matches!(node.kind, NodeKind::Apply { .. }));
        applied.map(|node| format!("{:?}", node.origins)).collect()
    };
    assert_eq!(origins(&made), origins(&before));
}

#[test]
fn long_chains_are_found() {
    let chain = chain(2000);
    let (made, found) = outlined(&chain, &mut |_, piece| Ok(piece.clone())).unwrap();
    assert_eq!(found, [Outlined { nodes: 11, occurrences: 2000 }]);
    assert_eq!(made.operator_count(), 22_000);
}

/// What is found in models of the repository: nodes and occurrences. Where a model has two layers, and what both share is
/// computed inside the first, there is nothing.
const MODELS: &[(&str, &[(usize, usize)])] = &[
    ("audi_enc/dyn-op20-matmul4.onnx", &[(31, 2)]),
    ("audi_enc/ts-op17.onnx", &[(34, 2)]),
    ("contrast/speech2text/ts-op17.onnx", &[(30, 2), (53, 2)]),
    ("contrast/x_mobilevit/ts-op17.onnx", &[(30, 3)]),
    ("img_enc/dyn-op20-f16.onnx", &[(44, 2)]),
    ("img_enc/ts-op17.onnx", &[(46, 2)]),
    ("llama_decode/dyn-op20.onnx", &[]),
    ("sd_text/dyn-op20.onnx", &[(32, 2)]),
    ("vit_base/dyn-op20.onnx", &[(30, 2)]),
];

#[test]
fn layers_of_models_are_found_and_mean_the_same() {
    let recognized = |graph: &Graph| recognize(graph).unwrap_or_else(|errors| panic!("{}", errors.to_text()));
    for &(name, expected) in MODELS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name);
        let model = ModelFile::open(&path).unwrap_or_else(|error| panic!("{error}"));
        let (imported, _) = import(&model, "main").unwrap_or_else(|errors| panic!("{}", errors.to_text()));
        let (graph, _) = facts(&imported.graph, &[]).unwrap_or_else(|errors| panic!("{}", errors.to_text()));
        assert_eq!(rewritten(&graph, &unchanged).1, expected, "{name}");
        assert_eq!(rewritten(&graph, &recognized).1, expected, "{name}");
    }
}
