//! Joins steps whose results have no other use, where the target has one step for both.

use super::choose::Choice;
use super::flatten::Loop;
use m4c_ir::{Constant, Graph, NodeKind, ValueId};
use m4c_ops::Fact;
use m4c_target::{Fusion, FusionOperand, OperandView, Step, StepOperand, Target};
use std::collections::{BTreeMap, BTreeSet};

type Choices = BTreeMap<ValueId, Choice>;

/// Steps of more operands are left alone: no kernel joins them, and to ask for each takes long.
const MOST_OPERANDS: usize = 64;

/// Joins what can be joined, from the first step to the last. A joined step stands where its last part stood, so that
/// all that it reads comes before it.
pub(super) fn fuse(graph: &Graph, choices: &mut Choices, loops: &[Loop], target: &dyn Target) {
    let (readers, views, kept) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut around = vec![None; graph.len()];
    for (index, span) in loops.iter().enumerate() {
        around[span.body.start as usize..span.body.end as usize].fill(Some(index));
    }
    let mut fuser = Fuser { graph, choices, loops, target, around, readers, views, kept };
    fuser.look_around();
    let steps: Vec<ValueId> = fuser.choices.keys().copied().collect();
    for value in steps {
        while fuser.absorb(value) {}
    }
}

struct Fuser<'a> {
    graph: &'a Graph,
    choices: &'a mut Choices,
    loops: &'a [Loop],
    target: &'a dyn Target,
    /// The innermost loop that each value is computed in.
    around: Vec<Option<usize>>,
    /// The steps that read the memory of a value.
    readers: BTreeMap<ValueId, BTreeSet<ValueId>>,
    /// The other values in the memory of a value.
    views: BTreeMap<ValueId, Vec<ValueId>>,
    /// What is needed by more than steps.
    kept: BTreeSet<ValueId>,
}

/// The operands that a step uses.
fn used(step: &Step, operands: &[Option<ValueId>]) -> Vec<ValueId> {
    let place = |operand: &StepOperand| match *operand {
        StepOperand::Plain(place) | StepOperand::Packed { operand: place, .. } => {
            operands.get(place).copied().flatten()
        }
        StepOperand::Absent => None,
    };
    step.operands.iter().filter_map(place).collect()
}

impl Fuser<'_> {
    fn root(&self, mut value: ValueId) -> ValueId {
        while let Some(Choice::View(of)) = self.choices.get(&value) {
            value = *of;
        }
        value
    }

    fn look_around(&mut self) {
        let mut kept: Vec<ValueId> = self.graph.outputs().iter().map(|output| output.value).collect();
        for span in self.loops {
            kept.extend(span.carries.iter().flat_map(|carry| [carry.init, carry.inside, carry.next, carry.result]));
            kept.extend(span.rows.iter().map(|row| row.source));
            kept.extend(span.stacks.iter().flat_map(|stack| [stack.row, stack.result]));
        }
        let mut reads: Vec<(ValueId, ValueId)> = Vec::new();
        for (&value, choice) in &*self.choices {
            match choice {
                Choice::Step(step, operands, _) => {
                    reads.extend(used(step, operands).into_iter().map(|operand| (operand, value)));
                }
                Choice::Grown(rows) => kept.push(*rows),
                Choice::Loop => kept.extend(self.graph.operands(value).into_iter().flatten()),
                // What gives a size its value is read between steps.
                Choice::View(of) if self.graph.node(value).kind.bound_symbol().is_some() => kept.push(*of),
                Choice::Input | Choice::Stored | Choice::View(_) => {}
            }
        }
        self.kept = kept.into_iter().map(|value| self.root(value)).collect();
        for &view in self.choices.keys() {
            let root = self.root(view);
            if root != view {
                self.views.entry(root).or_default().push(view);
            }
        }
        for (operand, reader) in reads {
            let root = self.root(operand);
            self.readers.entry(root).or_default().insert(reader);
        }
    }

    /// Joins a step with one whose result it reads; whether there was one.
    fn absorb(&mut self, value: ValueId) -> bool {
        let Some(Choice::Step(step, operands, None)) = self.choices.get(&value) else { return false };
        let read = used(step, operands);
        if read.len() > MOST_OPERANDS {
            return false;
        }
        let (step, operands) = (step.clone(), operands.clone());
        for &between in &read {
            let root = self.root(between);
            let alone = self.readers.get(&root).is_some_and(|readers| readers.iter().eq([&value]));
            // Under two names it is two operands.
            let once = read.iter().all(|&other| other == between || self.root(other) != root);
            if root != value
                && alone
                && once
                && !self.kept.contains(&root)
                && self.around[root.0 as usize] == self.around[value.0 as usize]
                && let Some(joined) = self.joined(value, (&step, &operands), root, between)
            {
                self.replace(value, root, joined);
                return true;
            }
        }
        false
    }

    fn joined(
        &self,
        value: ValueId,
        (consumer, consumer_operands): (&Step, &[Option<ValueId>]),
        root: ValueId,
        between: ValueId,
    ) -> Option<Choice> {
        let Some(Choice::Step(producer, producer_operands, sizes)) = self.choices.get(&root) else { return None };
        let mut all: Vec<ValueId> = Vec::new();
        let mut renumbered = |step: &Step, operands: &[Option<ValueId>]| {
            let mut place = |index: usize| {
                let value = operands.get(index).copied().flatten()?;
                let known = all.iter().position(|other| *other == value);
                Some(known.unwrap_or_else(|| {
                    all.push(value);
                    all.len() - 1
                }))
            };
            let operands = step.operands.iter().map(|operand| match *operand {
                StepOperand::Plain(index) => place(index).map_or(StepOperand::Absent, StepOperand::Plain),
                StepOperand::Packed { operand, layout } => {
                    place(operand).map_or(StepOperand::Absent, |operand| StepOperand::Packed { operand, layout })
                }
                StepOperand::Absent => StepOperand::Absent,
            });
            Step { kernel: step.kernel.clone(), operands: operands.collect(), params: step.params.clone() }
        };
        let (producer, consumer) = (renumbered(producer, producer_operands), renumbered(consumer, consumer_operands));
        let operand = |&value: &ValueId| {
            let constant = matches!(self.choices.get(&self.root(value)), Some(Choice::Stored));
            FusionOperand { view: OperandView { fact: self.graph.fact(value), constant }, number: self.number(value) }
        };
        let (produced, mut resized) = match sizes {
            Some((fact, places)) => (fact, places.clone()),
            None => (self.graph.fact(root), Vec::new()),
        };
        let fusion = Fusion {
            operands: all.iter().map(operand).collect(),
            producer: &producer,
            consumer: &consumer,
            between: all.iter().position(|value| *value == between)?,
            produced,
            result: self.graph.fact(value),
        };
        let fused = self.target.fuse(&fusion)?;
        let keeps = fused.resized.is_some() || sizes.is_some();
        resized.extend(fused.resized.unwrap_or_default());
        let sizes: Option<(Fact, Vec<usize>)> = keeps.then(|| (produced.clone(), resized));
        Some(Choice::Step(fused.step, all.into_iter().map(Some).collect(), sizes))
    }

    fn number(&self, value: ValueId) -> Option<f64> {
        let NodeKind::Constant(Constant::Inline(tensor)) = &self.graph.node(value).kind else { return None };
        let numbers = tensor.as_f64s().filter(|numbers| tensor.dtype().is_float() && numbers.len() == 1)?;
        numbers.first().copied()
    }

    /// Puts a joined step in place of the one that read the other's result.
    fn replace(&mut self, value: ValueId, root: ValueId, joined: Choice) {
        if let Choice::Step(step, operands, _) = &joined {
            for operand in used(step, operands) {
                let operand = self.root(operand);
                let readers = self.readers.entry(operand).or_default();
                readers.remove(&root);
                readers.insert(value);
            }
        }
        for view in self.views.remove(&root).unwrap_or_default() {
            self.choices.remove(&view);
        }
        self.choices.remove(&root);
        self.choices.insert(value, joined);
    }
}
