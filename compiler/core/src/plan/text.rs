//! The plan as text: what runs, on what, and how much memory that takes.

use super::{Place, Plan, Tensor};
use m4c_ops::{Binding, Dim};
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {:?} for `{}` {{", self.name, self.executor)?;
        for symbol in &self.symbols {
            writeln!(f, "  symbol {} {}", symbol.name, symbol.range)?;
        }
        for guard in &self.guards {
            writeln!(f, "  guard {guard}")?;
        }
        for (index, port) in self.inputs.iter().enumerate() {
            writeln!(f, "  input.{index} {:?} : {}", port.name, port.fact)?;
        }
        for (index, state) in self.states.iter().enumerate() {
            write!(f, "  state.{index} {:?}", state.state.name)?;
            for (verb, port) in [("read as", &state.read), ("left as", &state.write)] {
                if let Some(port) = port {
                    write!(f, ", {verb} {:?} : {}", port.name, port.fact)?;
                }
            }
            writeln!(f)?;
        }
        for (index, constant) in self.constants.iter().enumerate() {
            let layout = constant.layout.map_or(String::new(), |layout| format!(" as {layout}"));
            writeln!(f, "  constant.{index} = %{} : {}{layout}", constant.value.0, self.fact(constant))?;
        }
        for (index, buffer) in self.buffers.iter().enumerate() {
            writeln!(f, "  buffer.{index} {} bytes, steps {} to {}", buffer.bytes, buffer.first, buffer.last)?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "  {index}: {} = {}(", step.result, step.kernel)?;
            for (position, operand) in step.operands.iter().enumerate() {
                f.write_str(if position > 0 { ", " } else { "" })?;
                match operand {
                    Some(operand) => operand.fmt(f)?,
                    None => f.write_str("_")?,
                }
            }
            f.write_str(")")?;
            if !step.params.is_empty() {
                let params: Vec<String> = step.params.iter().map(ToString::to_string).collect();
                write!(f, " {{{}}}", params.join(", "))?;
            }
            let place = if step.scope.is_empty() { String::new() } else { format!(" in {:?}", step.scope) };
            writeln!(f, " ; {}{place}", step.op)?;
        }
        for (index, port) in self.outputs.iter().enumerate() {
            writeln!(f, "  output.{index} {:?} : {}, tolerance {:e}", port.name, port.fact, port.tolerance)?;
        }
        writeln!(f, "}}")?;
        self.write_memory(f)
    }
}

impl Plan {
    fn write_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stored = self.constants.iter().map(|constant| self.stored_bytes(constant));
        let stored = stored.fold(0, u64::saturating_add);
        writeln!(f, "constants: {stored} bytes in {}, before packing", self.constants.len())?;
        let open: Vec<&str> =
            self.symbols.iter().filter(|symbol| symbol.range.high.is_none()).map(|symbol| &*symbol.name).collect();
        write!(f, "buffers: {}", self.buffers.len())?;
        if !open.is_empty() {
            return writeln!(f, "; {} without an upper bound", open.join(", "));
        }
        let highest: Binding =
            self.symbols.iter().map(|symbol| (symbol.name.clone(), symbol.range.high.unwrap_or(0))).collect();
        match self.peak(&highest) {
            Some((bytes, step)) => writeln!(f, "; at the upper bounds at most {bytes} bytes alive, at step {step}"),
            None => writeln!(f, "; too large at the upper bounds"),
        }
    }

    /// The most bytes that buffers hold at one step, and the first such step; `None` where that overflows.
    fn peak(&self, sizes: &Binding) -> Option<(i64, usize)> {
        // What becomes alive at a step, and what is dead after it.
        let mut change = vec![0i64; self.steps.len() + 1];
        for buffer in &self.buffers {
            let bytes = Dim::eval(&buffer.bytes, sizes)?.max(0);
            let first = change.get_mut(buffer.first)?;
            *first = first.checked_add(bytes)?;
            *change.get_mut(buffer.last + 1)? -= bytes;
        }
        let (mut alive, mut peak) = (0i64, (0i64, 0));
        for (step, change) in change.into_iter().enumerate() {
            alive = alive.checked_add(change)?;
            if alive > peak.0 {
                peak = (alive, step);
            }
        }
        Some(peak)
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place, self.fact)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Input(index) => write!(f, "input.{index}"),
            Place::Output(index) => write!(f, "output.{index}"),
            Place::Constant(index) => write!(f, "constant.{index}"),
            Place::Buffer(index) => write!(f, "buffer.{index}"),
            Place::State(index) => write!(f, "state.{index}"),
            Place::NextState(index) => write!(f, "next.{index}"),
        }
    }
}
