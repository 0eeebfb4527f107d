//! Collects the expressions of one program, each once.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::description::{Expr, ExprOp, ExprStep};

/// Builds expressions bottom up; equal ones get the same number. Constants are folded where that is exact.
#[derive(Clone, Debug, Default)]
pub struct ExprBuilder {
    exprs: Vec<Expr>,
    known: BTreeMap<Vec<(ExprOp, i64)>, u32>,
}

impl ExprBuilder {
    /// No expressions yet.
    pub fn new() -> ExprBuilder {
        ExprBuilder::default()
    }

    /// The constant `value`.
    pub fn constant(&mut self, value: i64) -> u32 {
        self.intern(vec![ExprStep { arg: value, op: ExprOp::Const }])
    }

    /// The symbol with this index in the program.
    pub fn symbol(&mut self, index: u32) -> u32 {
        self.intern(vec![ExprStep { arg: i64::from(index), op: ExprOp::Symbol }])
    }

    /// `left + right`.
    pub fn add(&mut self, left: u32, right: u32) -> u32 {
        self.binary(ExprOp::Add, left, right)
    }

    /// `left * right`.
    pub fn mul(&mut self, left: u32, right: u32) -> u32 {
        self.binary(ExprOp::Mul, left, right)
    }

    /// `left / right`, rounded toward negative infinity.
    pub fn floor_div(&mut self, left: u32, right: u32) -> u32 {
        self.binary(ExprOp::FloorDiv, left, right)
    }

    /// The smaller one.
    pub fn min(&mut self, left: u32, right: u32) -> u32 {
        self.binary(ExprOp::Min, left, right)
    }

    /// The larger one.
    pub fn max(&mut self, left: u32, right: u32) -> u32 {
        self.binary(ExprOp::Max, left, right)
    }

    /// Two expressions combined by an operation that pops two. A number from another builder gives a malformed
    /// expression, which the reader refuses.
    pub fn binary(&mut self, op: ExprOp, left: u32, right: u32) -> u32 {
        let mut steps = self.steps(left).to_vec();
        steps.extend_from_slice(self.steps(right));
        steps.push(ExprStep { arg: 0, op });
        match crate::expression::evaluate(&steps, &[]) {
            Ok(value) => self.constant(value),
            Err(_) => self.intern(steps),
        }
    }

    /// A postfix program built elsewhere.
    pub fn intern(&mut self, steps: Vec<ExprStep>) -> u32 {
        let key: Vec<(ExprOp, i64)> = steps.iter().map(|step| (step.op, step.arg)).collect();
        let next = self.exprs.len() as u32;
        let index = *self.known.entry(key).or_insert(next);
        if index == next {
            self.exprs.push(Expr { steps });
        }
        index
    }

    /// The steps of an expression, none where the number is unknown.
    pub fn steps(&self, expr: u32) -> &[ExprStep] {
        self.exprs.get(expr as usize).map_or(&[], |expr| &expr.steps)
    }

    /// The list for [`description::Program::exprs`](crate::description::Program::exprs).
    pub fn finish(self) -> Vec<Expr> {
        self.exprs
    }
}
