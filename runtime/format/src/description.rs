//! The owned form of the description, as the compiler builds it and the writer stores it.

pub use crate::generated::m4c::artifact::{
    Artifact, Axis, Bind, Buffer, Constant, DType, Digest, Expr, ExprOp, ExprStep, Guard, GuardKind, Kernel, Loop,
    NodeName, Operand, Place, Port, Program, Provenance, Segment, SourceFile, State, StateKind, StateUse, Step, Symbol,
};

impl Operand {
    /// A tensor at `place` with sizes given as expressions.
    pub fn new(place: Place, index: u32, dtype: DType, dims: &[u32]) -> Operand {
        Operand { place, index, dtype, dims: dims.to_vec(), ..Operand::default() }
    }

    /// The row of this tensor that an iteration of the loop with this number selects. The sizes are those of one row.
    pub fn row(self, number: u32, reversed: bool) -> Operand {
        Operand { row: number.saturating_add(1), reversed, ..self }
    }

    /// An optional operand that is not there.
    pub fn absent() -> Operand {
        Operand::default()
    }
}
