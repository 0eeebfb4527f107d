//! Results go to stdout, everything about them to stderr.

use anstyle::{AnsiColor, Style};
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, Severity, codes};
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

/// How diagnostics are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub(crate) enum MessageFormat {
    /// For people; in color on a terminal
    #[default]
    Text,
    /// For programs: one JSON object a line
    Json,
}

/// The two streams of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    format: MessageFormat,
}

impl Console {
    pub(crate) fn new(format: MessageFormat) -> Console {
        Console { format }
    }

    /// Writes a part of the result.
    pub(crate) fn print(self, text: &str) -> Result<(), Diagnostic> {
        let mut out = anstream::stdout();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // A reader that has seen enough, as in `m4c ops | head`, is no error.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => {
                let message = format!("cannot write to the standard output: {error}");
                Err(Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Writes a value as indented JSON.
    pub(crate) fn print_json(self, value: &impl serde::Serialize) -> Result<(), Diagnostic> {
        self.print(&to_json(value)?)
    }

    /// Writes diagnostics. A failure to do so has nowhere to be reported.
    pub(crate) fn report(self, diagnostics: &Diagnostics) {
        if diagnostics.is_empty() {
            return;
        }
        let text = match self.format {
            MessageFormat::Json => diagnostics.to_json_lines(),
            MessageFormat::Text => styled(diagnostics),
        };
        let _ = anstream::stderr().write_all(text.as_bytes());
    }

    /// Whether people read what is said.
    pub(crate) fn is_for_people(self) -> bool {
        self.format == MessageFormat::Text
    }

    /// Writes a remark for people; programs do not get it.
    pub(crate) fn remark(self, text: &str) {
        if self.is_for_people() {
            let _ = anstream::stderr().write_all(text.as_bytes());
        }
    }
}

/// A value as indented JSON.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String, Diagnostic> {
    let text = serde_json::to_string_pretty(value).map_err(|error| {
        let message = format!("a report cannot be written as JSON: {error}");
        Diagnostic::bug(codes::INTERNAL, message)
    })?;
    Ok(text + "\n")
}

/// The text form with the leading words in color; the stream removes colors where they do not belong.
fn styled(diagnostics: &Diagnostics) -> String {
    let mut out = String::new();
    let text = diagnostics.to_text();
    let mut heads =
        diagnostics.iter().map(|item| (item.severity, format!("{}[{}]", item.severity, item.code))).peekable();
    for line in text.lines() {
        if let Some((severity, head)) = heads.next_if(|(_, head)| line.starts_with(head.as_str())) {
            let style = style_of(severity);
            let _ = writeln!(out, "{style}{head}{style:#}{}", &line[head.len()..]);
            continue;
        }
        let label = ["  note:", "  help:"].into_iter().find(|label| line.starts_with(label));
        let _ = match label {
            Some(label) => {
                let style = Style::new().bold();
                writeln!(out, "{style}{label}{style:#}{}", &line[label.len()..])
            }
            None => writeln!(out, "{line}"),
        };
    }
    out
}

fn style_of(severity: Severity) -> Style {
    let color = match severity {
        Severity::Note => AnsiColor::Cyan,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Error => AnsiColor::Red,
        Severity::Bug => AnsiColor::Magenta,
    };
    Style::new().bold().fg_color(Some(color.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_change_nothing_but_colors() {
        let mut all = Diagnostics::new();
        all.push(Diagnostic::error(codes::DIM_SYNTAX, "one").note("a note\nof two lines"));
        all.push(Diagnostic::warning(codes::DIM_UNKNOWN, "two").help("try this"));
        let styled = styled(&all);
        assert!(styled.contains("\u{1b}["));
        assert_eq!(anstream::adapter::strip_str(&styled).to_string(), all.to_text());
    }
}
