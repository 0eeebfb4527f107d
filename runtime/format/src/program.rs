//! One checked program as flat tables: after opening, every index in them is in range.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::description::{Buffer, DType, ExprStep, Guard, Kernel, NodeName, Place, Symbol};
use crate::expression;
use crate::state::StateUse;

/// A program of an artifact.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub(crate) name: String,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) expr_steps: Vec<ExprStep>,
    pub(crate) expr_ends: Vec<u32>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) operands: Vec<Tensor>,
    pub(crate) results: Vec<Tensor>,
    pub(crate) params: Vec<u32>,
    pub(crate) steps: Vec<StepRow>,
    pub(crate) nodes: Vec<NodeName>,
    pub(crate) states: Vec<StateUse>,
}

/// An input or output of a program.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name in the source model.
    pub name: String,
    /// Storage type of the elements.
    pub dtype: DType,
    /// One expression a dimension.
    pub dims: DimList,
    /// The relative difference that a comparison of an output with another engine allows; 0 for inputs.
    pub tolerance: f32,
}

/// The expressions of up to [`MAX_RANK`](crate::MAX_RANK) dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DimList {
    pub(crate) rank: u8,
    pub(crate) exprs: [u32; crate::MAX_RANK],
}

impl core::ops::Deref for DimList {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        self.exprs.get(..usize::from(self.rank)).unwrap_or(&[])
    }
}

/// An operand or result of a step.
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    /// The list that `index` counts in.
    pub place: Place,
    /// Which buffer, constant, input or output.
    pub index: u32,
    /// Storage type of the elements.
    pub dtype: DType,
    /// One expression a dimension; empty for a constant, which knows its own sizes.
    pub dims: DimList,
}

/// Where the parts of a step lie in the tables of its program.
#[derive(Clone, Debug)]
pub struct StepRow {
    /// Index of the kernel.
    pub kernel: u32,
    /// The number by which errors name the step.
    pub node: u32,
    /// Its part of [`Program::operands`].
    pub operands: Range<usize>,
    /// Its part of [`Program::results`].
    pub results: Range<usize>,
    /// Its part of [`Program::params`].
    pub params: Range<usize>,
}

impl Program {
    /// The name, unique in its artifact.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The named sizes.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// How many expressions there are.
    pub fn expr_count(&self) -> usize {
        self.expr_ends.len()
    }

    /// The postfix program of an expression; empty for a number out of range.
    pub fn expr(&self, index: u32) -> &[ExprStep] {
        let index = index as usize;
        let start = match index.checked_sub(1) {
            Some(before) => self.expr_ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = self.expr_ends.get(index).copied().unwrap_or(start);
        self.expr_steps.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// An expression for people, with the names of symbols.
    pub fn render(&self, expr: u32) -> String {
        expression::render(self.expr(expr), &|symbol| {
            self.symbols.get(symbol as usize).map_or_else(|| "?".into(), |symbol| symbol.name.clone())
        })
    }

    /// The conditions on sizes.
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// What the caller passes.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What the caller gets.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The arena buffers.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// The kernels that steps name.
    pub fn kernels(&self) -> &[Kernel] {
        &self.kernels
    }

    /// The operands of all steps, one step after the other.
    pub fn operands(&self) -> &[Tensor] {
        &self.operands
    }

    /// The results of all steps, one step after the other.
    pub fn results(&self) -> &[Tensor] {
        &self.results
    }

    /// The parameters of all steps, as expressions.
    pub fn params(&self) -> &[u32] {
        &self.params
    }

    /// The steps in the order of running.
    pub fn steps(&self) -> &[StepRow] {
        &self.steps
    }

    /// What the node numbers in errors stand for; may be empty.
    pub fn nodes(&self) -> &[NodeName] {
        &self.nodes
    }

    /// The states that it reads or writes.
    pub fn states(&self) -> &[StateUse] {
        &self.states
    }
}
