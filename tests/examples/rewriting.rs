//! Seconds that rewriting takes, with what repeats rewritten once or the graph as one piece, as a line of JSON:
//! `cargo run --release -p m4c-tests --example rewriting -- MODEL.onnx {pieces|whole} [RUNS]`. The first run is the one that a
//! compilation makes; the others are warm.

use m4c_compiler::compile::{Silent, graph_after};
use m4c_compiler::outline::Cut;
use m4c_compiler::phase::Phase;
use m4c_compiler::project::Project;
use m4c_compiler::rewrite::{Extraction, Rewriting, RuleNumerics, Targeted};
use m4c_ir::Graph;
use m4c_target_cpu::CpuTarget;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: rewriting MODEL.onnx {pieces|whole} [RUNS]";
    let model = PathBuf::from(arguments.next().expect(usage));
    let cut: fn(&Graph) -> Cut = match arguments.next().as_deref() {
        Some("pieces") => Cut::of,
        Some("whole") => Cut::whole,
        _ => panic!("{usage}"),
    };
    let runs: usize = arguments.next().map_or(1, |text| text.parse().expect(usage));
    let target = CpuTarget::new().expect("the target's tables");
    let project = Project::of_model(&model, "main", Vec::new());
    let graph = graph_after(&project, "main", &target, Phase::Facts, &mut Silent)
        .unwrap_or_else(|errors| panic!("{}", errors.to_text()));
    let (mut cutting, mut saturating, mut extracting) = (Vec::new(), Vec::new(), Vec::new());
    let mut done = None;
    for _ in 0..runs {
        drop(done.take());
        let start = Instant::now();
        let pieces = cut(&graph);
        cutting.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let rewriting = Rewriting::of_pieces(pieces, RuleNumerics::Reassociate).expect("rules are right");
        saturating.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let chosen = rewriting.extract(&Targeted(&target), Extraction::Greedy).expect("well formed").0;
        extracting.push(start.elapsed().as_secs_f64());
        done = Some((rewriting.report(), chosen.operator_count()));
    }
    let (report, nodes_after) = done.expect("at least one run");
    let seconds = json!({ "cut": cutting, "saturate": saturating, "extract": extracting });
    let nodes = json!({ "before": graph.operator_count(), "after": nodes_after });
    println!("{}", json!({ "seconds": seconds, "nodes": nodes, "rewriting": report }));
}
