//! The commands, one file each.

pub(crate) mod adapter;
pub(crate) mod bench;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod ops;
pub(crate) mod phases;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod verify;

use m4c_compiler::diagnostic::Diagnostics;

/// What a command ends with: warnings, or why it failed.
pub(crate) type Outcome = Result<Diagnostics, Diagnostics>;

/// No warnings.
pub(crate) fn fine() -> Outcome {
    Ok(Diagnostics::new())
}
