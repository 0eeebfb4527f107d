//! How far rewriting may change numbers, as a value on the command line.

use clap::ValueEnum;
use m4c_compiler::rewrite::RuleNumerics;

/// A class of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Numerics {
    /// Nothing is rewritten
    None,
    /// Every bit stays, those of NaN, infinities and signed zeros included
    Exact,
    /// Equal as real numbers, rounded in another way
    Reassociate,
    /// Also rules whose sides are apart by more than rounding
    Approximate,
}

impl Numerics {
    /// The class that a project has.
    pub(crate) fn class(self) -> Option<RuleNumerics> {
        match self {
            Numerics::None => None,
            Numerics::Exact => Some(RuleNumerics::Exact),
            Numerics::Reassociate => Some(RuleNumerics::Reassociate),
            Numerics::Approximate => Some(RuleNumerics::Approximate),
        }
    }
}
