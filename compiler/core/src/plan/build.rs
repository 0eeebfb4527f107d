//! Puts the chosen steps in order and every value in its place.

use super::choose::{Choice, Sizes, choose};
use super::flatten::{Flat, Loop, flatten};
use super::fuse::fuse;
use super::states::{self, Ports, Stored};
use super::{
    Bind, Buffer, Place, Plan, PlannedState, Port, Row, Step, StoredConstant, Tensor, bytes, symbols, tolerance,
};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::states::StateUse;
use m4c_ir::{Graph, ValueId};
use m4c_ops::{Guard, Op};
use m4c_target::{StepOperand, Target};
use std::collections::BTreeMap;
use std::ops::Range;

/// The plan of a graph whose nodes the target takes.
///
/// # Errors
/// Sizes that nothing determines, guards that no size meets, tensors of too many axes, and a target that contradicts
/// itself.
pub fn plan(graph: &Graph, target: &dyn Target) -> Result<Plan, Diagnostics> {
    plan_with(graph, &[], target)
}

/// The plan of a graph of which some inputs and outputs are states.
///
/// # Errors
/// Those of [`plan`].
pub fn plan_with(graph: &Graph, uses: &[StateUse], target: &dyn Target) -> Result<Plan, Diagnostics> {
    let graph = graph.compacted();
    let classes = tolerance::classes(&graph);
    let input =
        |value: ValueId| Port { name: graph.input_name(value).into(), fact: graph.fact(value).clone(), tolerance: 0.0 };
    let output = |output: &m4c_ir::graph::Output| Port {
        name: output.name.clone(),
        fact: graph.fact(output.value).clone(),
        tolerance: classes.get(&output.value).map_or(0.0, |(class, dtype)| class.model_tolerance(*dtype)),
    };
    let (mut inputs, mut outputs): (Vec<Port>, Vec<Port>) =
        (graph.inputs().iter().map(|&value| input(value)).collect(), graph.outputs().iter().map(output).collect());
    let take = |ports: &mut Vec<Port>, name: &Option<String>| {
        let found = ports.iter().position(|port| Some(&port.name) == name.as_ref());
        found.map(|index| ports.remove(index))
    };
    let states = uses.iter().map(|used| PlannedState {
        state: used.state.clone(),
        read: take(&mut inputs, &used.read),
        write: take(&mut outputs, &used.write),
    });
    let states = states.collect();
    let Stored { graph: stored, uses } = states::stored(&graph, uses)?;
    let whole = stored.clone();
    let Flat { graph: stored, mut loops, values } = flatten(&stored);
    let uses: Vec<Ports> = uses
        .into_iter()
        .map(|ports| Ports {
            read: ports.read.and_then(|value| values.get(&value).copied()),
            grown: ports.grown.and_then(|(all, rows)| Some((*values.get(&all)?, *values.get(&rows)?))),
            write: ports.write,
        })
        .collect();
    let grown = uses.iter().filter_map(|ports| ports.grown).collect();
    let carried = loops.iter().flat_map(|span| span.carries.iter().map(|carry| carry.result)).collect();
    let mut choices = choose(&stored, &grown, &carried, target)?;
    fuse(&stored, &mut choices, &loops, target);
    // Rows that nobody needs are not computed, so that there is nothing to write.
    for span in &mut loops {
        span.stacks.retain(|stack| choices.contains_key(&stack.result));
    }
    let mut plan = Plan {
        name: graph.name.clone(),
        executor: target.profile().id.clone(),
        symbols: Vec::new(),
        guards: graph.guards.iter().filter(|guard| guard.known() != Some(true)).cloned().collect(),
        inputs,
        outputs,
        states,
        constants: Vec::new(),
        buffers: Vec::new(),
        steps: Vec::new(),
        binds: Vec::new(),
        loops: Vec::new(),
        graph: stored,
        whole,
    };
    check_guards(&plan.guards)?;
    check_ranks(&plan)?;
    Builder::new(&mut plan, &choices, &uses, &loops).build(target)?;
    plan.symbols = symbols::symbols(&plan)?;
    Ok(plan)
}

pub(super) struct Builder<'p> {
    pub(super) plan: &'p mut Plan,
    pub(super) choices: &'p BTreeMap<ValueId, Choice>,
    pub(super) loops: &'p [Loop],
    /// Copies of rows whose own rows are read.
    pub(super) row_sources: BTreeMap<ValueId, Place>,
    /// What of the graph the states stand for.
    uses: &'p [Ports],
    /// Where inputs lie, and the results of steps so far and those that outputs and states take.
    pub(super) places: BTreeMap<ValueId, (Place, Option<Row>)>,
    constant_of: BTreeMap<(ValueId, Option<&'static str>), usize>,
}

impl<'p> Builder<'p> {
    fn new(
        plan: &'p mut Plan,
        choices: &'p BTreeMap<ValueId, Choice>,
        uses: &'p [Ports],
        loops: &'p [Loop],
    ) -> Builder<'p> {
        let mut places = BTreeMap::new();
        let mut inputs = 0..;
        for &value in plan.graph.inputs() {
            let state = uses.iter().position(|ports| ports.read == Some(value));
            let place = state.map_or_else(|| Place::Input(inputs.next().unwrap_or(0)), Place::State);
            places.insert(value, (place, None));
        }
        Builder { plan, choices, loops, row_sources: BTreeMap::new(), uses, places, constant_of: BTreeMap::new() }
    }

    fn build(mut self, target: &dyn Target) -> Result<(), Diagnostics> {
        let copied = self.place_outputs();
        self.place_rows();
        let mut diagnostics = Diagnostics::new();
        let all = 0..u32::try_from(self.plan.graph.len()).unwrap_or(u32::MAX);
        diagnostics.take(self.push_values(all, 0, target));
        for (value, place) in copied {
            diagnostics.take(self.push_copy(value, place, target));
        }
        if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
    }

    /// The steps of values in a stretch of the graph, and of the loops in it, of which the first is number `next`.
    pub(super) fn push_values(
        &mut self,
        values: Range<u32>,
        mut next: usize,
        target: &dyn Target,
    ) -> Result<(), Diagnostic> {
        let mut number = values.start;
        while number < values.end {
            if let Some(inner) = self.loops.get(next).filter(|inner| inner.body.start == number) {
                let end = inner.body.end;
                let live =
                    inner.carries.iter().map(|carry| carry.result).chain(inner.stacks.iter().map(|stack| stack.result));
                if live.into_iter().any(|result| self.choices.contains_key(&result)) {
                    self.push_loop(next, target)?;
                }
                next += 1;
                while self.loops.get(next).is_some_and(|nested| nested.body.start < end) {
                    next += 1;
                }
                number = end;
                continue;
            }
            self.push_value(ValueId(number), target)?;
            number += 1;
        }
        Ok(())
    }

    fn push_value(&mut self, value: ValueId, target: &dyn Target) -> Result<(), Diagnostic> {
        if let Some(symbol) = self.plan.graph.node(value).kind.bound_symbol() {
            if self.choices.contains_key(&value) {
                self.push_bind(value, symbol);
            }
            return Ok(());
        }
        match self.choices.get(&value) {
            Some(Choice::Step(step, operands, sizes)) => self.push_step(value, step, operands, sizes),
            Some(Choice::Grown(rows)) => {
                let (place, _) = self.places[&value];
                if self.places.get(&self.root(*rows)) != Some(&(place, None)) {
                    self.push_copy(*rows, place, target)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets steps write the outputs and states that they compute. Gives the others: inputs, constants and second names.
    fn place_outputs(&mut self) -> Vec<(ValueId, Place)> {
        let mut copied = Vec::new();
        let mut outputs = 0..;
        for (index, output) in self.plan.graph.outputs().iter().enumerate() {
            let state = self.uses.iter().position(|ports| ports.write == Some(index));
            let place = state.map_or_else(|| Place::Output(outputs.next().unwrap_or(0)), Place::NextState);
            let root = self.root(output.value);
            let computed =
                matches!(self.choices.get(&root), Some(Choice::Step(..) | Choice::Grown(_))) || self.is_result(root);
            let grown = self.uses.iter().position(|ports| ports.grown.is_some_and(|(whole, _)| whole == root));
            // A state that rows are added to has its place, whatever else bears its name.
            if computed && !self.places.contains_key(&root) && (grown.is_none() || grown == state) {
                self.places.insert(root, (place, None));
            } else {
                copied.push((output.value, place));
            }
        }
        copied
    }

    /// Whether a value is what a loop leaves.
    fn is_result(&self, value: ValueId) -> bool {
        self.loops.iter().any(|span| {
            let results = span.carries.iter().map(|carry| carry.result);
            results.chain(span.stacks.iter().map(|stack| stack.result)).any(|result| result == value)
        })
    }

    /// Whether a value is computed once, outside of loops.
    fn is_outside(&self, value: ValueId) -> bool {
        !self.loops.iter().any(|span| span.body.contains(&value.0))
    }

    /// Lets steps write new rows of a state where they belong, unless something else reads them.
    fn place_rows(&mut self) {
        let mut readers: BTreeMap<ValueId, usize> = BTreeMap::new();
        for (&value, choice) in self.choices {
            let read = match choice {
                Choice::Step(_, operands, _) => operands.iter().copied().flatten().collect(),
                Choice::Grown(rows) => vec![*rows],
                Choice::Loop => self.plan.graph.operands(value).into_iter().flatten().collect(),
                Choice::Input | Choice::Stored | Choice::View(_) => Vec::new(),
            };
            for value in read {
                *readers.entry(self.root(value)).or_default() += 1;
            }
        }
        for (index, ports) in self.uses.iter().enumerate() {
            let Some((_, rows)) = ports.grown else { continue };
            let root = self.root(rows);
            let computed = matches!(self.choices.get(&root), Some(Choice::Step(..))) && self.is_outside(root);
            if computed && readers.get(&root) == Some(&1) && !self.places.contains_key(&root) {
                self.places.insert(root, (Place::NextState(index), None));
            }
        }
    }

    /// The value whose memory a value lies in.
    pub(super) fn root(&self, mut value: ValueId) -> ValueId {
        while let Some(Choice::View(of)) = self.choices.get(&value) {
            value = *of;
        }
        value
    }

    fn push_step(&mut self, value: ValueId, step: &m4c_target::Step, operands: &[Option<ValueId>], sizes: &Sizes) {
        let read = |builder: &mut Self, index: usize, layout| {
            let operand = operands.get(index).copied().flatten()?;
            Some(builder.read(operand, layout))
        };
        let mut reads: Vec<Option<Tensor>> = step
            .operands
            .iter()
            .map(|operand| match *operand {
                StepOperand::Absent => None,
                StepOperand::Plain(index) => read(self, index, None),
                StepOperand::Packed { operand, layout } => read(self, operand, Some(layout)),
            })
            .collect();
        let mut fact = self.plan.graph.fact(value).clone();
        if let Some((own, places)) = sizes {
            fact = own.clone();
            let resized = reads.iter_mut().enumerate().filter(|(place, _)| places.contains(place));
            resized.filter_map(|(_, read)| read.as_mut()).for_each(|read| read.fact = own.clone());
        }
        let here = self.plan.steps.len();
        let buffers = &mut self.plan.buffers;
        let (place, row) = *self.places.entry(value).or_insert_with(|| {
            buffers.push(Buffer { bytes: bytes(&fact), first: here, last: here });
            (Place::Buffer(buffers.len() - 1), None)
        });
        let op = op_name(&self.plan.graph, value);
        let scope = scope(&self.plan.graph, value);
        let result = Tensor { place, fact, row };
        let (kernel, params) = (step.kernel.clone(), step.params.clone());
        self.plan.steps.push(Step { kernel, operands: reads, result, params, op, scope });
    }

    fn push_bind(&mut self, value: ValueId, symbol: String) {
        let before = self.plan.steps.len();
        let from = self.place(value, None);
        if let Place::Buffer(index) = from.place
            && let Some(buffer) = self.plan.buffers.get_mut(index)
        {
            // It is read once the step before is done.
            buffer.last = buffer.last.max(before.saturating_sub(1));
        }
        let scope = scope(&self.plan.graph, value);
        self.plan.binds.push(Bind { symbol, from, before, scope });
    }

    /// A value as the next step's operand.
    pub(super) fn read(&mut self, value: ValueId, layout: Option<&'static str>) -> Tensor {
        let tensor = self.place(value, layout);
        if let Place::Buffer(index) = tensor.place
            && let Some(buffer) = self.plan.buffers.get_mut(index)
        {
            buffer.last = buffer.last.max(self.plan.steps.len());
        }
        tensor
    }

    /// A value in its place.
    pub(super) fn place(&mut self, value: ValueId, layout: Option<&'static str>) -> Tensor {
        let root = self.root(value);
        let fact = self.plan.graph.fact(value).clone();
        let stored = matches!(self.choices.get(&root), Some(Choice::Stored));
        let place = match self.places.get(&root) {
            Some(place) if !stored => *place,
            _ => (Place::Constant(self.constant(root, layout)), None),
        };
        let (place, row) = place;
        Tensor { place, fact, row }
    }

    fn constant(&mut self, value: ValueId, layout: Option<&'static str>) -> usize {
        let constants = &mut self.plan.constants;
        *self.constant_of.entry((value, layout)).or_insert_with(|| {
            constants.push(StoredConstant { value, layout });
            constants.len() - 1
        })
    }

    fn push_copy(&mut self, value: ValueId, place: Place, target: &dyn Target) -> Result<(), Diagnostic> {
        let fact = self.plan.graph.fact(value).clone();
        let name = match place {
            Place::Output(index) => format!("output {}", self.plan.outputs[index].name),
            Place::NextState(index) => format!("state {}", self.plan.states[index].state.name),
            other => other.to_string(),
        };
        let kernel = target.copy(fact.dtype).map_err(|reason| {
            let (kind, name) = name.split_once(' ').unwrap_or(("value", &name));
            let message = format!("{kind} `{name}` is {fact} and must be copied: {reason}");
            Diagnostic::error(codes::OUTPUT_NOT_COPIED, message).help("cast it in the model to a type of whole bytes")
        })?;
        let operands = vec![Some(self.read(value, None))];
        let result = Tensor { place, fact, row: None };
        self.plan.steps.push(Step { kernel, operands, result, params: Vec::new(), op: "copy", scope: name });
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
        m4c_ir::NodeKind::Scan(_) | m4c_ir::NodeKind::Result(_) => "scan",
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
    let reads = plan.states.iter().filter_map(|state| state.read.as_ref());
    let writes = plan.states.iter().filter_map(|state| state.write.as_ref());
    let inputs: Vec<&Port> = plan.inputs.iter().chain(reads).collect();
    let outputs: Vec<&Port> = plan.outputs.iter().chain(writes).collect();
    for (kind, ports) in [("input", inputs), ("output", outputs)] {
        for port in ports.into_iter().filter(|port| port.fact.rank() > m4c_format::MAX_RANK) {
            let (rank, most) = (port.fact.rank(), m4c_format::MAX_RANK);
            let message = format!("{kind} `{}` has {rank} axes, artifacts have at most {most}", port.name);
            diagnostics.push(Diagnostic::error(codes::TOO_MANY_AXES, message).help("reshape it in the model"));
        }
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
}
