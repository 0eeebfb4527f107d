//! A panic is a bug of m4c: it says so, and what to report. The exit code is then 101.

use crate::console::Console;
use m4c_compiler::diagnostic::{Diagnostic, codes};
use std::panic::{self, PanicHookInfo};

/// Prints panics as diagnostics from now on.
pub(crate) fn report_panics(console: Console) {
    panic::set_hook(Box::new(move |info| console.report(&diagnostic(info).into())));
}

fn diagnostic(info: &PanicHookInfo<'_>) -> Diagnostic {
    let message = info.payload_as_str().unwrap_or("no message");
    let diagnostic = Diagnostic::bug(codes::INTERNAL, format!("m4c stopped: {message}"));
    let command: Vec<String> = std::env::args().map(|argument| format!("{argument:?}")).collect();
    let diagnostic = match info.location() {
        Some(place) => diagnostic.note(format!("at {}:{}", place.file(), place.line())),
        None => diagnostic,
    };
    diagnostic.note(format!("the command was {}", command.join(" ")))
}
