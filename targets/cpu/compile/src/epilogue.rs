//! Elementwise functions after a product or a norm that its kernel computes before it writes: a bias, an activation, a
//! gate, a residual.

use crate::fuse::same_count;
use crate::program::Program;
use m4c_exec_cpu::elementwise::Function;
use m4c_exec_cpu::epilogue::Activation;
use m4c_ops::{DType, Dim};
use m4c_target::{Fused, Fusion, Step, StepOperand};

/// What a kernel does to its elements at the end.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Epilogue {
    /// Operands by their places in the list of the fusion.
    bias: Option<usize>,
    activation: Activation,
    gate: Option<usize>,
    residual: Option<usize>,
}

impl Epilogue {
    /// Whether only a bias was added.
    fn is_plain(&self) -> bool {
        self.activation == Activation::None && self.gate.is_none() && self.residual.is_none()
    }
}

/// What a register of the program holds.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Holds {
    /// An operand.
    Operand(usize),
    /// The element with what was done to it.
    Element(Epilogue),
    /// 1.702 times the element.
    Scaled(Epilogue),
    /// The logistic function of 1.702 times the element.
    Gate(Epilogue),
}

/// The product with what follows it.
pub(crate) fn of_product(fusion: &Fusion<'_>) -> Option<Fused> {
    let axes = if fusion.producer.kernel == "conv_f32" {
        // A bias belongs to the second axis there.
        Channels::Second
    } else {
        Channels::Last
    };
    // The parameters but for the activation: groups and four for each spatial axis.
    let own = match axes {
        Channels::Second => 1 + 4 * fusion.produced.rank().checked_sub(2)?,
        Channels::Last => 0,
    };
    let mut step = fusion.producer.clone();
    let operand = |place: usize| match step.operands.get(place) {
        Some(StepOperand::Plain(place)) => Some(*place),
        _ => None,
    };
    let activation = match step.params.get(own) {
        Some(number) => Activation::from_number(number.as_i64()?)?,
        None => Activation::None,
    };
    let before = Epilogue { bias: operand(2), activation, gate: operand(4), residual: operand(3) };
    let after = read(fusion, before, Some(axes))?;
    let place = |place: Option<usize>| place.map_or(StepOperand::Absent, StepOperand::Plain);
    step.operands.truncate(2);
    step.operands.extend([place(after.bias), place(after.residual)]);
    step.operands.extend(after.gate.map(StepOperand::Plain));
    step.params.truncate(own);
    step.params.push(Dim::from(after.activation as i64));
    let like = [(3, after.residual), (4, after.gate)].into_iter();
    let like = like.filter_map(|(place, operand)| Some((place, fusion.operands.get(operand?)?.view.fact)));
    let resized: Vec<usize> =
        like.filter(|(_, fact)| fact.shape != fusion.produced.shape).map(|(place, _)| place).collect();
    let resized = (!resized.is_empty() || fusion.produced.shape != fusion.result.shape).then_some(resized);
    Some(Fused { step, resized })
}

/// Two products of the same rows, the second of which is multiplied with the first and nothing else.
pub(crate) fn of_pair(fusion: &Fusion<'_>) -> Option<Fused> {
    let between = StepOperand::Plain(fusion.between);
    let parts = |step: &Step| -> Option<([StepOperand; 2], StepOperand, Dim)> {
        let &[rows, weights, ref rest @ ..] = &step.operands[..] else { return None };
        let operand = |place: usize| rest.get(place).copied().unwrap_or(StepOperand::Absent);
        let activation = step.params.first().cloned().unwrap_or(Dim::from(Activation::None as i64));
        (operand(1) == StepOperand::Absent).then_some(([rows, weights], operand(0), activation))
    };
    let ([x, w], bias, activation) = parts(fusion.producer)?;
    let ([rows, v], shift, bend) = parts(fusion.consumer)?;
    let alone = fusion.producer.operands.get(4).is_none() && fusion.consumer.operands.get(4) == Some(&between);
    let between_once = [rows, v, shift].iter().all(|operand| *operand != between);
    let same_sizes = fusion.produced.shape == fusion.result.shape;
    (x == rows && alone && between_once && same_sizes).then(|| Fused {
        step: Step {
            kernel: "matmul_gated_f32".into(),
            operands: vec![x, w, v, bias, shift],
            params: vec![activation, bend],
        },
        resized: None,
    })
}

/// The norm with an activation.
pub(crate) fn of_norm(fusion: &Fusion<'_>) -> Option<Fused> {
    let mut step = fusion.producer.clone();
    let none = Epilogue { bias: None, activation: Activation::None, gate: None, residual: None };
    let after = (step.params.len() == 1).then(|| read(fusion, none, None))??;
    step.params.push(Dim::from(after.activation as i64));
    (fusion.produced.shape == fusion.result.shape).then_some(Fused { step, resized: None })
}

/// Which axis has an element of a bias for each place.
#[derive(Clone, Copy, PartialEq)]
enum Channels {
    Second,
    Last,
}

/// Reads the consumer's program as something that is done to each element; `None` where it is something else.
fn read(fusion: &Fusion<'_>, before: Epilogue, channels: Option<Channels>) -> Option<Epilogue> {
    let program = Program::of(fusion.consumer, &fusion.operands)?;
    if fusion.result.dtype != DType::F32 || !same_count(fusion.produced, fusion.result) {
        return None;
    }
    let start = |place: usize| if place == fusion.between { Holds::Element(before) } else { Holds::Operand(place) };
    let mut registers: Vec<Holds> = program.operands.iter().copied().map(start).collect();
    for (function, operands) in &program.code {
        let values: Vec<Holds> =
            operands.iter().map(|&register| registers.get(register).copied()).collect::<Option<_>>()?;
        registers.push(applied(fusion, channels, *function, &values)?);
    }
    match registers.last()? {
        Holds::Element(after) => Some(*after),
        _ => None,
    }
}

fn applied(fusion: &Fusion<'_>, channels: Option<Channels>, function: Function, values: &[Holds]) -> Option<Holds> {
    let with = |element: &Epilogue, activation| Holds::Element(Epilogue { activation, ..*element });
    let number =
        |place: usize| fusion.operands.get(place).and_then(|operand| operand.number).map(|number| number as f32);
    match (function, values) {
        (
            Function::Add,
            [Holds::Element(element), Holds::Operand(place)] | [Holds::Operand(place), Holds::Element(element)],
        ) => {
            let channels = channels?;
            if element.is_plain() && element.bias.is_none() && is_bias(fusion, channels, *place) {
                return Some(Holds::Element(Epilogue { bias: Some(*place), ..*element }));
            }
            let fits = element.residual.is_none() && is_like_result(fusion, *place);
            fits.then_some(Holds::Element(Epilogue { residual: Some(*place), ..*element }))
        }
        (Function::Gelu, [Holds::Element(element)]) if element.is_plain() => Some(with(element, Activation::Gelu)),
        (Function::GeluTanh, [Holds::Element(element)]) if element.is_plain() => {
            Some(with(element, Activation::GeluTanh))
        }
        (Function::Sigmoid, [Holds::Element(element)]) if element.is_plain() => {
            Some(with(element, Activation::Sigmoid))
        }
        (Function::Tanh, [Holds::Element(element)]) if element.is_plain() => Some(with(element, Activation::Tanh)),
        (Function::Sigmoid, [Holds::Scaled(element)]) => Some(Holds::Gate(*element)),
        (
            Function::Max,
            [Holds::Element(element), Holds::Operand(place)] | [Holds::Operand(place), Holds::Element(element)],
        ) if element.is_plain() && number(*place) == Some(0.0) => Some(with(element, Activation::Relu)),
        (
            Function::Mul,
            [Holds::Element(element), Holds::Operand(place)] | [Holds::Operand(place), Holds::Element(element)],
        ) if element.is_plain() && number(*place) == Some(1.702) => Some(Holds::Scaled(*element)),
        (
            Function::Mul,
            [Holds::Element(element), Holds::Gate(gate)] | [Holds::Gate(gate), Holds::Element(element)],
        ) if element == gate => Some(with(element, Activation::QuickGelu)),
        (Function::Mul, [Holds::Element(a), Holds::Element(b)]) => {
            let (x, gate) = if a.is_plain() { (a, b) } else { (b, a) };
            let sigmoid = Epilogue { activation: Activation::Sigmoid, ..*x };
            (x.is_plain() && *gate == sigmoid).then(|| with(x, Activation::Silu))
        }
        (
            Function::Mul,
            [Holds::Element(element), Holds::Operand(place)] | [Holds::Operand(place), Holds::Element(element)],
        ) if channels.is_some() && element.gate.is_none() && element.residual.is_none() => {
            is_like_result(fusion, *place).then_some(Holds::Element(Epilogue { gate: Some(*place), ..*element }))
        }
        _ => None,
    }
}

/// Whether an operand has one element for each element of the result.
fn is_like_result(fusion: &Fusion<'_>, place: usize) -> bool {
    let operand = fusion.operands.get(place).map(|operand| operand.view.fact);
    operand.is_some_and(|fact| fact.dtype == DType::F32 && same_count(fact, fusion.result))
}

/// Whether an operand has one element for each channel of the product, and is read so under the sizes of the result.
fn is_bias(fusion: &Fusion<'_>, channels: Channels, place: usize) -> bool {
    let Some(operand) = fusion.operands.get(place) else { return false };
    let (fact, produced, result) = (operand.view.fact, fusion.produced, fusion.result);
    let same = produced.shape == result.shape;
    // Axes of one element may follow that of the channels.
    let behind = result.shape.iter().rev().take_while(|size| size.is(1)).count();
    let axis = match channels {
        Channels::Second if same => Some(1),
        Channels::Last if same || produced.shape.last() == result.shape.last() => result.rank().checked_sub(1),
        Channels::Last => result.rank().checked_sub(behind + 1),
        Channels::Second => None,
    };
    let axis = axis.filter(|&axis| channels == Channels::Second || produced.shape.last() == result.shape.get(axis));
    let (Some(axis), Some(lead)) = (axis, result.rank().checked_sub(fact.rank())) else { return false };
    let size =
        |own: usize| if own + lead == axis { fact.shape[own] == result.shape[axis] } else { fact.shape[own].is(1) };
    fact.dtype == DType::F32 && axis >= lead && (0..fact.rank()).all(size)
}
