//! The states of an artifact, and what its programs do with them.

use crate::inputs::describe_port;
use crate::table::{Align, Table, bytes};
use m4c_runtime::{Artifact, Code, Port, Program, State, StateBounds, StateKind, StateUse, States};
use serde::Serialize;
use std::fmt::Write as _;

/// What outlives runs.
#[derive(Serialize)]
pub(super) struct StateRow {
    name: String,
    kind: &'static str,
    dtype: &'static str,
    /// Sizes, or the names of their bounds.
    axes: Vec<String>,
    /// Bytes of what is added at once, for a size of 1 of each named axis; of all of it where nothing is added.
    row_bytes: u64,
}

/// The bytes of all states, or why that cannot be said.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateMemory {
    Bytes(usize),
    Unbounded(String),
    Unknown(String),
}

/// What a program does with a state.
#[derive(Serialize)]
pub(super) struct StateUseRow {
    state: String,
    read: Option<PortText>,
    write: Option<PortText>,
    adds_rows: bool,
}

#[derive(Serialize)]
struct PortText {
    name: String,
    tensor: String,
}

impl StateRow {
    pub(super) fn of(state: &State) -> StateRow {
        let kind = match state.kind {
            StateKind::Append => "append",
            StateKind::Write => "write",
            StateKind::Carry => "carry",
        };
        let fixed = state.axes.iter().filter(|axis| axis.name.is_empty());
        let elements = fixed.fold(1u64, |product, axis| product.saturating_mul(axis.size.unsigned_abs()));
        let axes = state.axes.iter().map(|axis| match axis.size {
            size if axis.name.is_empty() => size.to_string(),
            i64::MAX => axis.name.clone(),
            size => format!("{} <= {size}", axis.name),
        });
        StateRow {
            name: state.name.clone(),
            kind,
            dtype: state.dtype.name(),
            axes: axes.collect(),
            row_bytes: state.dtype.byte_len(elements).unwrap_or(u64::MAX),
        }
    }
}

pub(super) fn state_memory(artifact: &Artifact<'_>, bounds: &StateBounds<'_>) -> StateMemory {
    match States::memory(artifact, bounds) {
        Ok(bytes) => StateMemory::Bytes(bytes),
        Err(error) if error.code == Code::UnboundedState => {
            let state = error.at.and_then(|at| artifact.states().get(at as usize));
            let open = |state: &State| {
                let missing = |name: &str| StateBounds::new().at_most(artifact, name, 0).is_ok();
                let axes = state.axes.iter().filter(|axis| axis.size == i64::MAX && missing(&axis.name));
                axes.map(|axis| axis.name.clone()).collect::<Vec<_>>().join(", ")
            };
            StateMemory::Unbounded(state.map(open).unwrap_or_default())
        }
        Err(error) => StateMemory::Unknown(error.to_string()),
    }
}

pub(super) fn write(states: &[StateRow], memory: &StateMemory, out: &mut String) {
    if states.is_empty() {
        return;
    }
    let mut table = Table::new(&[
        ("state", Align::Left),
        ("changes", Align::Left),
        ("type", Align::Left),
        ("bytes a row", Align::Right),
    ]);
    for state in states {
        let dims = format!("{}[{}]", state.dtype, state.axes.join(", "));
        table.row([state.name.clone(), state.kind.into(), dims, state.row_bytes.to_string()]);
    }
    *out += "\nstates\n";
    *out += &table.render("  ");
    let _ = match memory {
        StateMemory::Bytes(all) => writeln!(out, "  memory {}", bytes(*all as u64)),
        StateMemory::Unbounded(names) => writeln!(out, "  memory unbounded: {names} (see --bound NAME=VALUE)"),
        StateMemory::Unknown(why) => writeln!(out, "  memory unknown: {why}"),
    };
}

impl StateUseRow {
    pub(super) fn of(program: &Program<'_>, used: &StateUse) -> Option<StateUseRow> {
        let state = program.artifact().states().get(used.state as usize)?;
        let port = |port: &Option<Port>| {
            port.as_ref().map(|port| PortText { name: port.name.clone(), tensor: describe_port(program, port) })
        };
        let (read, write) = (port(&used.read), port(&used.write));
        Some(StateUseRow { state: state.name.clone(), read, write, adds_rows: used.appends(state) })
    }

    pub(super) fn text(&self) -> String {
        let named = |verb: &str, port: &PortText| format!(", {verb} {} : {}", port.name, port.tensor);
        let read = self.read.as_ref().map(|port| named("read as", port)).unwrap_or_default();
        let verb = if self.adds_rows { "grown to" } else { "written as" };
        let write = self.write.as_ref().map(|port| named(verb, port)).unwrap_or_default();
        format!("{}{read}{write}", self.state)
    }
}
