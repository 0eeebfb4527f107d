//! Artifacts on the CPU.

use crate::Named;
use m4c_compiler::compile::{Observer, Silent, compile, graph_after};
use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::phase::Phase;
use m4c_compiler::plan::Plan;
use m4c_compiler::project::Project;
use m4c_ops::{DType, Tensor};
use m4c_runtime::executor::Threads;
use m4c_runtime::{Arena, Artifact, Bounds, MappedFile, Program, RunOptions, Session, ThreadPool};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Compiles a project for the CPU.
///
/// # Panics
/// Where it does not compile.
pub fn compiled(project: &Project, output: &Path) {
    if let Err(errors) = try_compile(project, output) {
        panic!("{}", errors.to_text());
    }
}

/// How far the outputs of a program may be from another engine's, by name.
///
/// # Panics
/// Where the artifact has no such program.
pub fn tolerances(file: &Path, program: &str) -> BTreeMap<String, f64> {
    let mapped = MappedFile::open(file).expect("a file");
    let artifact = Artifact::open(mapped.bytes()).expect("an artifact");
    let program = Program::find(&artifact, program).expect("the program");
    program.outputs().iter().map(|port| (port.name.clone(), f64::from(port.tolerance))).collect()
}

/// Compiles a project for the CPU, or says why not.
///
/// # Errors
/// Everything that is wrong with its models.
pub fn try_compile(project: &Project, output: &Path) -> Result<(), Diagnostics> {
    let target = m4c_target_cpu::CpuTarget::new().expect("the target's tables");
    compile(project, &target, output, &mut Silent).map(|_| ())
}

/// How many steps the plan of a project's only program has.
///
/// # Panics
/// Where it does not compile.
pub fn steps(project: &Project) -> usize {
    let target = m4c_target_cpu::CpuTarget::new().expect("the target's tables");
    let mut steps = Steps(0);
    match graph_after(project, &project.programs[0].name, &target, Phase::Plan, &mut steps) {
        Ok(_) => steps.0,
        Err(errors) => panic!("{}", errors.to_text()),
    }
}

struct Steps(usize);

impl Observer for Steps {
    fn planned(&mut self, plan: &Plan) {
        self.0 = plan.steps.len();
    }
}

/// Runs a program once.
///
/// # Panics
/// Where it fails.
pub fn run(file: &Path, program: &str, inputs: &Named) -> Named {
    try_run(file, program, inputs).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a program of an artifact's file once.
///
/// # Errors
/// What the runtime says, or what does not fit the inputs.
pub fn try_run(file: &Path, program: &str, inputs: &Named) -> Result<Named, String> {
    let mapped = MappedFile::open(file).map_err(|error| error.to_string())?;
    let threads = ThreadPool::new(2).map_err(|error| error.to_string())?;
    execute(mapped.bytes(), program, inputs, &threads)
}

/// Runs a program of an artifact once; its bytes are aligned to 64.
///
/// # Errors
/// What the runtime says, or what does not fit the inputs.
pub fn execute(bytes: &[u8], program: &str, inputs: &Named, threads: &dyn Threads) -> Result<Named, String> {
    let failed = |error: m4c_runtime::Error| format!("the runtime: {error}");
    let artifact = Artifact::open(bytes).map_err(failed)?;
    artifact.verify_segments().map_err(failed)?;
    let program = Program::find(&artifact, program).map_err(failed)?;
    let mut given: Vec<&Arc<Tensor>> = Vec::new();
    for port in program.inputs() {
        let tensor = inputs.get(&port.name).ok_or_else(|| format!("input `{}` is not given", port.name))?;
        if tensor.dtype().name() != port.dtype.name() {
            return Err(format!("input `{}` is {}, not {}", port.name, port.dtype.name(), tensor.dtype()));
        }
        given.push(tensor);
    }
    let bytes: Vec<Aligned> = given.iter().map(|tensor| Aligned::of(&tensor.to_bytes().expect("numbers"))).collect();
    let shapes: Vec<&[usize]> = given.iter().map(|tensor| tensor.shape()).collect();

    // Every symbol at most what this run needs: the smallest arena that must do.
    let mut bounds = Bounds::of(&program);
    for (port, shape) in program.inputs().iter().zip(&shapes) {
        for (&dim, &size) in port.dims.iter().zip(*shape) {
            let name = program.render(dim);
            if program.symbol(&name).is_ok() {
                bounds.exactly(&program, &name, size as i64).map_err(failed)?;
            }
        }
    }
    let mut session =
        Session::new(program, &bounds, &[&m4c_exec_cpu::CPU], threads.count(), Arena::Owned).map_err(failed)?;
    session.bind(&shapes).map_err(failed)?;
    let sizes = (0..program.outputs().len()).map(|index| session.output_bytes(index).map_err(failed));
    let mut outputs = sizes.map(|size| Ok(Aligned::of(&vec![0; size?]))).collect::<Result<Vec<_>, String>>()?;
    let given: Vec<&[u8]> = bytes.iter().map(Aligned::bytes).collect();
    let mut wanted: Vec<&mut [u8]> = outputs.iter_mut().map(Aligned::bytes_mut).collect();
    let options = RunOptions { threads, cancel: None, observer: None };
    session.run(&given, &mut wanted, &options).map_err(failed)?;
    let mut results = Named::new();
    for (index, port) in program.outputs().iter().enumerate() {
        let dtype = DType::parse(port.dtype.name()).expect("a type");
        let shape = session.output_dims(index).map_err(failed)?.to_vec();
        let bytes = dtype.bytes(shape.iter().product()).expect("as it was allocated");
        let tensor = Tensor::from_bytes(dtype, shape, &outputs[index].bytes()[..bytes]).expect("as many bytes");
        results.insert(port.name.clone(), Arc::new(tensor));
    }
    Ok(results)
}

/// Bytes aligned as kernels and artifacts want them.
pub struct Aligned {
    room: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// A copy of the bytes.
    pub fn of(bytes: &[u8]) -> Aligned {
        let mut room = vec![0; bytes.len() + 64];
        let start = room.as_ptr().align_offset(64);
        room[start..start + bytes.len()].copy_from_slice(bytes);
        Aligned { room, start, len: bytes.len() }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.start + self.len]
    }

    /// The bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..self.start + self.len]
    }
}
