//! From a graph to steps in order: which kernel computes what from where, which constants are stored in which layout,
//! and which buffers are alive when. Plain data; sizes stay symbolic.
//!
//! States are read and written where they lie. Views share the memory of what they view. An output is written by the
//! step that computes it where that can be.

mod build;
mod choose;
pub(crate) mod constants;
mod flatten;
mod fuse;
mod lies;
mod loops;
mod states;
mod symbols;
mod text;
mod tolerance;

pub use build::{plan, plan_with};

use crate::states::State;
use m4c_ir::{Graph, Range, ValueId};
use m4c_ops::{Dim, Fact, Guard};

/// A program, ready to be written.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program's name.
    pub name: String,
    /// The graph that the plan computes, with states as they are stored. Constants refer to its values.
    pub graph: Graph,
    /// The same before its loops were laid flat.
    pub whole: Graph,
    /// Name of the executor whose kernels the steps name.
    pub executor: String,
    /// Every symbol that occurs in a size, those of inputs first.
    pub symbols: Vec<Symbol>,
    /// What must hold of sizes.
    pub guards: Vec<Guard>,
    /// What the caller passes.
    pub inputs: Vec<Port>,
    /// What the caller gets.
    pub outputs: Vec<Port>,
    /// What outlives the run.
    pub states: Vec<PlannedState>,
    /// Constants that are stored, in the order of their first use.
    pub constants: Vec<StoredConstant>,
    /// Memory for what is computed on the way.
    pub buffers: Vec<Buffer>,
    /// Kernel calls in order.
    pub steps: Vec<Step>,
    /// Steps that run more than once, outer ones first.
    pub loops: Vec<LoopSpan>,
    /// The symbols that the data decides, in the order in which they get their values.
    pub binds: Vec<Bind>,
}

/// Steps that run more than once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoopSpan {
    /// The first.
    pub first: usize,
    /// The last.
    pub last: usize,
    /// How often.
    pub trip: Dim,
}

/// One row of a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// The loop whose iterations count the rows, an index into [`Plan::loops`].
    pub number: usize,
    /// Whether its first iteration has the last row.
    pub reversed: bool,
}

/// A symbol that gets its value while running.
#[derive(Clone, PartialEq, Debug)]
pub struct Bind {
    /// Its name.
    pub symbol: String,
    /// The value, an `i64` scalar.
    pub from: Tensor,
    /// The step before which it is read.
    pub before: usize,
    /// Where in the user's model that is, for messages; may be empty.
    pub scope: String,
}

/// A named size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its values: those that the model declares, as far as guards allow them.
    pub range: Range,
}

/// An input or output.
#[derive(Clone, PartialEq, Debug)]
pub struct Port {
    /// Name in the user's model.
    pub name: String,
    /// Type and sizes.
    pub fact: Fact,
    /// The relative difference that a comparison with another engine allows; 0 for inputs.
    pub tolerance: f64,
}

/// A state with the ports that it replaced, as the model has them.
#[derive(Clone, PartialEq, Debug)]
pub struct PlannedState {
    /// What programs share.
    pub state: State,
    /// The input.
    pub read: Option<Port>,
    /// The output.
    pub write: Option<Port>,
}

/// A value that is known when compiling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredConstant {
    /// The value in the plan's graph: a constant, or computed of constants when it is written.
    pub value: ValueId,
    /// The layout of the target in which it is stored; row-major where `None`.
    pub layout: Option<&'static str>,
}

/// Memory that one step fills and later ones read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// Its size.
    pub bytes: Dim,
    /// The step that fills it.
    pub first: usize,
    /// The last step that reads it.
    pub last: usize,
}

/// A kernel call.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Name of the kernel.
    pub kernel: String,
    /// What it reads, `None` where an optional operand is absent.
    pub operands: Vec<Option<Tensor>>,
    /// What it writes.
    pub result: Tensor,
    /// Its parameters.
    pub params: Vec<Dim>,
    /// The operator that it computes, for messages.
    pub op: &'static str,
    /// Where in the user's model that is, for messages; may be empty.
    pub scope: String,
}

/// A tensor in its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    /// Where it lies.
    pub place: Place,
    /// Type and sizes, which need not be those of the place: a view has its own.
    pub fact: Fact,
    /// Which row of the place it is, where it is one.
    pub row: Option<Row>,
}

/// Where a tensor lies: an index into one of the plan's lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// [`Plan::inputs`]
    Input(usize),
    /// [`Plan::outputs`]
    Output(usize),
    /// [`Plan::constants`]
    Constant(usize),
    /// [`Plan::buffers`]
    Buffer(usize),
    /// [`Plan::states`], as the run finds it.
    State(usize),
    /// [`Plan::states`], as the run leaves it. A result here is only the new rows where rows are added.
    NextState(usize),
}

impl Plan {
    /// The value of a stored constant.
    pub fn fact(&self, constant: &StoredConstant) -> &Fact {
        self.graph.fact(constant.value)
    }

    /// The bytes of a stored constant before it is packed.
    pub fn stored_bytes(&self, constant: &StoredConstant) -> u64 {
        let fact = self.fact(constant);
        let sizes = fact.sizes().unwrap_or_default().into_iter();
        let elements = sizes.fold(1usize, usize::saturating_mul);
        fact.dtype.bytes(elements).map_or(u64::MAX, |bytes| bytes as u64)
    }
}

/// The bytes of a tensor.
pub(crate) fn bytes(fact: &Fact) -> Dim {
    match fact.dtype.bits() {
        4 => (fact.elements() + Dim::from(1)).floor_div(2),
        bits => fact.elements() * Dim::from(bits / 8),
    }
}
