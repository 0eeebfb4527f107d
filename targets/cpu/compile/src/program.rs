//! Programs of elementwise functions, as `elementwise_f32` runs them.

use m4c_exec_cpu::elementwise::{Function, MOST_INSTRUCTIONS, MOST_OPERANDS};
use m4c_ops::{DType, Dim};
use m4c_target::{FusionOperand, Step, StepOperand};

const KERNEL: &str = "elementwise_f32";

/// Instructions over registers: first the operands, then the instructions' results.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Program {
    /// Places in the list of a fusion.
    pub(crate) operands: Vec<usize>,
    pub(crate) code: Vec<(Function, Vec<usize>)>,
}

impl Program {
    /// What a step computes, where that is elementwise on `f32`.
    pub(crate) fn of(step: &Step, all: &[FusionOperand<'_>]) -> Option<Program> {
        let place = |operand: &StepOperand| match operand {
            StepOperand::Plain(place) => Some(*place),
            _ => None,
        };
        let operands: Vec<usize> = step.operands.iter().map(place).collect::<Option<_>>()?;
        let dtype = |place: &usize| all.get(*place).map(|operand| operand.view.fact.dtype);
        if !operands.iter().all(|place| matches!(dtype(place), Some(DType::F32 | DType::Bool))) {
            return None;
        }
        if step.kernel == KERNEL {
            let word = |word: &Dim| word.as_usize();
            let words: Vec<usize> = step.params.iter().map(word).collect::<Option<_>>()?;
            let instruction = |words: &[usize]| {
                let (_, function) = Function::ALL.get(words[0])?;
                Some((*function, words[1..1 + function.arity()].to_vec()))
            };
            let code = words.chunks_exact(4).map(instruction).collect::<Option<_>>()?;
            return Some(Program { operands, code });
        }
        let known = |name: &str| match name {
            // It chooses between words of any type.
            "select" => step.kernel == "select_4" && operands.get(1).and_then(dtype) == Some(DType::F32),
            _ => step.kernel.strip_suffix("_f32") == Some(name),
        };
        let (_, function) = Function::ALL.iter().find(|(name, _)| known(name))?;
        let registers: Vec<usize> = (0..operands.len()).collect();
        (registers.len() == function.arity()).then(|| Program { operands, code: vec![(*function, registers)] })
    }

    /// This program and then another, for which its result is the operand `between`.
    pub(crate) fn then(self, next: Program, between: usize) -> Option<Program> {
        let (first_operands, first_code) = (self.operands.len(), self.code.len());
        let mut operands = self.operands;
        let added: Vec<usize> = next.operands.iter().copied().filter(|place| *place != between).collect();
        added.into_iter().for_each(|place| {
            if !operands.contains(&place) {
                operands.push(place);
            }
        });
        let more = operands.len() - first_operands;
        let moved = |register: usize| if register < first_operands { register } else { register + more };
        let mut code: Vec<(Function, Vec<usize>)> = Vec::new();
        for (function, registers) in self.code {
            code.push((function, registers.into_iter().map(moved).collect()));
        }
        let result = operands.len() + first_code - 1;
        for (function, registers) in next.code {
            let register = |register: usize| match next.operands.get(register) {
                Some(place) if *place == between => Some(result),
                Some(place) => operands.iter().position(|other| other == place),
                None => Some(operands.len() + first_code + register - next.operands.len()),
            };
            code.push((function, registers.into_iter().map(register).collect::<Option<_>>()?));
        }
        Some(Program { operands, code })
    }

    /// The step, unless the program is too large for the kernel.
    pub(crate) fn step(self) -> Option<Step> {
        if self.operands.len() > MOST_OPERANDS || self.code.len() > MOST_INSTRUCTIONS {
            return None;
        }
        let words = self.code.iter().flat_map(|(function, registers)| {
            let mut words = [*function as i64, 0, 0, 0];
            words[1..].iter_mut().zip(registers).for_each(|(word, &register)| *word = register as i64);
            words
        });
        let params = words.map(Dim::from).collect();
        Some(Step {
            kernel: KERNEL.into(),
            operands: self.operands.into_iter().map(StepOperand::Plain).collect(),
            params,
        })
    }
}
