//! Checks that buffers, outputs and states are written before they are read, while they are alive, and never read and written at
//! once.

use alloc::vec;

use crate::description::Place;
use crate::error::Error;
use crate::program::{Program, Tensor};
use crate::validate::require;

/// Steps that touched a buffer or output, counted from 1; 0 for none.
#[derive(Clone, Default)]
struct Touch {
    read: usize,
    written: usize,
}

/// Checks every step of a program whose indices are in range.
pub(crate) fn check(program: &Program) -> Result<(), Error> {
    for buffer in &program.buffers {
        require((buffer.bytes as usize) < program.expr_count(), "a buffer names no expression")?;
        let alive = buffer.first <= buffer.last && (buffer.last as usize) < program.steps.len();
        require(alive, "a buffer is alive outside the program")?;
    }
    let mut buffers = vec![Touch::default(); program.buffers.len()];
    let mut outputs = vec![Touch::default(); program.outputs.len()];
    let mut states = vec![Touch::default(); program.states.len()];
    for (index, step) in program.steps.iter().enumerate() {
        let now = index + 1;
        for operand in program.operands.get(step.operands.clone()).unwrap_or(&[]) {
            alive(program, operand, index)?;
            if let Some(touch) = touched(&mut buffers, &mut outputs, &mut states, operand) {
                require(touch.written != 0, "a step reads what no step wrote")?;
                touch.read = now;
            }
        }
        for result in program.results.get(step.results.clone()).unwrap_or(&[]) {
            alive(program, result, index)?;
            if let Some(touch) = touched(&mut buffers, &mut outputs, &mut states, result) {
                require(touch.read != now, "a step writes what it reads")?;
                require(touch.written != now, "a step writes the same place twice")?;
                touch.written = now;
            }
        }
    }
    require(outputs.iter().all(|touch| touch.written != 0), "an output is never written")?;
    let mut written = program.states.iter().zip(&states);
    require(written.all(|(used, touch)| used.write.is_none() || touch.written != 0), "a state is never written")
}

/// What is known of the place of a tensor. A state as the run found it is never written: its rows stay where they are until
/// the run has succeeded.
fn touched<'t>(
    buffers: &'t mut [Touch],
    outputs: &'t mut [Touch],
    states: &'t mut [Touch],
    tensor: &Tensor,
) -> Option<&'t mut Touch> {
    match tensor.place {
        Place::Buffer => buffers.get_mut(tensor.index as usize),
        Place::Output => outputs.get_mut(tensor.index as usize),
        Place::NextState => states.get_mut(tensor.index as usize),
        Place::Absent | Place::Constant | Place::Input | Place::State => None,
    }
}

fn alive(program: &Program, tensor: &Tensor, step: usize) -> Result<(), Error> {
    let buffer = match tensor.place {
        Place::Buffer => program.buffers.get(tensor.index as usize),
        _ => None,
    };
    let covered = buffer.is_none_or(|buffer| (buffer.first as usize..=buffer.last as usize).contains(&step));
    require(covered, "a step uses a buffer that is not alive")
}
