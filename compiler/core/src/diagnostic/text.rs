//! Diagnostics for people: plain text without colors, safe to print whatever the model contains.

use super::{Diagnostic, Diagnostics, Location, NodeRef, Severity};
use std::borrow::Cow;
use std::fmt::Write as _;

impl Diagnostic {
    /// Several lines, ending in a line break.
    pub fn to_text(&self) -> String {
        let mut out = format!("{self}\n");
        push_place(&mut out, "  ", &self.at);
        for note in &self.notes {
            push_lines(&mut out, "  note: ", &note.text);
            push_place(&mut out, "    ", &note.at);
        }
        if let Some(help) = &self.help {
            push_lines(&mut out, "  help: ", help);
        }
        if self.severity == Severity::Bug {
            let version = env!("CARGO_PKG_VERSION");
            let text = format!("this is a bug in m4c {version}, please report it with the model");
            push_lines(&mut out, "  help: ", &text);
        }
        out
    }
}

impl Diagnostics {
    /// All of them, and a line that counts errors and warnings if there are any.
    pub fn to_text(&self) -> String {
        let mut out: String = self.iter().map(|diagnostic| diagnostic.to_text() + "\n").collect();
        let errors = self.count(Severity::Error) + self.count(Severity::Bug);
        let counts = [(errors, "error"), (self.count(Severity::Warning), "warning")];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        if !counts.is_empty() {
            out += &counts.join(", ");
            out.push('\n');
        }
        out
    }
}

/// Names come from model files and could contain terminal commands.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Controls, and the marks that reorder the text around them.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_lines(out: &mut String, lead: &str, text: &str) {
    for (number, line) in text.lines().enumerate() {
        let lead = if number == 0 { lead } else { "        " };
        let _ = writeln!(out, "{lead}{}", printable(line));
    }
}

fn push_place(out: &mut String, indent: &str, place: &Location) {
    let text = match place {
        Location::None => return,
        Location::Onnx(node) => node_place(node),
        Location::Ir { value, op } => format!("value %{value} ({op})"),
        Location::Data { file, line } => format!("{}:{line}", file.display()),
        Location::File { path } => path.display().to_string(),
    };
    let _ = writeln!(out, "{indent}--> {}", printable(&text));
    if let Location::Onnx(node) = place
        && let Some(source) = &node.source
    {
        let _ = writeln!(out, "{indent}    traced from {}", printable(source));
    }
}

fn node_place(node: &NodeRef) -> String {
    let mut text = format!("{}: node {} ({})", node.file.display(), node.index, node.op_type);
    if !node.name.is_empty() {
        let _ = write!(text, " `{}`", node.name);
    }
    if let Some(scope) = &node.scope {
        let _ = write!(text, " in {scope}");
    }
    text
}
