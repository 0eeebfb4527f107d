//! Artifacts on the CPU.

use crate::Named;
use m4c_compiler::compile::{Silent, compile};
use m4c_compiler::project::Project;
use m4c_ops::{DType, Tensor};
use m4c_runtime::{Arena, Artifact, Bounds, MappedFile, Program, RunOptions, Session, ThreadPool};
use std::path::Path;
use std::sync::Arc;

/// Compiles a project for the CPU.
///
/// # Panics
/// Where it does not compile.
pub fn compiled(project: &Project, output: &Path) {
    let target = m4c_target_cpu::CpuTarget::new().expect("the target's tables");
    if let Err(errors) = compile(project, &target, output, &mut Silent) {
        panic!("{}", errors.to_text());
    }
}

/// Runs a program once.
///
/// # Panics
/// Where it fails.
pub fn run(file: &Path, program: &str, inputs: &Named) -> Named {
    let mapped = MappedFile::open(file).expect("a file");
    let artifact = Artifact::open(mapped.bytes()).expect("an artifact");
    artifact.verify_segments().expect("whole segments");
    let program = Program::find(&artifact, program).expect("the program");
    let given: Vec<&Arc<Tensor>> = program.inputs().iter().map(|port| &inputs[&port.name]).collect();
    let bytes: Vec<Aligned> = given.iter().map(|tensor| Aligned::of(&tensor.to_bytes().expect("numbers"))).collect();
    let shapes: Vec<&[usize]> = given.iter().map(|tensor| tensor.shape()).collect();

    // Every symbol at most what this run needs: the smallest arena that must do.
    let mut bounds = Bounds::of(&program);
    for (port, shape) in program.inputs().iter().zip(&shapes) {
        for (&dim, &size) in port.dims.iter().zip(*shape) {
            let name = program.render(dim);
            if program.symbol(&name).is_ok() {
                bounds.exactly(&program, &name, size as i64).expect("a size in range");
            }
        }
    }
    let threads = ThreadPool::new(2).expect("threads");
    let mut session = Session::new(program, &bounds, &[&m4c_exec_cpu::CPU], 2, Arena::Owned).expect("a session");
    session.bind(&shapes).expect("sizes that fit");
    let mut outputs: Vec<Aligned> = (0..program.outputs().len())
        .map(|index| Aligned::of(&vec![0; session.output_bytes(index).expect("bound")]))
        .collect();
    let given: Vec<&[u8]> = bytes.iter().map(Aligned::bytes).collect();
    let mut wanted: Vec<&mut [u8]> = outputs.iter_mut().map(Aligned::bytes_mut).collect();
    let options = RunOptions { threads: &threads, cancel: None, observer: None };
    session.run(&given, &mut wanted, &options).expect("a run");
    let named = program.outputs().iter().enumerate().map(|(index, port)| {
        let dtype = DType::parse(port.dtype.name()).expect("a type");
        let shape = session.output_dims(index).expect("bound").to_vec();
        let tensor = Tensor::from_bytes(dtype, shape, outputs[index].bytes()).expect("as many bytes");
        (port.name.clone(), Arc::new(tensor))
    });
    named.collect()
}

/// Bytes aligned as kernels want them.
struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl Aligned {
    fn of(bytes: &[u8]) -> Aligned {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_ne_bytes(whole);
        }
        Aligned { words, len: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}
