//! Every way in which opening, binding or running an artifact can fail, as numbers that never change their meaning.

use core::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $message:literal;)+) => {
        /// What went wrong: 1xx the file, 2xx the program or session, 3xx the binding, 4xx the run, 5xx input and output.
        #[repr(u32)]
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $($(#[doc = $doc])+ $name = $number,)+
        }

        impl Code {
            /// All codes in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// One sentence for people, without the names that only the artifact knows.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Code::$name => $message,)+
                }
            }
        }
    };
}

codes! {
    /// The caller gave a file of another kind.
    NotAnArtifact = 100, "the file is not an m4c artifact";
    /// The artifact was written by a compiler of another generation than this runtime.
    VersionUnsupported = 101, "the format version of the artifact is not supported by this runtime";
    /// The file lost its end on the way here, or grew one.
    Truncated = 102, "the file is shorter or longer than its header says";
    /// The header was altered after it was written.
    HeaderDamaged = 103, "the header does not match its hash";
    /// The description was altered after it was written.
    DescriptionDamaged = 104, "the description does not match its hash";
    /// A segment was altered after it was written; `at` is its index.
    SegmentDamaged = 105, "a segment does not match its hash";
    /// The writer of the artifact is at fault: the description is intact but contradicts itself.
    Malformed = 106, "the description contradicts itself";

    /// The caller named a program, state or port that the artifact does not have.
    NoSuchProgram = 200, "the artifact has no such program";
    /// The caller gave no upper bound for a symbol whose range has none; `at` is the symbol.
    UnboundedSymbol = 201, "a symbol needs an upper bound";
    /// The caller gave a bound outside the range of the symbol; `at` is the symbol.
    BoundOutOfRange = 202, "a bound lies outside the range of its symbol";
    /// The executor is older than the compiler that chose the kernel; `at` is the kernel.
    UnknownKernel = 203, "the executor has no kernel of this name";
    /// The caller did not pass the executor that the program needs; `at` is the kernel.
    MissingExecutor = 204, "no executor of this name was given";
    /// The sizes asked for do not fit into memory or into 64 bits; `at` is the buffer or step where there is one.
    TooLarge = 205, "the program is too large for these bounds on this device";
    /// The caller's arena is smaller than `memory` said.
    ArenaTooSmall = 206, "the arena is smaller than the session needs";
    /// The compiler is at fault: a kernel refuses the types, sizes or parameters of a step; `at` is the node.
    BadStep = 207, "a kernel refuses its step";
    /// The caller gave no upper bound for an axis of a state that has none; `at` is the state.
    UnboundedState = 208, "an axis of a state needs an upper bound";
    /// The caller gave an upper bound for an axis that no state has, or above the largest size of one; `at` is the state.
    StateBoundOutOfRange = 209, "a bound does not fit the states";
    /// The environment variable `M4RT_ISA` names an instruction set that this machine or this build has not.
    NoInstructionSet = 210, "M4RT_ISA names an instruction set that is not available";

    /// The caller gave another number of inputs or outputs than the program has.
    WrongInputCount = 300, "the number of inputs or outputs is wrong";
    /// The caller named an input, output or symbol that the program does not have.
    WrongName = 301, "the program has no input, output or symbol of this name";
    /// The caller gave a tensor of another type; `at` is the input.
    WrongDtype = 302, "the type of an input is wrong";
    /// The caller gave a tensor of another rank; `at` is the input.
    WrongRank = 303, "the number of dimensions of an input is wrong";
    /// The caller gave a size that differs from a fixed size or from another input; `at` is the input.
    DimMismatch = 304, "a size of an input does not fit";
    /// The caller's sizes violate a condition under which the program was compiled; `at` is the guard.
    GuardFailed = 305, "the sizes violate a condition of the program";
    /// The caller's sizes lie outside a symbol's range or the session's bounds; `at` is the symbol.
    OutOfBounds = 306, "a size lies outside the bounds of the session";
    /// The caller's buffer has another length than the tensor needs; `at` is the input, or the output.
    BufferTooSmall = 307, "a buffer does not have the length that its tensor needs";
    /// The caller's buffer, arena or file bytes are not aligned for the element type; `at` is the port where there is one.
    Misaligned = 308, "a buffer is not aligned";
    /// The caller ran a session before its sizes were bound.
    NotBound = 309, "the sizes of the inputs are not bound";
    /// The caller gave no states, or those of another artifact, to a program that works on states.
    StatesMissing = 310, "the program works on the states of its artifact";
    /// The caller lets a program read a state that nothing was written to or that was reset; `at` is the state.
    StateEmpty = 311, "a state holds nothing yet";
    /// The run would make a state longer or larger than the bounds that states were made for; `at` is the state.
    StateFull = 312, "a state has no room for what the run adds";
    /// A size of a state differs from a fixed size or from that of an input; `at` is the state.
    StateMismatch = 313, "a size of a state does not fit";
    /// The caller changed a state, or ran on it, after sizes were bound to it; `at` is the state.
    StateChanged = 314, "a state has changed since its sizes were bound";
    /// The caller asked for the sizes of an output that a run decides before there was one; `at` is the output.
    SizeOpen = 315, "the sizes of an output are only known after a run";

    /// The caller asked to stop.
    Cancelled = 400, "the run was canceled";
    /// The caller's data held an index outside its tensor; `at` is the node.
    IndexOutOfRange = 401, "an index in the data is out of range";
    /// A kernel failed or panicked; `at` is the node.
    KernelFailed = 402, "a kernel failed";
    /// The data gives a size outside its symbol's range or the session's bounds; `at` is the symbol.
    DataOutOfBounds = 403, "a size that the data decides lies outside its bounds";

    /// The system could not read the file, or could not start a thread.
    Io = 500, "the file cannot be read, or a thread cannot be started";
    /// The caller passed a null pointer, a wrong length or text that is not UTF-8 through the C interface.
    BadArgument = 501, "an argument is null or invalid";
    /// A bug in the runtime; please report it.
    Internal = 502, "the runtime has a bug";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// A failure: what, where, and for malformed descriptions which rule was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// The node, port, symbol, guard, kernel or segment that the code's documentation names.
    pub at: Option<u32>,
    /// More than the code says, or empty.
    pub detail: &'static str,
}

impl Error {
    /// A failure without a place.
    pub const fn new(code: Code) -> Error {
        Error { code, at: None, detail: "" }
    }

    /// A failure at the node, port, symbol or other thing that the code's documentation names.
    pub const fn at(code: Code, at: u32) -> Error {
        Error { code, at: Some(at), detail: "" }
    }

    /// The same failure, saying more.
    pub const fn because(self, detail: &'static str) -> Error {
        Error { detail, ..self }
    }

    /// A description that breaks the rule `detail`.
    pub(crate) const fn malformed(detail: &'static str) -> Error {
        Error::new(Code::Malformed).because(detail)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Error {
        Error::new(code)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.code as u32, self.code.message())?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        match self.at {
            Some(at) => write!(f, " (at {at})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}
