//! Puts the chosen steps in order and every value in its place.

use super::choose::{Choice, choose};
use super::{Buffer, Place, Plan, Port, Step, StoredConstant, Tensor, bytes, symbols, tolerance};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_ir::{Graph, ValueId};
use m4c_ops::{Guard, Op};
use m4c_target::{StepOperand, Target};
use std::collections::BTreeMap;

/// The plan of a graph whose nodes the target takes.
///
/// # Errors
/// Sizes that nothing determines, guards that no size meets, tensors of too many axes, and a target that contradicts
/// itself.
pub fn plan(graph: &Graph, target: &dyn Target) -> Result<Plan, Diagnostics> {
    let graph = graph.compacted();
    let choices = choose(&graph, target)?;
    let classes = tolerance::classes(&graph);
    let port = |name: &str, value: ValueId, tolerance: f64| Port {
        name: name.into(),
        fact: graph.fact(value).clone(),
        tolerance,
    };
    let inputs = graph.inputs().iter().map(|&value| port(graph.input_name(value), value, 0.0)).collect();
    let outputs = graph.outputs().iter().map(|output| {
        let tolerance = classes.get(&output.value).map_or(0.0, |(class, dtype)| class.model_tolerance(*dtype));
        port(&output.name, output.value, tolerance)
    });
    let mut plan = Plan {
        name: graph.name.clone(),
        executor: target.profile().id.clone(),
        symbols: Vec::new(),
        guards: graph.guards.iter().filter(|guard| guard.known() != Some(true)).cloned().collect(),
        inputs,
        outputs: outputs.collect(),
        constants: Vec::new(),
        buffers: Vec::new(),
        steps: Vec::new(),
        graph,
    };
    check_guards(&plan.guards)?;
    check_ranks(&plan)?;
    Builder::new(&mut plan, &choices).build(target)?;
    plan.symbols = symbols::symbols(&plan)?;
    Ok(plan)
}

struct Builder<'p> {
    plan: &'p mut Plan,
    choices: &'p BTreeMap<ValueId, Choice>,
    /// Where inputs lie, and the results of steps so far and those that outputs take.
    places: BTreeMap<ValueId, Place>,
    constant_of: BTreeMap<(ValueId, Option<&'static str>), usize>,
}

impl<'p> Builder<'p> {
    fn new(plan: &'p mut Plan, choices: &'p BTreeMap<ValueId, Choice>) -> Builder<'p> {
        let inputs = plan.graph.inputs().iter().enumerate();
        let places = inputs.map(|(index, &value)| (value, Place::Input(index))).collect();
        Builder { plan, choices, places, constant_of: BTreeMap::new() }
    }

    fn build(mut self, target: &dyn Target) -> Result<(), Diagnostics> {
        let copied = self.place_outputs();
        for value in self.plan.graph.order() {
            if let Some(Choice::Step(step)) = self.choices.get(&value) {
                self.push_step(value, step);
            }
        }
        let mut diagnostics = Diagnostics::new();
        for output in copied {
            diagnostics.take(self.push_copy(output, target));
        }
        if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
    }

    /// Lets steps write the outputs that they compute. Gives the others: inputs, constants and second names.
    fn place_outputs(&mut self) -> Vec<usize> {
        let mut copied = Vec::new();
        for (index, output) in self.plan.graph.outputs().iter().enumerate() {
            let root = self.root(output.value);
            let computed = matches!(self.choices.get(&root), Some(Choice::Step(_)));
            if computed && !self.places.contains_key(&root) {
                self.places.insert(root, Place::Output(index));
            } else {
                copied.push(index);
            }
        }
        copied
    }

    /// The value whose memory a value lies in.
    fn root(&self, mut value: ValueId) -> ValueId {
        while let Some(Choice::View(of)) = self.choices.get(&value) {
            value = *of;
        }
        value
    }

    fn push_step(&mut self, value: ValueId, step: &m4c_target::Step) {
        let operands = self.plan.graph.operands(value);
        let read = |builder: &mut Self, index: usize, layout| {
            let operand = operands.get(index).copied().flatten()?;
            Some(builder.read(operand, layout))
        };
        let reads: Vec<Option<Tensor>> = step
            .operands
            .iter()
            .map(|operand| match *operand {
                StepOperand::Absent => None,
                StepOperand::Plain(index) => read(self, index, None),
                StepOperand::Packed { operand, layout } => read(self, operand, Some(layout)),
            })
            .collect();
        let fact = self.plan.graph.fact(value).clone();
        let here = self.plan.steps.len();
        let buffers = &mut self.plan.buffers;
        let place = *self.places.entry(value).or_insert_with(|| {
            buffers.push(Buffer { bytes: bytes(&fact), first: here, last: here });
            Place::Buffer(buffers.len() - 1)
        });
        let op = op_name(&self.plan.graph, value);
        let scope = scope(&self.plan.graph, value);
        let result = Tensor { place, fact };
        let (kernel, params) = (step.kernel.clone(), step.params.clone());
        self.plan.steps.push(Step { kernel, operands: reads, result, params, op, scope });
    }

    /// A value as the next step's operand.
    fn read(&mut self, value: ValueId, layout: Option<&'static str>) -> Tensor {
        let root = self.root(value);
        let fact = self.plan.graph.fact(value).clone();
        let stored = matches!(self.choices.get(&root), Some(Choice::Stored));
        let place = match self.places.get(&root) {
            Some(place) if !stored => *place,
            _ => Place::Constant(self.constant(root, layout)),
        };
        if let Place::Buffer(index) = place
            && let Some(buffer) = self.plan.buffers.get_mut(index)
        {
            buffer.last = self.plan.steps.len();
        }
        Tensor { place, fact }
    }

    fn constant(&mut self, value: ValueId, layout: Option<&'static str>) -> usize {
        let constants = &mut self.plan.constants;
        *self.constant_of.entry((value, layout)).or_insert_with(|| {
            constants.push(StoredConstant { value, layout });
            constants.len() - 1
        })
    }

    fn push_copy(&mut self, index: usize, target: &dyn Target) -> Result<(), Diagnostic> {
        let output = self.plan.graph.outputs()[index].clone();
        let fact = self.plan.graph.fact(output.value).clone();
        let kernel = target.copy(fact.dtype).map_err(|reason| {
            let message = format!("output `{}` is {fact} and must be copied: {reason}", output.name);
            Diagnostic::error(codes::OUTPUT_NOT_COPIED, message).help("cast it in the model to a type of whole bytes")
        })?;
        let operands = vec![Some(self.read(output.value, None))];
        let result = Tensor { place: Place::Output(index), fact };
        let scope = format!("output {}", output.name);
        self.plan.steps.push(Step { kernel, operands, result, params: Vec::new(), op: "copy", scope });
        Ok(())
    }
}

fn op_name(graph: &Graph, value: ValueId) -> &'static str {
    match &graph.node(value).kind {
        m4c_ir::NodeKind::Apply { op, .. } => {
            let op: &'static Op = op;
            op.name
        }
        m4c_ir::NodeKind::Input(_) => "input",
        m4c_ir::NodeKind::Constant(_) => "constant",
    }
}

/// Where a node comes from, in few words: of several origins the first.
fn scope(graph: &Graph, value: ValueId) -> String {
    let Some(origin) = graph.node(value).origins.first() else { return String::new() };
    match [&origin.scope, &origin.name].into_iter().find(|name| !name.is_empty()) {
        Some(name) => name.clone(),
        None => origin.to_string(),
    }
}

fn check_guards(guards: &[Guard]) -> Result<(), Diagnostics> {
    let impossible = guards.iter().filter(|guard| guard.known() == Some(false));
    let mut diagnostics = Diagnostics::new();
    for guard in impossible {
        let message = format!("the model relies on {guard}, which cannot be");
        diagnostics.push(Diagnostic::error(codes::GUARD_IMPOSSIBLE, message));
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
}

/// Steps were checked by the target's verdict; inputs and outputs need not meet any step.
fn check_ranks(plan: &Plan) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    for (kind, ports) in [("input", &plan.inputs), ("output", &plan.outputs)] {
        for port in ports.iter().filter(|port| port.fact.rank() > m4c_format::MAX_RANK) {
            let (rank, most) = (port.fact.rank(), m4c_format::MAX_RANK);
            let message = format!("{kind} `{}` has {rank} axes, artifacts have at most {most}", port.name);
            diagnostics.push(Diagnostic::error(codes::TOO_MANY_AXES, message).help("reshape it in the model"));
        }
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
}
