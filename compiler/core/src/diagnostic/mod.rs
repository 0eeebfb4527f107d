//! What the compiler tells its user: one type, with a code, a place in the user's model and a remedy.

mod code;
pub mod codes;
mod collection;
mod json;
mod location;
mod reference;
mod text;
mod unsupported;

pub use code::{Code, Entry, Group, ParseCodeError};
pub use collection::Diagnostics;
pub use location::{Location, NodeRef};
pub use reference::{explain, reference_page};
pub use unsupported::UnsupportedOperators;

use m4c_ir::memory::NotEnough;
use serde::Serialize;
use std::fmt;

/// How bad a diagnostic is, from mild to severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Explains a decision; nothing to do.
    Note,
    /// The result is usable, but perhaps not what was meant.
    Warning,
    /// The input cannot be compiled or run as it is.
    Error,
    /// An invariant of m4c itself is broken; the input is not to blame.
    Bug,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Bug => "bug",
        })
    }
}

/// One finding. Made by [`Diagnostic::error`] and its siblings, completed by the chained methods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Which kind of finding; `m4c explain CODE` says more.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence in lower case, with the numbers.
    pub message: String,
    /// Where in the user's files.
    pub at: Location,
    /// Further facts, each with its own place.
    pub notes: Vec<Note>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A further fact of a [`Diagnostic`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Where, if elsewhere than the diagnostic itself.
    pub at: Location,
    /// One sentence, or a short list of lines.
    pub text: String,
}

impl Diagnostic {
    /// A diagnostic of any severity, without a place.
    pub fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Diagnostic { code, severity, message: message.into(), at: Location::None, notes: Vec::new(), help: None }
    }

    /// The input cannot be used as it is.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// Usable, but perhaps not what was meant.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    /// Explains a decision.
    pub fn remark(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, message)
    }

    /// An invariant of m4c itself is broken.
    pub fn bug(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Bug, message)
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, place: impl Into<Location>) -> Self {
        self.at = place.into();
        self
    }

    /// Sets the place unless there is one: for callers that know more than the author of the message.
    #[must_use]
    pub fn at_if_unplaced(mut self, place: impl Into<Location>) -> Self {
        if self.at == Location::None {
            self.at = place.into();
        }
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(self, text: impl Into<String>) -> Self {
        self.note_at(Location::None, text)
    }

    /// Adds a fact about another place.
    #[must_use]
    pub fn note_at(mut self, place: impl Into<Location>, text: impl Into<String>) -> Self {
        self.notes.push(Note { at: place.into(), text: text.into() });
        self
    }

    /// Sets the remedy.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

impl From<NotEnough> for Diagnostic {
    fn from(error: NotEnough) -> Diagnostic {
        Diagnostic::error(codes::MEMORY_LIMIT, error.to_string())
            .help("give smaller sizes, or a larger --max-memory where the machine has more")
    }
}

/// The first line of the text form: severity, code and message.
impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}[{}]: {}", self.severity, self.code, text::printable(&self.message))
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests;
