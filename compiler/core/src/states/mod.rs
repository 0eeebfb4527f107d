//! States: inputs and outputs of programs that an `m4.toml` joins, so that what one run leaves the next one finds.
//!
//! The graphs stay as they are, with `past` in and `present` out. Here the ports are paired and it is found out how each
//! program changes a state; the plan puts it in its place.

mod pattern;
mod resolve;

pub use pattern::PortPattern;
pub use resolve::resolve;

use m4c_ops::DType;

/// What a project says of a group of states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateDeclaration {
    /// Name of the group, which its states are named after.
    pub name: String,
    /// Outputs that write the states.
    pub from: Vec<PortPattern>,
    /// Inputs that read them. Those of the first pattern say how many states there are.
    pub to: Vec<PortPattern>,
    /// Where it is said.
    pub place: crate::diagnostic::Location,
}

/// A tensor that programs share and that outlives runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Its name in the artifact.
    pub name: String,
    /// How programs change it.
    pub kind: StateKind,
    /// Type of its elements.
    pub dtype: DType,
    /// Its axes in the order of the model.
    pub axes: Vec<Axis>,
}

/// How a state changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateKind {
    /// Rows are added along this axis.
    Append(usize),
    /// It is written whole, by programs that do not read it.
    Write,
    /// It is read and written whole by the same run.
    Carry,
}

/// The sizes that an axis may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Axis {
    /// This one.
    Fixed(i64),
    /// Any up to a bound, which callers give by name.
    Bounded {
        /// The name.
        name: String,
        /// The largest that the models allow, where they say.
        most: Option<i64>,
    },
}

/// What a program does with a state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateUse {
    /// The state.
    pub state: State,
    /// The input that it replaces.
    pub read: Option<String>,
    /// The output that it replaces.
    pub write: Option<String>,
}

impl State {
    /// The axis along which rows are added.
    pub fn append_axis(&self) -> Option<usize> {
        match self.kind {
            StateKind::Append(axis) => Some(axis),
            StateKind::Write | StateKind::Carry => None,
        }
    }
}

impl StateUse {
    /// The axis along which this program adds rows.
    pub fn appends(&self) -> Option<usize> {
        self.state.append_axis().filter(|_| self.read.is_some() && self.write.is_some())
    }
}
