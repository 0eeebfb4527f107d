//! Decides what becomes of each node: a step, a view, a stored constant, or nothing because nobody needs it.

use super::{constants, lies};
use crate::diagnostic::{Diagnostic, Diagnostics, Location, codes};
use m4c_ir::{Graph, NodeKind, ValueId};
use m4c_ops::Fact;
use m4c_target::{Lie, Lowered, NodeView, Step, StepOperand, Target};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a value that is needed.
#[derive(Clone, Debug)]
pub(super) enum Choice {
    /// The caller passes it.
    Input,
    /// It is known when compiling, and stored.
    Stored,
    /// A loop provides it: what it carries, a row, or a result.
    Loop,
    /// The memory of another value under other sizes.
    View(ValueId),
    /// A kernel computes it, of these values.
    Step(Step, Vec<Option<ValueId>>, Sizes),
    /// A state and these rows behind it, which alone are written.
    Grown(ValueId),
}

/// The fact that the result, and operands of a step in these places, have for the kernel, where it is not their own.
pub(super) type Sizes = Option<(Fact, Vec<usize>)>;

/// The choice for every value that outputs need. `grown` gives the new rows of states that rows are added to.
pub(super) fn choose(
    graph: &Graph,
    grown: &BTreeMap<ValueId, ValueId>,
    carried: &BTreeSet<ValueId>,
    target: &dyn Target,
) -> Result<BTreeMap<ValueId, Choice>, Diagnostics> {
    let known = constants::known(graph);
    let computed = computed(graph, target, &known);
    // What a kernel may ask for in a layout of its own.
    let stored = |value: ValueId| known.contains(&value) && !computed.contains(&value);
    let mut needed: BTreeSet<ValueId> = graph.outputs().iter().map(|output| output.value).collect();
    // An iteration needs what the one before carries on, whoever else does.
    needed.extend(carried);
    let (mut choices, mut diagnostics) = (BTreeMap::new(), Diagnostics::new());
    // Backward, because whether a known value is stored depends on how it is used.
    for value in graph.order().into_iter().rev() {
        if !needed.contains(&value) {
            continue;
        }
        needed.extend(graph.size_sources(value));
        if let (Some(_), Some(&Some(of))) = (graph.node(value).kind.bound_symbol(), graph.operands(value).first()) {
            needed.insert(of);
            choices.insert(value, Choice::View(of));
            continue;
        }
        if let NodeKind::Result(_) = graph.node(value).kind {
            needed.extend(graph.operands(value).into_iter().flatten());
            choices.insert(value, Choice::Loop);
            continue;
        }
        let Some(node) = NodeView::of(graph, value, &stored) else {
            let input = matches!(graph.node(value).kind, NodeKind::Input(_));
            choices.insert(value, if input { Choice::Input } else { Choice::Stored });
            continue;
        };
        if let Some(&rows) = grown.get(&value) {
            needed.insert(rows);
            choices.insert(value, Choice::Grown(rows));
            continue;
        }
        if stored(value) {
            choices.insert(value, Choice::Stored);
            continue;
        }
        let choice = match choice(graph, value, &node, target, &known) {
            Ok(choice) => choice,
            Err(reason) => {
                diagnostics.push(no_kernel(value, &node, &reason));
                continue;
            }
        };
        match &choice {
            Choice::Input | Choice::Stored | Choice::Loop | Choice::Grown(_) => {}
            Choice::View(operand) => {
                needed.insert(*operand);
            }
            Choice::Step(step, operands, _) => {
                for operand in &step.operands {
                    let (StepOperand::Plain(index) | StepOperand::Packed { operand: index, .. }) = *operand else {
                        continue;
                    };
                    needed.extend(operands.get(index).copied().flatten());
                }
            }
        }
        choices.insert(value, choice);
    }
    if diagnostics.is_empty() { Ok(choices) } else { Err(diagnostics) }
}

/// The known values that the program computes from fewer bytes, where the target can.
fn computed(graph: &Graph, target: &dyn Target, known: &BTreeSet<ValueId>) -> BTreeSet<ValueId> {
    let computes = |&value: &ValueId| {
        let node = NodeView::of(graph, value, &|operand| known.contains(&operand));
        node.is_some_and(|node| constants::expands(graph, value) && target.supports(&node).is_yes())
    };
    known.iter().copied().filter(computes).collect()
}

fn choice(
    graph: &Graph,
    value: ValueId,
    node: &NodeView<'_>,
    target: &dyn Target,
    known: &BTreeSet<ValueId>,
) -> Result<Choice, String> {
    let elsewhere = ordered(graph, value, node, target, known).or_else(|| strided(graph, value, node, target, known));
    if let Some(choice) = elsewhere {
        return Ok(choice);
    }
    let operand = |index: usize| graph.operands(value).get(index).copied().flatten();
    match target.lower(node)? {
        Lowered::View { operand: index } => {
            let of = operand(index).ok_or("it views an operand that is absent")?;
            if graph.fact(of).dtype != node.result.dtype {
                return Err("a view has another type than what it views".into());
            }
            if !known.contains(&of) {
                return Ok(Choice::View(of));
            }
            // A stored constant has its own sizes, and these depend on the inputs.
            let kernel = target.copy(node.result.dtype)?;
            let operands = vec![StepOperand::Plain(index)];
            Ok(Choice::Step(Step { kernel, operands, params: Vec::new() }, graph.operands(value), None))
        }
        Lowered::Step(step) => {
            for needs in &step.operands {
                if let StepOperand::Packed { operand: index, layout } = *needs
                    && !operand(index).is_some_and(|operand| known.contains(&operand))
                {
                    return Err(format!("it packs operand {index} as `{layout}`, which is not known when compiling"));
                }
            }
            Ok(Choice::Step(step, graph.operands(value), None))
        }
    }
}

/// A step that reads an operand as it lies, instead of a transposition of it.
fn ordered(
    graph: &Graph,
    value: ValueId,
    node: &NodeView<'_>,
    target: &dyn Target,
    known: &BTreeSet<ValueId>,
) -> Option<Choice> {
    let mut operands = graph.operands(value);
    for index in 0..operands.len() {
        let Some(operand) = operands[index].filter(|operand| !known.contains(operand)) else { continue };
        let NodeKind::Apply { op, attrs } = &graph.node(operand).kind else { continue };
        if op.name != m4c_ops::primitive::transpose::OP.name {
            continue;
        }
        if let Some(step) = target.lower_ordered(node, index, attrs.get_ints("perm")) {
            operands[index] = graph.operands(operand).first().copied().flatten();
            return Some(Choice::Step(step, operands, None));
        }
    }
    None
}

/// A step that reads its operands where they lie in values that they are slices, transpositions and reshapes of.
fn strided(
    graph: &Graph,
    value: ValueId,
    node: &NodeView<'_>,
    target: &dyn Target,
    known: &BTreeSet<ValueId>,
) -> Option<Choice> {
    let find = |operand: ValueId| {
        let (whole, lie) = lies::find(graph, operand, known);
        // What lies there row by row and whole is a view, which keeps its own sizes.
        let fact = graph.fact(operand);
        let view = graph.fact(whole).elements() == fact.elements() && lie == Lie::row_major(&fact.shape);
        (if view { operand } else { whole }, lie)
    };
    let found = graph.operands(value).into_iter().map(|operand| operand.map(find));
    let (operands, lies): (Vec<Option<ValueId>>, Vec<Option<Lie>>) = found.map(Option::unzip).unzip();
    let step = target.lower_strided(node, &lies)?;
    Some(Choice::Step(step, operands, None))
}

fn no_kernel(value: ValueId, node: &NodeView<'_>, reason: &str) -> Diagnostic {
    let start = Diagnostic::bug(codes::KERNEL_MISSING, format!("no kernel for {node}: {reason}"));
    start.at(Location::value(value.0, node.op.name))
}
