//! Turns an error into a sentence with the names that its number stands for.

use alloc::format;
use alloc::string::{String, ToString};

use m4c_format::description::Symbol;

use crate::error::{Code, Error};
use crate::program::Program;

/// The error for people. `program` is the one that was opened, bound or run.
pub fn describe(error: &Error, program: &Program<'_>) -> String {
    let mut text = error.code.message().to_string();
    if !error.detail.is_empty() {
        text = format!("{text}: {}", error.detail);
    }
    match error.at {
        Some(at) => format!("{text}: {}", place(error.code, error.detail, at, program)),
        None => text,
    }
}

/// The same for sizes that did not bind, with what was given: one list of sizes for each input.
pub fn describe_given(error: &Error, program: &Program<'_>, shapes: &[&[usize]]) -> String {
    let text = describe(error, program);
    let index = error.at.map_or(usize::MAX, |at| at as usize);
    match error.code {
        Code::WrongInputCount => {
            format!("{text}: the program takes {}, {} were given", program.inputs().len(), shapes.len())
        }
        Code::WrongRank | Code::DimMismatch => match shapes.get(index) {
            Some(shape) => format!("{text}, and was given as {shape:?}"),
            None => text,
        },
        Code::OutOfBounds | Code::GuardFailed => format!("{text}, and the inputs were given as {shapes:?}"),
        _ => text,
    }
}

fn place(code: Code, detail: &str, at: u32, program: &Program<'_>) -> String {
    let tables = program.tables;
    let index = at as usize;
    let quoted = |kind: &str, name: Option<&str>| match name {
        Some(name) => format!("{kind} `{name}`"),
        None => format!("{kind} {at}"),
    };
    match code {
        Code::UnboundedSymbol | Code::BoundOutOfRange | Code::OutOfBounds | Code::DataOutOfBounds => {
            let symbol = tables.symbols().get(index);
            let name = quoted("symbol", symbol.map(|symbol| &*symbol.name));
            match symbol {
                Some(symbol) if code != Code::UnboundedSymbol => format!("{name}, declared as {}", range(symbol)),
                _ => name,
            }
        }
        Code::UnboundedState
        | Code::StateBoundOutOfRange
        | Code::StateEmpty
        | Code::StateFull
        | Code::StateMismatch
        | Code::StateChanged => state(program, index),
        Code::BufferTooSmall if detail == "state" => state(program, index),
        Code::UnknownKernel | Code::MissingExecutor => match tables.kernels().get(index) {
            Some(kernel) => format!("kernel `{}` of executor `{}`", kernel.name, kernel.executor),
            None => format!("kernel {at}"),
        },
        Code::GuardFailed => quoted("condition", tables.guards().get(index).map(|guard| &*guard.text)),
        Code::SizeOpen => quoted("output", tables.outputs().get(index).map(|port| &*port.name)),
        Code::BufferTooSmall | Code::Misaligned if detail == "output" => {
            quoted("output", tables.outputs().get(index).map(|port| &*port.name))
        }
        Code::WrongDtype | Code::WrongRank | Code::DimMismatch | Code::BufferTooSmall | Code::Misaligned => {
            match tables.inputs().get(index) {
                Some(port) => {
                    let dims: alloc::vec::Vec<String> = port.dims.iter().map(|&dim| program.render(dim)).collect();
                    format!("input `{}`, which is {}[{}]", port.name, port.dtype.name(), dims.join(", "))
                }
                None => format!("input {at}"),
            }
        }
        Code::BadStep | Code::IndexOutOfRange | Code::KernelFailed | Code::Internal => {
            match tables.nodes().get(index) {
                Some(node) if node.scope.is_empty() => format!("node {at}, `{}`", node.op),
                Some(node) => format!("node {at}, `{}` in `{}`", node.op, node.scope),
                None => format!("node {at}"),
            }
        }
        Code::SegmentDamaged => format!("segment {at}"),
        _ => format!("at {at}"),
    }
}

/// The values that a model allows, `1..8:2`.
fn range(symbol: &Symbol) -> String {
    let high = if symbol.high == i64::MAX { String::new() } else { symbol.high.to_string() };
    let step = if symbol.step == 1 { String::new() } else { format!(":{}", symbol.step) };
    format!("{}..{high}{step}", symbol.low)
}

/// A state by its name and, where the program has it, the ports that it replaced.
fn state(program: &Program<'_>, index: usize) -> String {
    let Some(state) = program.artifact.states().get(index) else { return format!("state {index}") };
    let used = program.states().iter().find(|used| used.state as usize == index);
    let ports = used.into_iter().flat_map(|used| [&used.read, &used.write]).flatten();
    let ports: alloc::vec::Vec<String> = ports
        .map(|port| {
            let dims: alloc::vec::Vec<String> = port.dims.iter().map(|&dim| program.render(dim)).collect();
            format!("`{}` {}[{}]", port.name, port.dtype.name(), dims.join(", "))
        })
        .collect();
    match &*ports {
        [] => format!("state `{}`", state.name),
        ports => format!("state `{}`, which is {}", state.name, ports.join(" and ")),
    }
}
