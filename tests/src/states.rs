//! Programs of one artifact that share states.

use crate::Named;
use crate::artifact::Aligned;
use m4c_ops::{DType, Tensor};
use m4c_runtime::{
    Arena, Artifact, Bounds, Error, Program, RunOptions, Session, StateBounds, States, ThreadPool, describe,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// States with a session of every program that was run.
pub struct Stateful<'a> {
    /// What outlives runs.
    pub states: States<'a>,
    sessions: BTreeMap<String, Session<'a>>,
    threads: ThreadPool,
}

impl<'a> Stateful<'a> {
    /// Makes states for these bounds.
    ///
    /// # Panics
    /// Where that fails.
    pub fn new(artifact: &'a Artifact<'a>, bounds: &[(&str, i64)]) -> Stateful<'a> {
        let mut most = StateBounds::new();
        for (name, high) in bounds {
            most.at_most(artifact, name, *high).expect("a bound of the states");
        }
        Stateful::over(States::new(artifact, &most, Arena::Owned).expect("states"))
    }

    /// Runs programs on these states.
    ///
    /// # Panics
    /// Where no threads start.
    pub fn over(states: States<'a>) -> Stateful<'a> {
        Stateful { states, sessions: BTreeMap::new(), threads: ThreadPool::new(2).expect("threads") }
    }

    /// A program of the artifact.
    ///
    /// # Panics
    /// Where there is none of this name.
    pub fn program(&self, name: &str) -> Program<'a> {
        Program::find(self.states.artifact(), name).expect("the program")
    }

    /// Runs a program on the states and gives the outputs that no state replaced. Symbols that the states do not bound
    /// are at most 4096.
    ///
    /// # Errors
    /// What the runtime says, in words.
    pub fn run(&mut self, name: &str, inputs: &Named) -> Result<Named, String> {
        let program = self.program(name);
        let fail = |error: Error| describe(&error, &program);
        if !self.sessions.contains_key(name) {
            let mut bounds = Bounds::of(&program);
            for symbol in program.tables().symbols().iter().filter(|symbol| symbol.high > 4096) {
                bounds.at_most(&program, &symbol.name, 4096).map_err(fail)?;
            }
            bounds.within(&program, &self.states).map_err(fail)?;
            let session = Session::new(program, &bounds, &[&m4c_exec_cpu::CPU], 2, Arena::Owned).map_err(fail)?;
            self.sessions.insert(name.into(), session);
        }
        let session = self.sessions.get_mut(name).expect("made above");
        let given: Vec<&Arc<Tensor>> = program.inputs().iter().map(|port| &inputs[&port.name]).collect();
        let shapes: Vec<&[usize]> = given.iter().map(|tensor| tensor.shape()).collect();
        session.bind_with(&shapes, &self.states).map_err(fail)?;
        let bytes: Vec<Aligned> =
            given.iter().map(|tensor| Aligned::of(&tensor.to_bytes().expect("numbers"))).collect();
        let mut outputs: Vec<Aligned> = (0..program.outputs().len())
            .map(|index| Aligned::of(&vec![0; session.output_bytes(index).expect("bound")]))
            .collect();
        let given: Vec<&[u8]> = bytes.iter().map(Aligned::bytes).collect();
        let mut wanted: Vec<&mut [u8]> = outputs.iter_mut().map(Aligned::bytes_mut).collect();
        let options = RunOptions { threads: &self.threads, cancel: None, observer: None };
        session.run_with(&given, &mut wanted, &mut self.states, &options).map_err(fail)?;
        let named = program.outputs().iter().enumerate().map(|(index, port)| {
            let shape = session.output_dims(index).expect("bound").to_vec();
            (port.name.clone(), tensor(port.dtype, shape, outputs[index].bytes()))
        });
        Ok(named.collect())
    }

    /// What states hold, under the names of the outputs of a program that they replaced.
    ///
    /// # Panics
    /// Where one is empty.
    pub fn written(&self, name: &str) -> Named {
        let ports = self.program(name).states().iter().filter_map(|used| Some((used.state, used.write.as_ref()?)));
        let read = |(state, port): (u32, &m4c_runtime::Port)| {
            let state = state as usize;
            let mut bytes = vec![0; self.states.bytes(state)];
            self.states.get(state, &mut bytes).expect("content");
            let shape = self.states.dims(state).expect("content").to_vec();
            (port.name.clone(), tensor(port.dtype, shape, &bytes))
        };
        ports.map(read).collect()
    }

    /// Fills the states that replaced inputs of a program.
    ///
    /// # Panics
    /// Where one does not fit or is not given.
    pub fn set(&mut self, name: &str, inputs: &Named) {
        for used in self.program(name).states() {
            if let Some(port) = &used.read {
                let tensor = &inputs[&port.name];
                let bytes = tensor.to_bytes().expect("numbers");
                self.states.set(used.state as usize, tensor.shape(), &bytes).expect("it fits");
            }
        }
    }
}

fn tensor(dtype: m4c_runtime::DType, shape: Vec<usize>, bytes: &[u8]) -> Arc<Tensor> {
    let dtype = DType::parse(dtype.name()).expect("a type");
    Arc::new(Tensor::from_bytes(dtype, shape, bytes).expect("as many bytes"))
}
