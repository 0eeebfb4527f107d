//! Checks loops and symbols that get their values while a program runs: nothing is used before it has a value.

use alloc::vec;
use alloc::vec::Vec;

use crate::description::{DType, ExprOp, Place};
use crate::error::Error;
use crate::program::{Program, StepRow, Tensor};
use crate::validate::require;

/// The deepest nest of loops.
pub const MAX_NESTING: usize = 8;

/// For each expression how many binds must have happened before it has a value.
pub(crate) fn levels(program: &Program) -> Result<Vec<u32>, Error> {
    let mut bound_by = vec![0u32; program.symbols.len()];
    for (level, bind) in (1u32..).zip(&program.binds) {
        let slot = bound_by.get_mut(bind.symbol as usize);
        let slot = slot.ok_or(Error::malformed("a bind names a symbol that does not exist"))?;
        require(*slot == 0, "a symbol is bound twice")?;
        *slot = level;
    }
    let symbol = |arg: i64| usize::try_from(arg).ok().and_then(|index| bound_by.get(index)).copied().unwrap_or(0);
    let level = |expr: usize| {
        let symbols = program.expr(expr as u32).iter().filter(|step| step.op == ExprOp::Symbol);
        symbols.map(|step| symbol(step.arg)).max().unwrap_or(0)
    };
    Ok((0..program.expr_count()).map(level).collect())
}

/// Checks a program whose indices are in range and whose levels are known.
pub(crate) fn check(program: &Program) -> Result<(), Error> {
    loops(program)?;
    binds(program)?;
    let states = program.states.iter().flat_map(|used| [&used.read, &used.write]).flatten();
    let mut given = program.inputs.iter().chain(states).flat_map(|port| port.dims.iter());
    require(given.all(|&expr| program.expr_level(expr) == 0), "the size of an input or state is bound while running")?;
    let nest = Nest::new(program);
    let mut level = 0;
    let mut loops = program.loops.iter().peekable();
    for (index, step) in program.steps.iter().enumerate() {
        while program.binds.get(level).is_some_and(|bind| bind.before as usize <= index) {
            level += 1;
        }
        while let Some(span) = loops.next_if(|span| span.first as usize == index) {
            require(program.expr_level(span.trip) <= level, "a loop runs before its trip count is bound")?;
        }
        let known = |expr: &u32| program.expr_level(*expr) <= level;
        let (operands, results) = tensors(program, step);
        for tensor in operands.iter().chain(results) {
            require(tensor.dims.iter().all(known), "a step uses a size before it is bound")?;
            row(program, tensor, &nest, index)?;
        }
        let params = program.params.get(step.params.clone()).unwrap_or(&[]);
        require(params.iter().all(known), "a step uses a size before it is bound")?;
    }
    Ok(())
}

fn tensors<'p>(program: &'p Program, step: &StepRow) -> (&'p [Tensor], &'p [Tensor]) {
    let operands = program.operands.get(step.operands.clone()).unwrap_or(&[]);
    (operands, program.results.get(step.results.clone()).unwrap_or(&[]))
}

fn row(program: &Program, tensor: &Tensor, nest: &Nest, step: usize) -> Result<(), Error> {
    let Some(row) = tensor.row else { return Ok(()) };
    let step = u32::try_from(step).unwrap_or(u32::MAX);
    let around = nest.around(step).any(|number| number == row.number as usize);
    require(
        around && (row.number as usize) < program.loops.len(),
        "a tensor is a row for a loop that is not around it",
    )?;
    require(tensor.dtype.bits() >= 8, "a row does not start at a byte")
}

/// Whether the bytes of a tensor lie as its sizes say: those of a state need not.
fn is_plain(tensor: &Tensor) -> bool {
    matches!(tensor.place, Place::Buffer | Place::Constant | Place::Input | Place::Output)
}

/// Which loops are around which steps.
pub(crate) struct Nest {
    /// One a step.
    innermost: Vec<Option<usize>>,
    /// One a loop.
    outer: Vec<Option<usize>>,
}

impl Nest {
    /// The nest of a program whose loops have been checked.
    pub(crate) fn new(program: &Program) -> Nest {
        let mut nest = Nest { innermost: vec![None; program.steps.len()], outer: vec![None; program.loops.len()] };
        let mut around: Vec<usize> = Vec::new();
        let mut next = 0;
        for (step, innermost) in nest.innermost.iter_mut().enumerate() {
            around.retain(|&number| program.loops.get(number).is_some_and(|span| step <= span.last as usize));
            while program.loops.get(next).is_some_and(|span| span.first as usize == step) {
                if let Some(outer) = nest.outer.get_mut(next) {
                    *outer = around.last().copied();
                }
                around.push(next);
                next += 1;
            }
            *innermost = around.last().copied();
        }
        nest
    }

    /// The loops around a step, inner ones first.
    pub(crate) fn around(&self, step: u32) -> impl Iterator<Item = usize> + '_ {
        let innermost = self.innermost.get(step as usize).copied().flatten();
        core::iter::successors(innermost, |&number| self.outer.get(number).copied().flatten())
    }
}

/// Loops are in order and nest properly.
fn loops(program: &Program) -> Result<(), Error> {
    let mut around: Vec<u32> = Vec::new();
    let mut first = 0;
    for span in &program.loops {
        require((span.trip as usize) < program.expr_count(), "a loop names no expression")?;
        require(
            span.first <= span.last && (span.last as usize) < program.steps.len(),
            "a loop lies outside the program",
        )?;
        require(first <= span.first, "loops are not in order")?;
        first = span.first;
        while around.last().is_some_and(|&last| last < span.first) {
            around.pop();
        }
        require(around.last().is_none_or(|&last| span.last <= last), "two loops overlap")?;
        around.push(span.last);
        require(around.len() <= MAX_NESTING, "loops are nested too deep")?;
    }
    Ok(())
}

/// Binds are in order, outside of loops, and read one number each.
fn binds(program: &Program) -> Result<(), Error> {
    let mut before = 0;
    let mut spans = program.loops.iter().peekable();
    let mut end = 0u32;
    for bind in &program.binds {
        require(before <= bind.before && bind.before as usize <= program.steps.len(), "binds are not in order")?;
        before = bind.before;
        // Only outermost loops matter, and `end` is where the last of them that starts before this ends.
        while let Some(span) = spans.next_if(|span| span.first < bind.before) {
            end = end.max(span.last.saturating_add(1));
        }
        require(end <= bind.before, "a symbol is bound inside a loop")?;
        let from = &bind.from;
        require(is_plain(from) && from.row.is_none(), "a symbol is bound to no value")?;
        require(from.dtype == DType::I64 && from.dims.is_empty(), "a symbol is bound to what is no 64-bit integer")?;
        let named = program.nodes.is_empty() || (bind.node as usize) < program.nodes.len();
        require(named, "a bind names a node that does not exist")?;
    }
    Ok(())
}
