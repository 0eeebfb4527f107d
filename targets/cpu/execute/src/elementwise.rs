//! `elementwise_f32`: a small program of elementwise functions, run on a block of elements at a time, so that what lies
//! between them never leaves the cache. The bits are those of the kernels of the single functions.
//!
//! Operands: at most [`MOST_OPERANDS`], each `f32` or `bool`, with as many elements as the result, which are read in
//! step, or broadcast in the way of numpy. Parameters: for each instruction the number of its [`Function`] and three
//! registers, 0 where it takes fewer. Registers are numbered through operands and then instructions; an instruction
//! reads only what comes before it. The last one makes the result.

use crate::binary::broadcast_result;
use crate::element::{Bool, Element, F32};
use crate::isa::{Body, Isa, Vector};
use crate::math;
use crate::nest::Nest;
use crate::step::{count, operand, present, read, require, result, scratch, write};
use crate::tiles::{Grid, Tile, share};
use m4c_runtime::error::Code;
use m4c_runtime::executor::{Kernel, StepData, StepShape, Threads};

/// Most operands of a program.
pub const MOST_OPERANDS: usize = 12;
/// Most instructions of a program.
pub const MOST_INSTRUCTIONS: usize = 32;
/// Elements of a block.
const BLOCK: usize = 512;
/// Most values that are kept of a block.
const MOST_SLOTS: usize = MOST_OPERANDS + MOST_INSTRUCTIONS;

macro_rules! functions {
    ($($name:ident = $number:literal, $operator:literal, $cost:literal, ($($x:ident),+) $value:expr;)+) => {
        /// An elementwise function, with the number that stands for it in parameters.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(i64)]
        pub enum Function {
            $(
                #[doc = concat!("That of the operator `", $operator, "`.")]
                $name = $number,
            )+
        }

        impl Function {
            /// All of them with the names of their operators.
            pub const ALL: &[(&str, Function)] = &[$(($operator, Function::$name)),+];

            /// How many values it takes.
            pub fn arity(self) -> usize {
                match self {
                    $(Function::$name => [$(stringify!($x)),+].len(),)+
                }
            }

            /// Roughly its work in additions.
            fn cost(self) -> usize {
                match self {
                    $(Function::$name => $cost,)+
                }
            }

            fn from_number(number: i64) -> Option<Function> {
                match number {
                    $($number => Some(Function::$name),)+
                    _ => None,
                }
            }

            /// Fills `out`.
            #[inline(always)]
            fn apply(self, out: &mut [f32], operands: [&[f32]; 3]) {
                match self {
                    $(Function::$name => {
                        let mut all = operands.into_iter();
                        $(let $x = &all.next().unwrap_or_default()[..out.len()];)+
                        for (i, out) in out.iter_mut().enumerate() {
                            $(let $x = $x[i];)+
                            *out = $value;
                        }
                    })+
                }
            }
        }
    };
}

fn truth(condition: bool) -> f32 {
    if condition { 1.0 } else { 0.0 }
}

// Truth values are 1 and 0 between instructions.
functions! {
    Add = 0, "add", 1, (a, b) a + b;
    Sub = 1, "sub", 1, (a, b) a - b;
    Mul = 2, "mul", 1, (a, b) a * b;
    Div = 3, "div", 2, (a, b) a / b;
    Max = 4, "max", 1, (a, b) math::larger(a, b);
    Min = 5, "min", 1, (a, b) if a < b || a.is_nan() { a } else { b };
    Pow = 6, "pow", 16, (a, b) math::pow(a, b);
    Less = 7, "less", 1, (a, b) truth(a < b);
    Equal = 8, "equal", 1, (a, b) truth(a == b);
    Select = 9, "select", 1, (c, a, b) if c != 0.0 { a } else { b };
    Exp = 10, "exp", 4, (a) math::exp(a);
    Log = 11, "log", 16, (a) math::log(a);
    Sqrt = 12, "sqrt", 2, (a) math::sqrt(a);
    Sin = 13, "sin", 16, (a) math::sin(a);
    Cos = 14, "cos", 16, (a) math::cos(a);
    Tanh = 15, "tanh", 8, (a) math::tanh(a);
    Erf = 16, "erf", 8, (a) math::erf(a);
    Floor = 17, "floor", 1, (a) math::floor(a);
    Round = 18, "round", 1, (a) math::round(a);
    Gelu = 19, "gelu", 8, (a) math::gelu(a);
    GeluTanh = 20, "gelu_tanh", 10, (a) math::gelu_tanh(a);
    Sigmoid = 21, "sigmoid", 6, (a) math::sigmoid(a);
}

/// The kernel.
pub(crate) struct Elementwise;

#[derive(Clone, Copy)]
struct Instruction {
    function: Function,
    registers: [usize; 3],
    /// Where its block is kept; the last one's is the result.
    slot: usize,
}

struct Plan {
    elements: usize,
    operands: [Option<Operand>; MOST_OPERANDS],
    instructions: [Instruction; MOST_INSTRUCTIONS],
    count: usize,
    slots: usize,
}

/// How an operand is read.
struct Operand {
    truth: bool,
    /// Where its block is kept, unless it is read where it lies.
    slot: Option<usize>,
    reads: Reads,
}

enum Reads {
    InStep,
    One,
    Broadcast(Nest<1>),
}

fn plan(step: &StepShape<'_>) -> Result<Plan, Code> {
    let out = result(step, F32::DTYPE)?;
    let inputs = step.operands.len();
    let (program, rest) = step.params.as_chunks::<4>();
    require((1..=MOST_OPERANDS).contains(&inputs) && rest.is_empty())?;
    require((1..=MOST_INSTRUCTIONS).contains(&program.len()))?;
    let mut slots = 0;
    let mut operands = [const { None }; MOST_OPERANDS];
    for (index, to) in operands.iter_mut().enumerate().take(inputs) {
        let truth = present(step, index).ok_or(Code::BadStep)?.dtype == Bool::DTYPE;
        let dims = operand(step, index, if truth { Bool::DTYPE } else { F32::DTYPE })?;
        let reads = match count(&dims) {
            same if same == count(&out) => Reads::InStep,
            1 => Reads::One,
            _ => Reads::Broadcast(Nest::broadcast(&out, [&dims])?),
        };
        let kept = truth || !matches!(reads, Reads::InStep);
        let slot = kept.then_some(slots);
        slots += usize::from(kept);
        *to = Some(Operand { truth, slot, reads });
    }
    let unused = Instruction { function: Function::Add, registers: [0; 3], slot: 0 };
    let mut instructions = [unused; MOST_INSTRUCTIONS];
    let mut last_use = [0; MOST_SLOTS];
    for (index, (instruction, words)) in instructions.iter_mut().zip(program).enumerate() {
        let function = Function::from_number(words[0]).ok_or(Code::BadStep)?;
        for (place, (register, &word)) in instruction.registers.iter_mut().zip(&words[1..]).enumerate() {
            let number = usize::try_from(word).map_err(|_| Code::BadStep)?;
            let taken = place < function.arity();
            require(if taken { number < inputs + index } else { number == 0 })?;
            *register = number;
            if taken {
                last_use[number] = index;
            }
        }
        instruction.function = function;
    }
    // A slot is free again after the last instruction that reads it.
    let mut free = [0; MOST_SLOTS];
    let mut frees = 0;
    for index in 0..program.len() {
        let slot = if frees > 0 {
            frees -= 1;
            free[frees]
        } else {
            slots += 1;
            slots - 1
        };
        instructions[index].slot = slot;
        for earlier in 0..index {
            if last_use[inputs + earlier] == index {
                free[frees] = instructions[earlier].slot;
                frees += 1;
            }
        }
    }
    Ok(Plan { elements: count(&out), operands, instructions, count: program.len(), slots })
}

impl Kernel for Elementwise {
    fn check(&self, step: &StepShape<'_>) -> Result<(), Code> {
        // Sizes that no operand has are no result of any.
        let plan = plan(step)?;
        let in_step = plan.operands.iter().flatten().any(|operand| matches!(operand.reads, Reads::InStep));
        if in_step || plan.elements == 0 {
            return Ok(());
        }
        let out = result(step, F32::DTYPE)?;
        let mut all = [&[][..]; MOST_OPERANDS];
        for (dims, shape) in all.iter_mut().zip(step.operands) {
            *dims = shape.as_ref().map_or(&[][..], |shape| &shape.dims);
        }
        broadcast_result(&out, all).map(|_| ())
    }

    fn scratch(&self, step: &StepShape<'_>, threads: usize) -> usize {
        plan(step).map_or(0, |plan| (plan.slots * BLOCK * 4).saturating_mul(threads.max(1)))
    }

    fn run(&self, step: &StepShape<'_>, data: StepData<'_, '_>, threads: &dyn Threads) -> Result<(), Code> {
        let plan = plan(step)?;
        let mut sources = [Source::Numbers(&[]); MOST_OPERANDS];
        for (index, (source, operand)) in sources.iter_mut().zip(plan.operands.iter().flatten()).enumerate() {
            *source = match operand.truth {
                true => Source::Truths(read(step, data.operands, index)?),
                false => Source::Numbers(read(step, data.operands, index)?),
            };
        }
        compute(Isa::best(), &plan, &sources, write(step, data.results)?, scratch(data.scratch)?, threads)
    }
}

fn compute(
    isa: Isa,
    plan: &Plan,
    sources: &[Source<'_>; MOST_OPERANDS],
    out: &mut [f32],
    scratch: &mut [f32],
    threads: &dyn Threads,
) -> Result<(), Code> {
    let cost: usize = plan.instructions[..plan.count].iter().map(|instruction| instruction.function.cost()).sum();
    // Enough stretches to balance the threads, each worth a job.
    let even = plan.elements.div_ceil(threads.count().saturating_mul(4).max(1));
    let tile_cols = even.max(32768 / cost.max(1)).next_multiple_of(BLOCK);
    let grid = Grid { groups: 1, rows: 1, cols: plan.elements, tile_rows: 1, tile_cols };
    share(threads, out, grid, scratch, plan.slots * BLOCK, |tile, scratch| {
        isa.run(Stretch { plan, sources, tile, scratch });
    })
}

/// The elements of an operand.
#[derive(Clone, Copy)]
enum Source<'a> {
    Numbers(&'a [f32]),
    Truths(&'a [u8]),
}

impl Source<'_> {
    /// Elements from `at` on, `step` apart, which is 0 or 1.
    #[inline(always)]
    fn load(&self, at: usize, step: isize, out: &mut [f32]) {
        match self {
            Source::Numbers(numbers) if step == 0 => out.fill(numbers[at]),
            Source::Numbers(numbers) => out.copy_from_slice(&numbers[at..at + out.len()]),
            Source::Truths(truths) if step == 0 => out.fill(truth(truths[at] != 0)),
            Source::Truths(truths) => {
                out.iter_mut().zip(&truths[at..]).for_each(|(out, &condition)| *out = truth(condition != 0));
            }
        }
    }
}

/// Consecutive elements of the result.
struct Stretch<'a> {
    plan: &'a Plan,
    sources: &'a [Source<'a>; MOST_OPERANDS],
    tile: Tile<'a, f32>,
    scratch: &'a mut [f32],
}

impl Body for Stretch<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self) {
        let (plan, first) = (self.plan, self.tile.col);
        let mut slots: [&mut [f32]; MOST_SLOTS] = core::array::from_fn(|_| &mut [][..]);
        for (slot, block) in slots.iter_mut().zip(self.scratch.chunks_exact_mut(BLOCK)) {
            *slot = block;
        }
        let operands = || plan.operands.iter().flatten().zip(self.sources);
        let inputs = operands().count();
        for (operand, source) in operands() {
            if let (Reads::One, Some(slot)) = (&operand.reads, operand.slot) {
                source.load(0, 0, slots[slot]);
            }
        }
        let out = self.tile.row_mut(0);
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let start = first + block * BLOCK;
            for (operand, source) in operands() {
                let Some(slot) = operand.slot else { continue };
                match &operand.reads {
                    Reads::One => {}
                    Reads::InStep => source.load(start, 1, &mut slots[slot][..out.len()]),
                    Reads::Broadcast(nest) => {
                        let [step] = nest.inner();
                        nest.runs(start, out.len(), |done, len, [at]| {
                            source.load(at as usize, step, &mut slots[slot][done..done + len]);
                        });
                    }
                }
            }
            for (index, instruction) in plan.instructions[..plan.count].iter().enumerate() {
                let last = index + 1 == plan.count;
                // Taken out, so that the others can be read meanwhile; it is none of theirs.
                let kept = core::mem::take(&mut slots[instruction.slot]);
                let value = |register: usize| -> &[f32] {
                    match register.checked_sub(inputs) {
                        Some(earlier) => slots[plan.instructions[earlier].slot],
                        None => match (&plan.operands[register], &self.sources[register]) {
                            (Some(Operand { slot: Some(slot), .. }), _) => slots[*slot],
                            (_, Source::Numbers(numbers)) => &numbers[start..start + out.len()],
                            (_, Source::Truths(_)) => &[],
                        },
                    }
                };
                let mut values = [&[][..]; 3];
                for (to, &register) in values.iter_mut().zip(&instruction.registers).take(instruction.function.arity())
                {
                    *to = value(register);
                }
                let len = out.len();
                instruction.function.apply(if last { &mut *out } else { &mut kept[..len] }, values);
                slots[instruction.slot] = kept;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_functions() {
        for (number, (_, function)) in (0..).zip(Function::ALL) {
            assert_eq!((*function as i64, Function::from_number(number)), (number, Some(*function)));
        }
        assert_eq!(Function::from_number(Function::ALL.len() as i64), None);
    }
}
