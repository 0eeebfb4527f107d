//! Seconds that tract takes to load, declutter and optimize a model, and the nodes that it has then, as a line of JSON:
//! `cargo run --release -p m4c-tests --features tract --example tract_optimizing -- MODEL.onnx [INPUT=2x3x4]…`. Inputs that are
//! not named have the sizes that the file declares.

use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Instant;
use tract_onnx::prelude::{Framework, InferenceFact, InferenceModelExt, TractResult, TypedModel};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::infer::Factoid;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: tract_optimizing MODEL.onnx [INPUT=2x3x4]…");
    let sizes: Vec<String> = arguments.collect();
    match measured(&path, &sizes) {
        Ok(measured) => println!("{measured}"),
        Err(error) => {
            // All its causes, on one line.
            eprintln!("{}", format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measured(path: &str, sizes: &[String]) -> TractResult<Value> {
    let start = Instant::now();
    // Sizes that are given do not unify with the symbols that the file declares for what is computed of them.
    let onnx = tract_onnx::onnx().with_ignore_value_info(!sizes.is_empty());
    let mut model = onnx.with_ignore_output_shapes(!sizes.is_empty()).model_for_path(path)?;
    let inputs = model.input_outlets()?.to_vec();
    for (position, outlet) in inputs.iter().enumerate() {
        let name = model.node(outlet.node).name.clone();
        let given = sizes.iter().find_map(|size| size.strip_prefix(&name)?.strip_prefix('='));
        if let Some(sizes) = given {
            let sizes: Vec<usize> = sizes.split('x').map(|size| size.parse().expect("a size")).collect();
            let dtype = model.input_fact(position)?.datum_type.concretize().expect("inputs have a type");
            model.set_input_fact(position, InferenceFact::dt_shape(dtype, sizes))?;
        }
    }
    let load = start.elapsed();
    let start = Instant::now();
    let mut model = model.into_typed()?;
    let (typing, typed) = (start.elapsed(), computed(&model));
    let start = Instant::now();
    model.declutter()?;
    let (decluttering, decluttered) = (start.elapsed(), computed(&model));
    let start = Instant::now();
    model.optimize()?;
    let optimizing = start.elapsed();
    let seconds = json!({
        "load": load.as_secs_f64(),
        "type": typing.as_secs_f64(),
        "declutter": decluttering.as_secs_f64(),
        "optimize": optimizing.as_secs_f64(),
    });
    let nodes = json!({ "typed": typed, "decluttered": decluttered, "optimized": computed(&model) });
    Ok(json!({ "seconds": seconds, "nodes": nodes }))
}

/// Nodes that are neither inputs nor constants.
fn computed(model: &TypedModel) -> usize {
    model.nodes().iter().filter(|node| !node.op_is::<TypedSource>() && !node.op_is::<Const>()).count()
}
