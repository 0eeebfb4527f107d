//! Sizes as the artifact's expressions.

use super::Failure;
use m4c_format::{ExprBuilder, expression};
use m4c_ops::{Dim, DimView};
use std::collections::BTreeMap;

/// Translates the sizes of one program.
pub(super) struct Expressions {
    builder: ExprBuilder,
    symbols: BTreeMap<String, u32>,
}

impl Expressions {
    /// For symbols in the order of the program.
    pub(super) fn new<'a>(symbols: impl Iterator<Item = &'a str>) -> Expressions {
        let symbols = symbols.zip(0..).map(|(name, index)| (name.to_owned(), index)).collect();
        Expressions { builder: ExprBuilder::new(), symbols }
    }

    /// The number of a size.
    pub(super) fn dim(&mut self, dim: &Dim) -> Result<u32, Failure> {
        let expr = self.translate(dim)?;
        match expression::check(self.builder.steps(expr), self.symbols.len()) {
            Ok(()) => Ok(expr),
            Err(error) => Err(Failure::bug(format!("the size {dim} does not fit an artifact: {error:?}"))),
        }
    }

    /// The numbers of several sizes.
    pub(super) fn dims(&mut self, dims: &[Dim]) -> Result<Vec<u32>, Failure> {
        dims.iter().map(|dim| self.dim(dim)).collect()
    }

    /// The list for the program.
    pub(super) fn finish(self) -> Vec<m4c_format::description::Expr> {
        self.builder.finish()
    }

    fn translate(&mut self, dim: &Dim) -> Result<u32, Failure> {
        Ok(match dim.view() {
            DimView::Const(value) => self.builder.constant(value),
            DimView::Symbol(name) => match self.symbols.get(&name) {
                Some(&index) => self.builder.symbol(index),
                None => return Err(Failure::bug(format!("the plan does not list symbol `{name}`"))),
            },
            DimView::Add(of) => self.fold(&of, ExprBuilder::add, 0)?,
            DimView::Mul(of) => self.fold(&of, ExprBuilder::mul, 1)?,
            DimView::Min(of) => self.fold(&of, ExprBuilder::min, i64::MAX)?,
            DimView::Max(of) => self.fold(&of, ExprBuilder::max, i64::MIN)?,
            DimView::Div(of, by) => {
                let (of, by) = (self.translate(&of)?, self.builder.constant(by));
                self.builder.floor_div(of, by)
            }
        })
    }

    fn fold(&mut self, of: &[Dim], combine: fn(&mut ExprBuilder, u32, u32) -> u32, empty: i64) -> Result<u32, Failure> {
        let mut result = None;
        for dim in of {
            let next = self.translate(dim)?;
            result = Some(match result {
                Some(before) => combine(&mut self.builder, before, next),
                None => next,
            });
        }
        Ok(result.unwrap_or_else(|| self.builder.constant(empty)))
    }
}
