//! How much memory a session will take, answered before any is taken.

use core::mem::size_of;

use crate::arena::ALIGNMENT;
use crate::bounds::Bounds;
use crate::error::Error;
use crate::executor::{Executor, Shape};
use crate::plan::{Plan, Slot};
use crate::program::Program;

/// The memory of one session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryNeeds {
    /// Bytes of working memory, which the caller may provide.
    pub arena: usize,
    /// The alignment of the arena in bytes.
    pub alignment: usize,
    /// Bytes of tables that the session allocates beside the arena, within a few percent.
    pub session: usize,
}

impl Program<'_> {
    /// What a session for these bounds will take.
    ///
    /// # Errors
    /// Those of [`Session::new`](crate::Session::new).
    pub fn memory(
        &self,
        bounds: &Bounds,
        executors: &[&'static dyn Executor],
        threads: usize,
    ) -> Result<MemoryNeeds, Error> {
        let plan = Plan::new(self, bounds, executors, threads.max(1))?;
        Ok(MemoryNeeds { arena: plan.arena, alignment: ALIGNMENT, session: table_bytes(self) })
    }
}

fn table_bytes(program: &Program<'_>) -> usize {
    let tables = program.tables;
    let ports = tables.inputs().len() + tables.outputs().len() + 2 * tables.states().len();
    let tensors = tables.operands().len() + tables.results().len();
    let piece = size_of::<crate::carve::Piece>();
    let words = tables.expr_count() + tables.params().len() + 4 * tables.symbols().len();
    words * size_of::<i64>()
        + (tensors + ports) * size_of::<Option<Shape>>()
        + (tensors + tables.steps().len()) * piece
        + (tables.buffers().len() + 4 * tables.steps().len()) * size_of::<Slot>()
}
