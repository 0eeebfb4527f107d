//! The owned form of the description, as the compiler builds it and the writer stores it.

pub use crate::generated::m4c::artifact::{
    Artifact, Axis, Buffer, Constant, DType, Digest, Expr, ExprOp, ExprStep, Guard, GuardKind, Kernel, NodeName,
    Operand, Place, Port, Program, Provenance, Segment, SourceFile, State, StateKind, StateUse, Step, Symbol,
};

impl Operand {
    /// A tensor at `place` with sizes given as expressions.
    pub fn new(place: Place, index: u32, dtype: DType, dims: &[u32]) -> Operand {
        Operand { place, index, dtype, dims: dims.to_vec() }
    }

    /// An optional operand that is not there.
    pub fn absent() -> Operand {
        Operand::default()
    }
}
