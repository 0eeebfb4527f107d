//! Diagnostics for programs: the same fields as the text form, one JSON object for each.

use super::{Diagnostic, Diagnostics};

impl Diagnostic {
    /// One JSON object on one line.
    pub fn to_json(&self) -> String {
        // Serializing fails only on maps with odd keys and on failing writers; there is neither.
        serde_json::to_string(self).expect("a diagnostic is made of strings and numbers")
    }
}

impl Diagnostics {
    /// One object a line, in the order of discovery.
    pub fn to_json_lines(&self) -> String {
        self.iter().map(|diagnostic| diagnostic.to_json() + "\n").collect()
    }
}
