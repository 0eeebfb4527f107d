//! Interpreter, artifact and onnxruntime agree on every model after every phase, at the exported sizes and at others.

use m4c_compiler::compile::{Silent, graph_after};
use m4c_compiler::onnx_out::write_onnx;
use m4c_compiler::phase::Phase;
use m4c_compiler::project::Project;
use m4c_ir::{DataFile, Graph, text};
use m4c_ops::{DType, Numerics};
use m4c_target_cpu::CpuTarget;
use m4c_tests::models::{MODELS, Model};
use m4c_tests::onnxruntime::{self, Job};
use m4c_tests::{Named, artifact, assert_close, interpreted};
use std::collections::BTreeMap;
use std::sync::Arc;

const GRAPH_PHASES: &[Phase] =
    &[Phase::Import, Phase::Facts, Phase::Adapt, Phase::Rewrite, Phase::Extract, Phase::Lower, Phase::Plan];

fn project(model: &Model) -> Project {
    Project::of_model(model.path(), "main", Vec::new())
}

fn after(model: &Model, phase: Phase) -> Graph {
    let target = CpuTarget::new().unwrap();
    graph_after(&project(model), "main", &target, phase, &mut Silent)
        .unwrap_or_else(|errors| panic!("{}: {}", model.name, errors.to_text()))
}

/// The exported sizes and three others.
fn all_inputs(model: &Model) -> Vec<Named> {
    [model.inputs()].into_iter().chain((0..3).map(model.other)).collect()
}

#[test]
fn artifacts_give_what_pytorch_gave() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.m4fw");
        artifact::compiled(&project(model), &file);
        let results = artifact::run(&file, "main", &model.inputs());
        assert_close(&results, &model.expected(), model.tolerance, model.name);
    }
}

#[test]
fn artifacts_agree_with_onnxruntime_at_other_sizes() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.m4fw");
        artifact::compiled(&project(model), &file);
        let inputs = all_inputs(model);
        let jobs: Vec<Job> = inputs.iter().map(|i| Job { model: model.path(), inputs: i.clone() }).collect();
        for (inputs, reference) in inputs.iter().zip(onnxruntime::run(&jobs)) {
            let results = artifact::run(&file, "main", inputs);
            assert_close(&results, &reference, model.tolerance, model.name);
        }
    }
}

#[test]
fn every_phase_agrees_with_the_meaning_and_with_onnxruntime() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let inputs = [model.inputs(), (model.other)(2)];
        let meaning: Vec<Named> = inputs.iter().map(|i| interpreted(&after(model, Phase::Import), i)).collect();
        let (mut jobs, mut wanted) = (Vec::new(), Vec::new());
        for &phase in GRAPH_PHASES {
            let graph = after(model, phase);
            let path = folder.path().join(format!("{phase}.onnx"));
            write_onnx(&graph, &path).unwrap_or_else(|errors| panic!("{}", errors.to_text()));
            for (inputs, meaning) in inputs.iter().zip(&meaning) {
                let what = format!("{} after {phase}", model.name);
                if phase != Phase::Import {
                    assert_close(
                        &interpreted(&graph, inputs),
                        meaning,
                        Numerics::Accumulated.tolerance(DType::F32),
                        &what,
                    );
                }
                jobs.push(Job { model: path.clone(), inputs: inputs.clone() });
                wanted.push((what, meaning.clone()));
            }
        }
        for (result, (what, meaning)) in onnxruntime::run(&jobs).iter().zip(wanted) {
            assert_close(result, &meaning, model.tolerance, &format!("{what}, in onnxruntime"));
        }
        let file = folder.path().join("model.m4fw");
        artifact::compiled(&project(model), &file);
        for (inputs, meaning) in inputs.iter().zip(&meaning) {
            assert_close(&artifact::run(&file, "main", inputs), meaning, model.tolerance, model.name);
        }
    }
}

#[test]
fn every_phase_prints_and_reads_back_to_itself() {
    for model in MODELS {
        for &phase in GRAPH_PHASES {
            let graph = after(model, phase);
            let mut files: BTreeMap<String, Arc<DataFile>> = BTreeMap::new();
            for value in graph.order() {
                if let m4c_ir::NodeKind::Constant(m4c_ir::Constant::Stored { file, .. }) = &graph.node(value).kind {
                    files.insert(file.name().to_string(), file.clone());
                }
            }
            let written = graph.to_string();
            let read = text::parse(&written, &|name| files.get(name).cloned())
                .unwrap_or_else(|error| panic!("{} after {phase}: {error}", model.name));
            assert_eq!(read.to_string(), written, "{} after {phase}", model.name);
            assert_eq!(m4c_ir::verify::verify(&read), [], "{} after {phase}", model.name);
        }
    }
}

#[test]
fn compiling_twice_gives_equal_bytes() {
    for model in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let bytes = ["one.m4fw", "two.m4fw"].map(|name| {
            let file = folder.path().join(name);
            artifact::compiled(&project(model), &file);
            std::fs::read(&file).unwrap()
        });
        assert!(bytes[0] == bytes[1], "{} compiles to different bytes", model.name);
    }
}
