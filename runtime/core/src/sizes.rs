//! All sizes of a program for given values of its symbols, in tables that are filled again without allocating.

use alloc::vec;
use alloc::vec::Vec;

use m4c_format::program::{DimList, StepRow, Tensor};
use m4c_format::{Artifact, DType, Place, expression};

use crate::error::{Code, Error};
use crate::executor::{Dims, Shape, StepShape};
use crate::program::Program;

/// Expression values, shapes and parameters.
#[derive(Debug)]
pub(crate) struct Sizes {
    values: Vec<i64>,
    operands: Vec<Option<Shape>>,
    results: Vec<Shape>,
    params: Vec<i64>,
    pub(crate) inputs: Vec<Shape>,
    pub(crate) outputs: Vec<Shape>,
    /// What each state of the program is before a run; an empty shape where it is not read.
    pub(crate) reads: Vec<Shape>,
    /// What each state of the program is after a run; an empty shape where it is not written.
    pub(crate) writes: Vec<Shape>,
}

const EMPTY: Shape = Shape { dtype: DType::Bool, dims: Dims::SCALAR, bytes: 0 };

impl Sizes {
    /// Tables of the right length, not yet filled.
    pub(crate) fn new(program: &Program<'_>) -> Sizes {
        let tables = program.tables;
        Sizes {
            values: vec![0; tables.expr_count()],
            operands: vec![None; tables.operands().len()],
            results: vec![EMPTY; tables.results().len()],
            params: vec![0; tables.params().len()],
            inputs: vec![EMPTY; tables.inputs().len()],
            outputs: vec![EMPTY; tables.outputs().len()],
            reads: vec![EMPTY; tables.states().len()],
            writes: vec![EMPTY; tables.states().len()],
        }
    }

    /// Evaluates every expression.
    pub(crate) fn evaluate(&mut self, program: &Program<'_>, symbols: &[i64]) -> Result<(), Error> {
        for (expr, value) in self.values.iter_mut().enumerate() {
            *value = expression::evaluate(program.tables.expr(expr as u32), symbols)?;
        }
        Ok(())
    }

    /// The value of an expression after [`Sizes::evaluate`].
    pub(crate) fn value(&self, expr: u32) -> i64 {
        self.values.get(expr as usize).copied().unwrap_or(0)
    }

    /// Fills all shapes and parameters from the values.
    pub(crate) fn fill(&mut self, program: &Program<'_>) -> Result<(), Error> {
        let (tables, values) = (program.tables, &self.values);
        let ports = [(tables.inputs(), &mut self.inputs), (tables.outputs(), &mut self.outputs)];
        for (ports, shapes) in ports {
            for (port, slot) in ports.iter().zip(shapes) {
                *slot = shape(values, port.dtype, &port.dims)?;
            }
        }
        for ((used, read), write) in tables.states().iter().zip(&mut self.reads).zip(&mut self.writes) {
            for (port, slot) in [(&used.read, read), (&used.write, write)] {
                if let Some(port) = port {
                    *slot = shape(values, port.dtype, &port.dims)?;
                }
            }
        }
        for (slot, &expr) in self.params.iter_mut().zip(tables.params()) {
            *slot = values.get(expr as usize).copied().unwrap_or(0);
        }
        for step in tables.steps() {
            let here = |error| Error { at: Some(step.node), ..error };
            let operands = step.operands.clone().zip(tables.operands().get(step.operands.clone()).unwrap_or(&[]));
            for (index, operand) in operands {
                let shape = operand_shape(values, program.artifact, operand).map_err(here)?;
                if let Some(slot) = self.operands.get_mut(index) {
                    *slot = shape;
                }
            }
            let results = step.results.clone().zip(tables.results().get(step.results.clone()).unwrap_or(&[]));
            for (index, result) in results {
                let shape = shape(values, result.dtype, &result.dims).map_err(here)?;
                if let Some(slot) = self.results.get_mut(index) {
                    *slot = shape;
                }
            }
        }
        Ok(())
    }

    /// The shapes and parameters of a step.
    pub(crate) fn step(&self, step: &StepRow) -> StepShape<'_> {
        StepShape {
            operands: self.operands.get(step.operands.clone()).unwrap_or(&[]),
            results: self.results.get(step.results.clone()).unwrap_or(&[]),
            params: self.params.get(step.params.clone()).unwrap_or(&[]),
        }
    }
}

fn operand_shape(values: &[i64], artifact: &Artifact<'_>, operand: &Tensor) -> Result<Option<Shape>, Error> {
    match operand.place {
        Place::Absent => Ok(None),
        Place::Constant => {
            let bad = Error::new(Code::TooLarge).because("a constant is too large for this device");
            let constant = artifact.constants().get(operand.index as usize).ok_or(bad)?;
            let mut sizes = [0usize; crate::executor::MAX_RANK];
            let sizes = sizes.get_mut(..constant.dims.len()).ok_or(bad)?;
            for (slot, &size) in sizes.iter_mut().zip(&constant.dims) {
                *slot = usize::try_from(size).map_err(|_| bad)?;
            }
            let bytes = usize::try_from(constant.length).map_err(|_| bad)?;
            Ok(Some(Shape { dtype: constant.dtype, dims: Dims::new(sizes).ok_or(bad)?, bytes }))
        }
        Place::Buffer | Place::Input | Place::Output | Place::State | Place::NextState => {
            shape(values, operand.dtype, &operand.dims).map(Some)
        }
    }
}

fn shape(values: &[i64], dtype: DType, exprs: &DimList) -> Result<Shape, Error> {
    let too_large = Error::new(Code::TooLarge).because("a tensor is too large for this device");
    let mut sizes = [0usize; crate::executor::MAX_RANK];
    let sizes = sizes.get_mut(..exprs.len()).ok_or(too_large)?;
    for (slot, &expr) in sizes.iter_mut().zip(exprs.iter()) {
        let value = values.get(expr as usize).copied().unwrap_or(0);
        let value = u64::try_from(value).map_err(|_| Error::new(Code::BadStep).because("a size is negative"))?;
        *slot = usize::try_from(value).map_err(|_| too_large)?;
    }
    let dims = Dims::new(sizes).ok_or(too_large)?;
    let elements = dims.elements().ok_or(too_large)?;
    let bytes = dtype.byte_len(elements as u64).and_then(|bytes| usize::try_from(bytes).ok()).ok_or(too_large)?;
    Ok(Shape { dtype, dims, bytes })
}
