//! Numbers of diagnostics, and the entry that explains each.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The number of one kind of diagnostic, written `M4C0101`; the first two digits are its group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub(super) u16);

/// What is known of a [`Code`].
#[derive(Debug)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// The constant's name in [`codes`](super::codes).
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it means and why m4c insists.
    pub explanation: &'static str,
    /// An input or a command that produces it.
    pub example: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The codes of one part of the compiler.
#[derive(Debug)]
pub struct Group {
    /// The first two digits.
    pub hundred: u16,
    /// The part.
    pub title: &'static str,
    /// In rising order.
    pub entries: &'static [Entry],
}

impl Code {
    /// The entry; `None` only for a number that was parsed and does not exist.
    pub fn entry(self) -> Option<&'static Entry> {
        super::codes::entries().find(|entry| entry.code == self)
    }

    /// The number without its prefix.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "M4C{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

/// The text is not a code such as `M4C0101`, or no such code exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseCodeError;

impl fmt::Display for ParseCodeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("not the code of a diagnostic; codes look like M4C0101")
    }
}

impl std::error::Error for ParseCodeError {}

/// Reads `M4C0101`, `m4c0101` or `0101`; succeeds only for a code that exists.
impl FromStr for Code {
    type Err = ParseCodeError;

    fn from_str(text: &str) -> Result<Self, ParseCodeError> {
        let upper = text.trim().to_ascii_uppercase();
        let digits = upper.strip_prefix("M4C").unwrap_or(&upper);
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseCodeError);
        }
        let code = Code(digits.parse().map_err(|_| ParseCodeError)?);
        code.entry().map(|entry| entry.code).ok_or(ParseCodeError)
    }
}

/// Declares the codes of one group: a constant for each, and the table `ENTRIES` of all of them.
macro_rules! codes {
    ($($name:ident = $number:literal {
        title: $title:literal,
        explanation: $explanation:literal,
        example: $example:literal,
        remedy: $remedy:literal $(,)?
    })*) => {
        $(#[doc = $title]
        pub const $name: $crate::diagnostic::Code = $crate::diagnostic::Code($number);)*

        pub(super) const ENTRIES: &[$crate::diagnostic::Entry] = &[$(
            $crate::diagnostic::Entry {
                code: $name,
                name: stringify!($name),
                title: $title,
                explanation: $explanation,
                example: $example,
                remedy: $remedy,
            }
        ),*];
    };
}
pub(super) use codes;
