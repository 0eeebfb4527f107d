//! The reference interpreter over a graph, with inputs and outputs in the order of a program.

use crate::array::Array;
use crate::ports;
use m4c_compiler::diagnostic::{Diagnostic, codes};
use m4c_ir::interpret::{InterpretError, interpret};
use m4c_ir::{Graph, ValueId};
use m4c_runtime::Program;

/// The outputs of a graph. `what` names the graph in messages.
pub(crate) fn run(
    what: &str,
    graph: &Graph,
    program: &Program<'_>,
    inputs: &[Array],
) -> Result<Vec<Array>, Diagnostic> {
    let lost = |kind: &str, name: &str| {
        Diagnostic::bug(codes::INTERNAL, format!("{kind} `{name}` of {what} is not in the artifact"))
    };
    let mut given = Vec::new();
    for &input in graph.inputs() {
        let name = graph.input_name(input);
        let array = ports::input(program, name).and_then(|index| inputs.get(index));
        given.push(array.and_then(Array::to_tensor).ok_or_else(|| lost("input", name))?);
    }
    let outputs = interpret(graph, &given).map_err(|error| failure(what, graph, &error))?;
    ports::outputs(program)
        .into_iter()
        .map(|port| {
            let position = graph.outputs().iter().position(|output| output.name == port.name);
            let tensor = position.and_then(|position| outputs.get(position));
            tensor.and_then(|tensor| Array::from_tensor(tensor)).ok_or_else(|| lost("output", &port.name))
        })
        .collect()
}

fn failure(what: &str, graph: &Graph, error: &InterpretError) -> Diagnostic {
    let diagnostic = |code| Diagnostic::error(code, format!("the interpreter cannot run {what}: {error}"));
    match error {
        InterpretError::InputCount { .. } => diagnostic(codes::RUN_INPUT_MISSING),
        InterpretError::InputType(_) => diagnostic(codes::RUN_INPUT_DTYPE),
        InterpretError::Bind(_) => diagnostic(codes::RUN_INPUT_SHAPE),
        InterpretError::Constant(value) => at(diagnostic(codes::INTERNAL), graph, *value),
        InterpretError::Memory { value, error } => at((*error).into(), graph, *value),
        InterpretError::Node { value, .. } => at(diagnostic(codes::RUN_FAILED), graph, *value),
    }
}

fn at(diagnostic: Diagnostic, graph: &Graph, value: ValueId) -> Diagnostic {
    let origins = graph.node(value).origins.iter();
    origins.fold(diagnostic, |diagnostic, origin| diagnostic.note(format!("it comes from {origin}")))
}
