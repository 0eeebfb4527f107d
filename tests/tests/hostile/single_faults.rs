//! Every model of the corpus with one thing changed, systematically: the rank or type of an input, an operand left out or taken
//! from another place, an attribute removed or set to a number at which arithmetic goes wrong.

use m4c_compiler::onnx::message::tensor_shape_proto::{Dimension, dimension::Value};
use m4c_compiler::onnx::message::type_proto::Value as Kind;
use m4c_compiler::onnx::message::{ModelProto, TensorShapeProto};
use m4c_tests::hostile::TARGETS;
use m4c_tests::root;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn every_single_fault_ends_in_a_plan_or_an_error() {
    let folder = root().join("fuzz/corpus/onnx");
    let entries = std::fs::read_dir(folder).expect("the corpus");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let read = TARGETS.iter().find(|target| target.name == "onnx").expect("the target").read;
    let (next, count, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Ok(model) = ModelProto::from_file_bytes(&std::fs::read(path).expect("a model")) else {
                        continue;
                    };
                    // Larger graphs repeat what the small ones have.
                    if model.graph.as_ref().is_none_or(|graph| graph.node.len() > 12) {
                        continue;
                    }
                    for (what, faulty) in faults(&model) {
                        count.fetch_add(1, Ordering::Relaxed);
                        let bytes = faulty.to_file_bytes();
                        if catch_unwind(|| read(&bytes)).is_err() {
                            failed.lock().expect("no panic").push(format!("{}: {what}", path.display()));
                        }
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().expect("no panic");
    failed.sort();
    let count = count.into_inner();
    println!("{count} faults");
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
    assert!(count > 5_000, "{count}");
}

const NUMBERS: &[i64] = &[0, 1, -1, 2, 7, 1 << 31, i64::MAX, i64::MIN];

fn faults(model: &ModelProto) -> Vec<(String, ModelProto)> {
    let mut all = Vec::new();
    let Some(graph) = &model.graph else { return all };
    let mut add = |what: String, change: &dyn Fn(&mut ModelProto)| {
        let mut faulty = model.clone();
        change(&mut faulty);
        all.push((what, faulty));
    };
    for index in 0..graph.input.len() {
        for rank in 0..6 {
            for size in ["2", "n", "9223372036854775807"] {
                add(format!("input {index} of rank {rank} of {size}"), &|model| {
                    set_shape(model, index, &vec![size; rank])
                });
            }
        }
        for ty in [1, 2, 3, 6, 7, 9, 10, 11, 16, 21, 8] {
            add(format!("input {index} of type {ty}"), &|model| set_type(model, index, ty));
        }
    }
    for (index, node) in graph.node.iter().enumerate() {
        for (slot, name) in node.input.iter().enumerate() {
            let others = node.input.iter().chain(graph.input.iter().filter_map(|info| info.name.as_ref()));
            for other in others.chain([&String::new()]).filter(|other| *other != name) {
                add(format!("operand {slot} of node {index} is `{other}`"), &|model| {
                    nodes(model)[index].input[slot].clone_from(other);
                });
            }
            add(format!("node {index} has {slot} operands"), &|model| nodes(model)[index].input.truncate(slot));
        }
        for attribute in 0..node.attribute.len() {
            let name = node.attribute[attribute].name().to_string();
            add(format!("no `{name}` at node {index}"), &|model| drop(nodes(model)[index].attribute.remove(attribute)));
            for &number in NUMBERS {
                add(format!("`{name}` = {number} at node {index}"), &|model| {
                    let attribute = &mut nodes(model)[index].attribute[attribute];
                    attribute.i = attribute.i.map(|_| number);
                    attribute.f = attribute.f.map(|_| number as f32);
                    attribute.ints.iter_mut().for_each(|value| *value = number);
                    attribute.floats.iter_mut().for_each(|value| *value = number as f32);
                });
                add(format!("`{name}` with {number} more at node {index}"), &|model| {
                    nodes(model)[index].attribute[attribute].ints.push(number);
                });
            }
        }
    }
    for index in 0..graph.initializer.len() {
        for dims in [vec![], vec![0], vec![1, 0], vec![i64::MAX, 0]] {
            add(format!("initializer {index} of {dims:?}"), &|model| {
                let tensor = &mut model.graph.as_mut().expect("a graph").initializer[index];
                tensor.dims.clone_from(&dims);
            });
        }
    }
    all
}

fn nodes(model: &mut ModelProto) -> &mut [m4c_compiler::onnx::message::NodeProto] {
    &mut model.graph.as_mut().expect("a graph").node
}

fn set_shape(model: &mut ModelProto, input: usize, sizes: &[&str]) {
    let info = &mut model.graph.as_mut().expect("a graph").input[input];
    if let Some(Kind::TensorType(tensor)) = info.r#type.as_mut().and_then(|ty| ty.value.as_mut()) {
        let dimension = |size: &&str| {
            let value = size.parse().map_or_else(|_| Value::DimParam(size.to_string()), Value::DimValue);
            Dimension { value: Some(value), denotation: None }
        };
        tensor.shape = Some(TensorShapeProto { dim: sizes.iter().map(dimension).collect() });
    }
}

fn set_type(model: &mut ModelProto, input: usize, ty: i32) {
    let info = &mut model.graph.as_mut().expect("a graph").input[input];
    if let Some(Kind::TensorType(tensor)) = info.r#type.as_mut().and_then(|ty| ty.value.as_mut()) {
        tensor.elem_type = Some(ty);
    }
}
