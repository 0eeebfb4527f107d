//! Small graphs lowered, planned, written, run by the runtime with the kernels of a target, and compared with the
//! interpreter.

mod fusion;
mod lowering;
mod outputs;
mod plans;
mod sizes;
mod weights;

use m4c_compiler::emit::{Provenance, emit};
use m4c_compiler::lower::lower;
use m4c_compiler::plan::{Plan, plan};
use m4c_exec_cpu::CPU;
use m4c_ir::{DataFile, Graph, interpret, text, verify};
use m4c_ops::{Binding, Data, Difference, Fact, Tensor};
use m4c_runtime::{Arena, Artifact, Bounds, Executor, Program, RunOptions, Session, describe};
use m4c_target_cpu::CpuTarget;
use std::sync::Arc;

const EXECUTORS: &[&dyn Executor] = &[&CPU];

fn target() -> CpuTarget {
    CpuTarget::new().unwrap()
}

/// A file of numbers 0.0, 0.25, … that weights of test graphs lie in.
fn weights(floats: usize) -> Arc<DataFile> {
    let bytes: Vec<u8> = (0..floats).flat_map(|i| ((i % 23) as f32 * 0.25 - 2.0).to_le_bytes()).collect();
    Arc::new(DataFile::new("weights", bytes))
}

fn graph(text: &str) -> Graph {
    let file = weights(1 << 18);
    let graph = text::parse(text, &|_| Some(file.clone())).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let broken: Vec<String> = verify::verify(&graph).iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{graph}");
    graph
}

fn planned(graph: &Graph) -> Plan {
    let lowered = lower(graph, &target()).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    plan(&lowered, &target()).unwrap_or_else(|error| panic!("{error}\n{lowered}"))
}

/// The bytes of an artifact at an address that is good for every type.
struct Written {
    blocks: Vec<[u8; 64]>,
    start: usize,
    len: usize,
}

impl Written {
    fn new(bytes: &[u8]) -> Written {
        let mut blocks = vec![[0u8; 64]; bytes.len() / 64 + 2];
        let start = blocks.as_ptr().addr().wrapping_neg() % 64;
        blocks.as_flattened_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        Written { blocks, start, len: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &self.blocks.as_flattened()[self.start..self.start + self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.blocks.as_flattened_mut()[self.start..self.start + self.len]
    }
}

fn written(plans: &[Plan]) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.m4fw");
    let mut last = (0, 0);
    let length = emit(plans, &Provenance::default(), &target(), &path, &mut |done, total| last = (done, total));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(length.unwrap_or_else(|diagnostics| panic!("{diagnostics}")), bytes.len() as u64);
    assert_eq!(last.0, last.1, "all weights are reported");
    Written::new(&bytes)
}

/// A tensor of reproducible numbers, small so that integers of it can be indices.
fn tensor(fact: &Fact, binding: &Binding, seed: usize) -> Arc<Tensor> {
    let sizes = fact.bound(binding).unwrap();
    let count: usize = sizes.iter().product();
    let number = |i: usize| ((i + seed) * 7919 % 31) as f64;
    let data = match fact.dtype.is_float() {
        true => Data::from_f64(fact.dtype, (0..count).map(|i| number(i) / 8.0 - 2.0)),
        false => Data::from_i64(fact.dtype, (0..count).map(|i| number(i) as i64 % 3)),
    };
    Arc::new(Tensor::new(sizes, data).unwrap())
}

/// Runs one program of an artifact for these sizes, in a session for the largest of them.
fn run(file: &Written, graph: &Graph, sizes: &[&[(&str, i64)]]) {
    let artifact = Artifact::open(file.bytes()).unwrap_or_else(|error| panic!("{error:?}"));
    artifact.verify_segments().unwrap();
    let program = Program::find(&artifact, &graph.name).unwrap();
    let mut bounds = Bounds::of(&program);
    for symbol in program.tables().symbols() {
        let of = |sizes: &&[(&str, i64)]| sizes.iter().find(|(name, _)| *name == symbol.name).map(|(_, size)| *size);
        let largest = sizes.iter().filter_map(of).max().unwrap_or_else(|| panic!("no size for {}", symbol.name));
        bounds.at_most(&program, &symbol.name, largest).unwrap();
    }
    let fail = |error| panic!("{}", describe(&error, &program));
    let mut session = Session::new(program, &bounds, EXECUTORS, 1, Arena::Owned).unwrap_or_else(fail);
    for (round, sizes) in sizes.iter().enumerate() {
        let binding: Binding = sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
        let inputs: Vec<Arc<Tensor>> =
            graph.inputs().iter().enumerate().map(|(i, &v)| tensor(graph.fact(v), &binding, i + round)).collect();
        let expected = interpret(graph, &inputs).unwrap_or_else(|error| panic!("{error}"));
        let shapes: Vec<&[usize]> = inputs.iter().map(|tensor| tensor.shape()).collect();
        session.bind(&shapes).unwrap_or_else(|error| panic!("{}", describe(&error, &program)));
        let memory: Vec<Written> = inputs.iter().map(|tensor| Written::new(&tensor.to_bytes().unwrap())).collect();
        let mut results: Vec<Written> =
            (0..expected.len()).map(|index| Written::new(&vec![0xAA; session.output_bytes(index).unwrap()])).collect();
        let given: Vec<&[u8]> = memory.iter().map(Written::bytes).collect();
        let mut taken: Vec<&mut [u8]> = results.iter_mut().map(Written::bytes_mut).collect();
        let outcome = session.run(&given, &mut taken, &RunOptions::default());
        outcome.unwrap_or_else(|error| panic!("{}", describe(&error, &program)));
        for (index, (expected, result)) in expected.iter().zip(&results).enumerate() {
            let name = &graph.outputs()[index].name;
            assert_eq!(session.output_dims(index).unwrap(), expected.shape(), "sizes of `{name}`");
            let result = Tensor::from_bytes(expected.dtype(), expected.shape().to_vec(), result.bytes()).unwrap();
            let difference = Difference::between(&result.as_f64s().unwrap(), &expected.as_f64s().unwrap());
            let tolerance = f64::from(program.outputs()[index].tolerance);
            assert!(difference.within(tolerance), "`{name}` at {sizes:?}: {result}\nis not {expected}");
        }
    }
}

/// Compiles a graph and runs it for each of these sizes.
#[track_caller]
fn check(text: &str, sizes: &[&[(&str, i64)]]) -> Plan {
    let graph = graph(text);
    let plan = planned(&graph);
    let again = written(std::slice::from_ref(&plan));
    let file = written(std::slice::from_ref(&plan));
    assert!(file.bytes() == again.bytes(), "equal plans give equal bytes");
    run(&file, &graph, sizes);
    plan
}
