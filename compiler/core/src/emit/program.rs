//! A plan as the description of a program.

use super::Failure;
use super::expressions::Expressions;
use crate::plan::{Place, Plan, Port, Tensor};
use crate::states::State;
use m4c_format::description::{self, Operand};
use m4c_format::{ConstantId, GuardKind};
use m4c_ops::DType;
use std::collections::BTreeMap;

/// The description of a plan whose constants have these numbers, in an artifact of these states.
pub(super) fn describe(
    plan: &Plan,
    constants: &[ConstantId],
    shared: &[&State],
) -> Result<description::Program, Failure> {
    let mut program = Describe { constants, exprs: Expressions::new(plan.symbols.iter().map(|s| &*s.name)) };
    let symbols = plan.symbols.iter().map(|symbol| description::Symbol {
        name: symbol.name.clone(),
        low: symbol.range.low,
        high: symbol.range.high.unwrap_or(i64::MAX),
        step: symbol.range.step,
    });
    let symbols = symbols.collect();
    let inputs = program.ports(&plan.inputs)?;
    let outputs = program.ports(&plan.outputs)?;
    let mut states = Vec::with_capacity(plan.states.len());
    for planned in &plan.states {
        let state = shared.iter().position(|state| state.name == planned.state.name);
        let state = number(state.ok_or_else(|| Failure::bug("a plan names no state"))?)?;
        let mut port = |port: &Option<Port>| port.as_ref().map(|port| program.port(port).map(Box::new)).transpose();
        states.push(description::StateUse { state, read: port(&planned.read)?, write: port(&planned.write)? });
    }
    let mut guards = Vec::with_capacity(plan.guards.len());
    for guard in &plan.guards {
        let kind = match guard.kind {
            m4c_ops::GuardKind::Equal => GuardKind::Equal,
            m4c_ops::GuardKind::AtMost => GuardKind::AtMost,
            m4c_ops::GuardKind::Divides => GuardKind::Divides,
        };
        let (left, right) = (program.exprs.dim(&guard.left)?, program.exprs.dim(&guard.right)?);
        guards.push(description::Guard { kind, left, right, text: guard.to_string() });
    }
    let mut buffers = Vec::with_capacity(plan.buffers.len());
    for buffer in &plan.buffers {
        let bytes = program.exprs.dim(&buffer.bytes)?;
        buffers.push(description::Buffer { bytes, first: number(buffer.first)?, last: number(buffer.last)? });
    }
    let mut kernels = Vec::new();
    let mut kernel_of: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut steps, mut nodes) = (Vec::with_capacity(plan.steps.len()), Vec::with_capacity(plan.steps.len()));
    for step in &plan.steps {
        let next = number(kernels.len())?;
        let kernel = *kernel_of.entry(&step.kernel).or_insert(next);
        if kernel == next {
            kernels.push(description::Kernel { executor: plan.executor.clone(), name: step.kernel.clone() });
        }
        let mut operands = Vec::with_capacity(step.operands.len());
        for operand in &step.operands {
            operands.push(match operand {
                Some(tensor) => program.tensor(tensor)?,
                None => Operand::absent(),
            });
        }
        let results = vec![program.tensor(&step.result)?];
        let params = program.exprs.dims(&step.params)?;
        let node = number(nodes.len())?;
        nodes.push(description::NodeName { op: step.op.into(), scope: step.scope.clone() });
        steps.push(description::Step { kernel, operands, results, params, node });
    }
    Ok(description::Program {
        name: plan.name.clone(),
        symbols,
        exprs: program.exprs.finish(),
        guards,
        inputs,
        outputs,
        buffers,
        kernels,
        steps,
        nodes,
        states,
    })
}

struct Describe<'p> {
    constants: &'p [ConstantId],
    exprs: Expressions,
}

impl Describe<'_> {
    fn ports(&mut self, ports: &[Port]) -> Result<Vec<description::Port>, Failure> {
        let mut described = Vec::with_capacity(ports.len());
        for port in ports {
            described.push(self.port(port)?);
        }
        Ok(described)
    }

    fn port(&mut self, port: &Port) -> Result<description::Port, Failure> {
        let dims = self.exprs.dims(&port.fact.shape)?;
        let (name, dtype) = (port.name.clone(), dtype(port.fact.dtype));
        Ok(description::Port { name, dtype, dims, tolerance: port.tolerance as f32 })
    }

    fn tensor(&mut self, tensor: &Tensor) -> Result<Operand, Failure> {
        let (place, index) = match tensor.place {
            Place::Input(index) => (m4c_format::Place::Input, number(index)?),
            Place::Output(index) => (m4c_format::Place::Output, number(index)?),
            Place::Buffer(index) => (m4c_format::Place::Buffer, number(index)?),
            Place::State(index) => (m4c_format::Place::State, number(index)?),
            Place::NextState(index) => (m4c_format::Place::NextState, number(index)?),
            Place::Constant(index) => {
                let id = self.constants.get(index).ok_or_else(|| Failure::bug("a plan names no constant"))?;
                // Constants know their own sizes.
                return Ok(Operand::new(m4c_format::Place::Constant, id.0, dtype(tensor.fact.dtype), &[]));
            }
        };
        let dims = self.exprs.dims(&tensor.fact.shape)?;
        Ok(Operand::new(place, index, dtype(tensor.fact.dtype), &dims))
    }
}

/// A storage type in the artifact's words.
pub(super) fn dtype(dtype: DType) -> m4c_format::DType {
    match dtype {
        DType::Bool => m4c_format::DType::Bool,
        DType::I4 => m4c_format::DType::I4,
        DType::U4 => m4c_format::DType::U4,
        DType::I8 => m4c_format::DType::I8,
        DType::U8 => m4c_format::DType::U8,
        DType::I16 => m4c_format::DType::I16,
        DType::I32 => m4c_format::DType::I32,
        DType::I64 => m4c_format::DType::I64,
        DType::F16 => m4c_format::DType::F16,
        DType::BF16 => m4c_format::DType::Bf16,
        DType::F32 => m4c_format::DType::F32,
    }
}

fn number(index: usize) -> Result<u32, Failure> {
    u32::try_from(index).map_err(|_| Failure::bug("a program has too many parts"))
}
