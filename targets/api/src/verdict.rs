//! Whether a target takes a node.

/// The answer to whether a target takes a concrete node. That nobody knows is not that it does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It does.
    Yes,
    /// It does not.
    No {
        /// Why not, in words that a user can act on.
        reason: String,
    },
    /// Its tables say nothing about it.
    Unknown,
}

impl Verdict {
    /// A refusal.
    pub fn no(reason: impl Into<String>) -> Verdict {
        Verdict::No { reason: reason.into() }
    }

    /// Whether this is a yes.
    pub fn is_yes(&self) -> bool {
        *self == Verdict::Yes
    }

    /// Why a node is not taken; `None` where it is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Verdict::Yes => None,
            Verdict::No { reason } => Some(reason),
            Verdict::Unknown => Some("its support table says nothing about this operator"),
        }
    }
}
