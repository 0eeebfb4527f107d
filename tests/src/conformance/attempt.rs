//! One test from its model to its outputs.

use super::compare::compare;
use super::primitives::primitives;
use super::suite::Case;
use crate::Named;
use crate::artifact::{Aligned, execute};
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, Severity, codes};
use m4c_compiler::emit::{Provenance, to_bytes};
use m4c_compiler::facts::facts;
use m4c_compiler::import::{import, tensor};
use m4c_compiler::lower::lower;
use m4c_compiler::onnx::ModelFile;
use m4c_compiler::onnx::message::{ModelProto, TensorProto};
use m4c_compiler::plan::plan;
use m4c_ir::{Graph, NodeKind};
use m4c_ops::{Tensor, structural};
use m4c_runtime::SingleThread;
use m4c_target::Target;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What came of compiling and running a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// Kernels gave the expected outputs.
    Passed,
    /// The outputs are as expected, but none depends on an input: the compiler computed them, no kernel did.
    Folded,
    /// Why not, in the compiler's own words.
    Missed(String),
}

impl Attempt {
    /// Higher is better.
    pub fn rank(&self) -> u8 {
        match self {
            Attempt::Missed(_) => 0,
            Attempt::Folded => 1,
            Attempt::Passed => 2,
        }
    }
}

/// Compiles the model of a test, perhaps changed, and runs it. Gives the primitives of its graph, too.
pub fn attempt(case: &Case, model: &ModelProto, target: &dyn Target) -> (Attempt, BTreeSet<&'static str>) {
    let mut needed = BTreeSet::new();
    let attempt = match outcome(case, model, target, &mut needed) {
        Ok(attempt) => attempt,
        Err(reason) => Attempt::Missed(reason),
    };
    (attempt, needed)
}

fn outcome(
    case: &Case,
    model: &ModelProto,
    target: &dyn Target,
    needed: &mut BTreeSet<&'static str>,
) -> Result<Attempt, String> {
    let said = |errors: Diagnostics| in_one_line(&errors);
    let file = ModelFile::from_bytes(format!("{}.onnx", case.name), model.to_file_bytes().into())
        .map_err(|error| said(error.into()))?;
    let (imported, _) = import(&file, "main").map_err(said)?;
    let (graph, _) = facts(&imported.graph, &[]).map_err(said)?;
    *needed = primitives(&graph, target.profile());
    let lowered = lower(&graph, target).map_err(said)?;
    let plan = plan(&lowered, target).map_err(said)?;
    let folded = !depends_on_inputs(&plan.graph);
    let bytes = to_bytes(&[plan], &Provenance::default(), target).map_err(said)?;
    let graph = model.graph.as_ref().ok_or("no graph")?;
    let names = graph.input.iter().map(|port| port.name());
    let inputs = named(&file, names.zip(&case.inputs))?;
    let outputs = execute(Aligned::of(&bytes).bytes(), "main", &inputs, &SingleThread)?;
    for (port, expected) in graph.output.iter().zip(&case.outputs) {
        let name = port.name();
        let output = outputs.get(name).ok_or_else(|| format!("there is no output `{name}`"))?;
        compare(&file, output, expected).map_err(|what| format!("wrong result: output `{name}` {what}"))?;
    }
    Ok(if folded { Attempt::Folded } else { Attempt::Passed })
}

fn named<'c>(file: &ModelFile, values: impl Iterator<Item = (&'c str, &'c TensorProto)>) -> Result<Named, String> {
    let read = |(name, value): (&str, &TensorProto)| Ok((name.to_string(), Arc::new(carried(file, value)?)));
    values.map(read).collect()
}

/// A tensor of the test data as the compiler would take it from a file.
pub fn carried(file: &ModelFile, value: &TensorProto) -> Result<Tensor, String> {
    let stored = file.tensor(value).map_err(|error| error.message)?;
    tensor(&stored).ok_or_else(|| format!("type {} has no storage type here", stored.dtype.name()))
}

/// Whether some output follows from what the caller passes: elements, or sizes.
fn depends_on_inputs(graph: &Graph) -> bool {
    let mut dependent = BTreeSet::new();
    for value in graph.order() {
        let kind = &graph.node(value).kind;
        let sizes = matches!(kind, NodeKind::Apply { op, .. } if op.name == structural::dim::OP.name)
            || graph.fact(value).sizes().is_none();
        if sizes
            || matches!(kind, NodeKind::Input(_))
            || graph.operands(value).into_iter().flatten().any(|operand| dependent.contains(&operand))
        {
            dependent.insert(value);
        }
    }
    graph.outputs().iter().any(|output| dependent.contains(&output.value))
}

/// The first error in one line, without what differs from test to test.
fn in_one_line(errors: &Diagnostics) -> String {
    let Some(error) = errors.iter().find(|error| error.severity >= Severity::Error) else {
        return "it failed without an error".into();
    };
    let detail = |error: &Diagnostic| {
        let lines = error.notes.iter().filter_map(|note| note.text.lines().next());
        lines.collect::<Vec<_>>().join("; ")
    };
    let told = match error.code {
        codes::UNSUPPORTED_OPERATORS | codes::TARGET_UNSUPPORTED => detail(error),
        _ => error.message.lines().collect::<Vec<_>>().join(" "),
    };
    match error.severity {
        Severity::Bug => format!("panic: {} {told}", error.code),
        _ => format!("{} {told}", error.code),
    }
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The last panic of this thread as an outcome.
pub fn panicked() -> Attempt {
    Attempt::Missed(format!("panic: {}", PANIC.with_borrow(Clone::clone)))
}

/// Runs `work`; panics in it, of any thread, are kept and not printed.
pub fn quietly(work: impl FnOnce()) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        let text = info.payload_as_str().unwrap_or_default().lines().next().unwrap_or_default();
        PANIC.set(format!("{text} at {}", place.unwrap_or_default()));
    }));
    work();
    std::panic::set_hook(usual);
}
