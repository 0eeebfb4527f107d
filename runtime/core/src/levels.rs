//! What has a value when: level 0 when sizes are bound, level `n` when the n-th bind of a run has happened.

use alloc::vec;
use alloc::vec::Vec;

use m4c_format::Place;
use m4c_format::program::{StepRow, Tensor};

use crate::program::Program;

/// The expressions, guards, outputs and steps of a program by level.
#[derive(Debug)]
pub(crate) struct Levels {
    pub(crate) exprs: ByLevel,
    pub(crate) guards: ByLevel,
    pub(crate) outputs: ByLevel,
    /// The level of each output.
    pub(crate) output_levels: Vec<usize>,
    pub(crate) steps: ByLevel,
}

/// Numbers grouped by level.
#[derive(Debug)]
pub(crate) struct ByLevel {
    items: Vec<u32>,
    ends: Vec<usize>,
}

impl Levels {
    pub(crate) fn new(program: &Program<'_>) -> Levels {
        let tables = program.tables;
        let levels = tables.binds().len() + 1;
        let of = |expr: u32| tables.expr_level(expr);
        let all = |exprs: &[u32]| exprs.iter().map(|&expr| of(expr)).max().unwrap_or(0);
        let guards = tables.guards().iter().map(|guard| of(guard.left).max(of(guard.right)));
        let output_levels: Vec<usize> = tables.outputs().iter().map(|port| all(&port.dims)).collect();
        let steps = tables.steps().iter().map(|step| step_level(program, step));
        Levels {
            exprs: ByLevel::new((0..tables.expr_count()).map(|expr| of(expr as u32)), levels),
            guards: ByLevel::new(guards, levels),
            outputs: ByLevel::new(output_levels.iter().copied(), levels),
            output_levels,
            steps: ByLevel::new(steps, levels),
        }
    }

    /// How many levels there are.
    pub(crate) fn count(&self) -> usize {
        self.exprs.ends.len()
    }
}

fn step_level(program: &Program<'_>, step: &StepRow) -> usize {
    let tables = program.tables;
    let of = |expr: &u32| tables.expr_level(*expr);
    let tensor = |tensor: &Tensor| {
        let whole_constant = tensor.place == Place::Constant && tensor.row.is_none();
        let dims = tensor.dims.iter().filter(|_| !whole_constant).map(of).max();
        let trip = tensor.row.and_then(|row| tables.loops().get(row.number as usize)).map(|span| of(&span.trip));
        dims.max(trip).unwrap_or(0)
    };
    let operands = tables.operands().get(step.operands.clone()).unwrap_or(&[]);
    let results = tables.results().get(step.results.clone()).unwrap_or(&[]);
    let params = tables.params().get(step.params.clone()).unwrap_or(&[]);
    operands.iter().chain(results).map(tensor).chain(params.iter().map(of)).max().unwrap_or(0)
}

impl ByLevel {
    fn new(level_of: impl Iterator<Item = usize> + Clone, levels: usize) -> ByLevel {
        let mut ends = vec![0usize; levels];
        for level in level_of.clone() {
            if let Some(count) = ends.get_mut(level) {
                *count += 1;
            }
        }
        let mut next = Vec::with_capacity(levels);
        let mut sum = 0;
        for end in &mut ends {
            next.push(sum);
            sum += *end;
            *end = sum;
        }
        let mut items = vec![0u32; sum];
        for (item, level) in (0u32..).zip(level_of) {
            if let Some(place) = next.get_mut(level) {
                if let Some(slot) = items.get_mut(*place) {
                    *slot = item;
                }
                *place += 1;
            }
        }
        ByLevel { items, ends }
    }

    /// The numbers of a level, rising.
    pub(crate) fn at(&self, level: usize) -> &[u32] {
        let start = level.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(level).copied().unwrap_or(start);
        self.items.get(start..end).unwrap_or(&[])
    }
}
