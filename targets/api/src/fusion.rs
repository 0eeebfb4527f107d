//! Steps that a target may join into one, and operands that it may read where they lie.

use crate::node::OperandView;
use crate::target::Step;
use m4c_ops::{Dim, Fact};

/// Two steps, of which the second alone reads the result of the first.
#[derive(Clone, Debug)]
pub struct Fusion<'a> {
    /// What the steps read, each value once; both name their operands by places in this list.
    pub operands: Vec<FusionOperand<'a>>,
    /// The step whose result is read.
    pub producer: &'a Step,
    /// The step that reads it.
    pub consumer: &'a Step,
    /// The place of that result among the operands.
    pub between: usize,
    /// The result as the first step writes it. The second may read it under other sizes.
    pub produced: &'a Fact,
    /// The result of the second step.
    pub result: &'a Fact,
}

/// An operand of a [`Fusion`].
#[derive(Clone, Copy, Debug)]
pub struct FusionOperand<'a> {
    /// Type and sizes, and whether it is constant.
    pub view: OperandView<'a>,
    /// The only element of a constant, where it has one real one.
    pub number: Option<f64>,
}

/// One step for two.
#[derive(Clone, PartialEq, Debug)]
pub struct Fused {
    /// The step. Its operands are places in the list of the [`Fusion`], without the result between.
    pub step: Step,
    /// Which of its operands, and that the result, have the sizes of [`Fusion::produced`] for the kernel, where these
    /// are not those of [`Fusion::result`].
    pub resized: Option<Vec<usize>>,
}

/// Where the elements of an operand lie in another value, whose elements lie row by row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lie {
    /// The first.
    pub first: Dim,
    /// How far neighbors along each axis are apart; 0 where an axis has size 1.
    pub steps: Vec<Dim>,
}

impl Lie {
    /// The elements row by row.
    pub fn row_major(shape: &[Dim]) -> Lie {
        let step = |axis: usize| if shape[axis].is(1) { Dim::from(0) } else { Dim::product(&shape[axis + 1..]) };
        Lie { first: Dim::from(0), steps: (0..shape.len()).map(step).collect() }
    }
}
