//! Loops of a plan: where carried values and rows lie, and what must be copied.

use super::build::Builder;
use super::choose::Choice;
use super::flatten::{Carry, Loop};
use super::{Buffer, Place, Row, Step, Tensor, bytes};
use crate::diagnostic::{Diagnostic, codes};
use m4c_ir::ValueId;
use m4c_target::Target;
use std::collections::BTreeMap;

impl Builder<'_> {
    /// The steps of a loop, whose number among those of the flat graph is `index`.
    pub(super) fn push_loop(&mut self, index: usize, target: &dyn Target) -> Result<(), Diagnostic> {
        let this = &self.loops[index];
        let mut begun = Vec::new();
        for carry in &this.carries {
            let place = self.room(carry.result);
            self.copy(carry.init, place, None, target)?;
            self.places.insert(carry.inside, (place, None));
            begun.push(place);
        }
        let stacks: Vec<Place> = this.stacks.iter().map(|stack| self.room(stack.result)).collect();
        for row in &this.rows {
            // A row of a row is none of a whole tensor, so that is copied once an iteration of the loop around.
            let source = self.place(row.source, None);
            if source.row.is_some() {
                let place = self.buffer(row.source);
                self.copy(row.source, place, None, target)?;
                let root = self.root(row.source);
                self.row_sources.insert(root, place);
            }
        }
        let number = self.plan.loops.len();
        let first = self.plan.steps.len();
        self.plan.loops.push(super::LoopSpan { first, last: first, trip: this.trip.clone() });
        for row in &this.rows {
            let root = self.root(row.source);
            let place = match self.row_sources.get(&root) {
                Some(&place) => place,
                None => self.place(row.source, None).place,
            };
            self.places.insert(row.inside, (place, Some(Row { number, reversed: row.reversed })));
        }
        self.place_directly(this, &begun, &stacks, number);
        self.push_values(this.body.clone(), index + 1, target)?;
        for (stack, &place) in this.stacks.iter().zip(&stacks) {
            let row = Some(Row { number, reversed: stack.reversed });
            if self.places.get(&self.root(stack.row)) != Some(&(place, row)) {
                self.copy(stack.row, place, row, target)?;
            }
        }
        self.carry_on(this, &begun, target)?;
        self.close(number, first, begun.iter().chain(&stacks));
        Ok(())
    }

    /// Lets steps write the next carried values and rows where they belong, where nobody reads what was there before.
    fn place_directly(&mut self, this: &Loop, begun: &[Place], stacks: &[Place], number: usize) {
        let computed = |builder: &Self, value: ValueId| {
            let root = builder.root(value);
            let step = matches!(builder.choices.get(&root), Some(Choice::Step(..)));
            (step && this.body.contains(&root.0) && builder.is_of(this, root)).then_some(root)
        };
        let mut last_read: BTreeMap<ValueId, u32> = BTreeMap::new();
        for number in this.body.clone() {
            let value = ValueId(number);
            if let Some(Choice::Step(_, operands, _)) = self.choices.get(&value) {
                for &operand in operands.iter().flatten() {
                    last_read.insert(self.root(operand), number);
                }
            }
        }
        // What is read at the end of an iteration, or by a loop inside, is read last.
        let inner =
            self.loops.iter().filter(|inner| this.body.start <= inner.body.start && inner.body.end <= this.body.end);
        for inner in inner.filter(|inner| !std::ptr::eq(*inner, this)) {
            let read = inner.carries.iter().flat_map(|carry| [carry.init, carry.next]);
            let read =
                read.chain(inner.rows.iter().map(|row| row.source)).chain(inner.stacks.iter().map(|stack| stack.row));
            for value in read {
                last_read.insert(self.root(value), u32::MAX);
            }
        }
        for value in this.carries.iter().map(|carry| carry.next).chain(this.stacks.iter().map(|stack| stack.row)) {
            let root = self.root(value);
            if this.carries.iter().any(|carry| carry.inside == root) {
                last_read.insert(root, u32::MAX);
            }
        }
        for (carry, &place) in this.carries.iter().zip(begun) {
            let Some(root) = computed(self, carry.next) else { continue };
            let free = last_read.get(&carry.inside).is_none_or(|&read| read < root.0);
            if free && !self.places.contains_key(&root) {
                self.places.insert(root, (place, None));
            }
        }
        for (stack, &place) in this.stacks.iter().zip(stacks) {
            let Some(root) = computed(self, stack.row) else { continue };
            let row = Row { number, reversed: stack.reversed };
            self.places.entry(root).or_insert((place, Some(row)));
        }
    }

    /// Whether a value is computed in every iteration of this loop, not in a loop inside it.
    fn is_of(&self, this: &Loop, value: ValueId) -> bool {
        !self.loops.iter().any(|inner| {
            !std::ptr::eq(inner, this)
                && this.body.start <= inner.body.start
                && inner.body.contains(&value.0)
                && inner.body.end <= this.body.end
        })
    }

    /// Copies the next carried values that are not in their places: first those that others would overwrite.
    fn carry_on(&mut self, this: &Loop, begun: &[Place], target: &dyn Target) -> Result<(), Diagnostic> {
        let moved = |builder: &Self, carry: &Carry, place: Place| {
            builder.places.get(&builder.root(carry.next)) != Some(&(place, None))
        };
        let mut late: Vec<(Place, Tensor)> = Vec::new();
        for (carry, &place) in this.carries.iter().zip(begun) {
            let root = self.root(carry.next);
            let swaps = root != carry.inside && this.carries.iter().any(|other| other.inside == root);
            if swaps && moved(self, carry, place) {
                let aside = self.buffer(carry.next);
                self.copy(carry.next, aside, None, target)?;
                let fact = self.plan.graph.fact(carry.next).clone();
                late.push((place, Tensor { place: aside, fact, row: None }));
            }
        }
        for (carry, &place) in this.carries.iter().zip(begun) {
            let aside = late.iter().any(|(taken, _)| *taken == place);
            if !aside && moved(self, carry, place) {
                self.copy(carry.next, place, None, target)?;
            }
        }
        for (place, from) in late {
            self.push_copy_of(from, place, None, target)?;
        }
        Ok(())
    }

    /// Ends the loop: what lives before it and is used in it lives through it.
    fn close<'a>(&mut self, number: usize, first: usize, kept: impl Iterator<Item = &'a Place>) {
        if self.plan.steps.len() == first {
            self.plan.loops.truncate(number);
            return;
        }
        let last = self.plan.steps.len() - 1;
        self.plan.loops[number].last = last;
        for buffer in &mut self.plan.buffers {
            if buffer.first < first && buffer.last >= first {
                buffer.last = buffer.last.max(last);
            }
        }
        for place in kept {
            if let Place::Buffer(index) = place {
                let buffer = &mut self.plan.buffers[*index];
                (buffer.first, buffer.last) = (buffer.first.min(first), buffer.last.max(last));
            }
        }
    }

    /// Where the result of a loop lies.
    fn room(&mut self, result: ValueId) -> Place {
        match self.places.get(&result) {
            Some((place, _)) => *place,
            None => {
                let place = self.buffer(result);
                self.places.insert(result, (place, None));
                place
            }
        }
    }

    fn buffer(&mut self, value: ValueId) -> Place {
        let here = self.plan.steps.len();
        let size = bytes(self.plan.graph.fact(value));
        self.plan.buffers.push(Buffer { bytes: size, first: here, last: here });
        Place::Buffer(self.plan.buffers.len() - 1)
    }

    fn copy(&mut self, value: ValueId, to: Place, row: Option<Row>, target: &dyn Target) -> Result<(), Diagnostic> {
        let from = self.read(value, None);
        self.push_copy_of(from, to, row, target)
    }

    fn push_copy_of(
        &mut self,
        from: Tensor,
        to: Place,
        row: Option<Row>,
        target: &dyn Target,
    ) -> Result<(), Diagnostic> {
        let here = self.plan.steps.len();
        for place in [from.place, to] {
            if let Place::Buffer(index) = place {
                let buffer = &mut self.plan.buffers[index];
                buffer.last = buffer.last.max(here);
            }
        }
        let fact = from.fact.clone();
        let kernel = target.copy(fact.dtype).map_err(|reason| {
            let message = format!("a loop carries {fact}, which must be copied: {reason}");
            Diagnostic::error(codes::OUTPUT_NOT_COPIED, message).help("cast it in the model to a type of whole bytes")
        })?;
        let result = Tensor { place: to, fact, row };
        self.plan.steps.push(Step {
            kernel,
            operands: vec![Some(from)],
            result,
            params: Vec::new(),
            op: "copy",
            scope: String::new(),
        });
        Ok(())
    }
}
