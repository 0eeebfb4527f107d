//! Inputs and outputs of a program as its model has them: those that states replaced follow the others.

use m4c_runtime::{Port, Program};

/// What the model takes.
pub(crate) fn inputs<'a>(program: &Program<'a>) -> Vec<&'a Port> {
    program.inputs().iter().chain(program.states().iter().filter_map(|used| used.read.as_ref())).collect()
}

/// What the model gives.
pub(crate) fn outputs<'a>(program: &Program<'a>) -> Vec<&'a Port> {
    program.outputs().iter().chain(program.states().iter().filter_map(|used| used.write.as_ref())).collect()
}

/// The number of an input.
pub(crate) fn input(program: &Program<'_>, name: &str) -> Option<usize> {
    inputs(program).iter().position(|port| port.name == name)
}

/// The number of an output.
pub(crate) fn output(program: &Program<'_>, name: &str) -> Option<usize> {
    outputs(program).iter().position(|port| port.name == name)
}
