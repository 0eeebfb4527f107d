//! The m4c command line. A library only so that tests can read what the binary prints into the reference, and feed its readers.

mod adapters;
mod aligned;
mod arguments;
pub mod array;
mod artifact;
mod bug;
mod chosen;
mod command;
mod comparison;
mod console;
mod dependencies;
mod engine;
mod execute;
mod extraction;
mod fail_on;
mod inputs;
mod limits;
mod memory;
mod numerics;
mod phase;
mod ports;
mod profile;
mod random;
mod reference;
mod size;
mod statistics;
mod summary;
mod table;
mod targets;
mod vectors;
mod watch;

pub use reference::{Page, pages, reference};

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use console::Console;
use m4c_compiler::diagnostic::{Diagnostics, Location, Severity, codes};
use std::process::ExitCode;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let console = Console::new(arguments.message_format);
    bug::report_panics(console);
    if let Some(bytes) = arguments.max_memory {
        m4c_ir::memory::set_limit(bytes);
    }
    let outcome = match &arguments.command {
        Command::Compile(command) => command.run(console),
        Command::Run(command) => command.run(console),
        Command::Bench(command) => command.run(console),
        Command::Inspect(command) => command.run(console),
        Command::Diff(command) => return command.run(console),
        Command::Verify(command) => command.run(console),
        Command::Adapter(command) => command.run(console),
        Command::Ops(command) => command.run(console),
        Command::Phases(command) => command.run(console),
        Command::Rules(command) => command.run(console),
        Command::Explain(command) => command.run(console),
        Command::Completions(command) => command.run(console),
    };
    let (diagnostics, failed) = match outcome {
        Ok(warnings) => (warnings, false),
        Err(errors) => (errors, true),
    };
    console.report(&diagnostics);
    match (failed, exit_code(&diagnostics)) {
        (true, 0) => ExitCode::FAILURE,
        (_, code) => ExitCode::from(code),
    }
}

/// What `m4c compile --fail-on` ends with.
const LIMIT_EXCEEDED: u8 = 3;

/// Wrong usage is also what only the model's dimensions reveal.
fn exit_code(diagnostics: &Diagnostics) -> u8 {
    let typed_wrong =
        diagnostics.iter().all(|diagnostic| diagnostic.code == codes::DIM_SYNTAX && diagnostic.at == Location::None);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity >= Severity::Error);
    let mut codes = errors.map(|diagnostic| diagnostic.code).peekable();
    if codes.peek().is_some() && codes.all(|code| code == codes::LIMIT_EXCEEDED) {
        return LIMIT_EXCEEDED;
    }
    if typed_wrong && !diagnostics.is_empty() { 2 } else { diagnostics.exit_code() }
}

/// Stops with a message about the command line that its definition cannot express.
fn usage_error(message: &str) -> ! {
    Arguments::command().error(clap::error::ErrorKind::ArgumentConflict, message).exit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use m4c_compiler::diagnostic::{Code, Diagnostic};
    use std::path::Path;

    #[test]
    fn exit_codes_tell_who_is_to_blame() {
        let error = |code: Code| Diagnostics::from(Diagnostic::error(code, "x"));
        assert_eq!(exit_code(&Diagnostics::new()), 0);
        assert_eq!(exit_code(&error(codes::NOT_ONNX)), 1);
        assert_eq!(exit_code(&error(codes::DIM_SYNTAX)), 2);
        let mut exceeded = error(codes::LIMIT_EXCEEDED);
        exceeded.push(Diagnostic::warning(codes::DIM_UNKNOWN, "x"));
        assert_eq!(exit_code(&exceeded), 3);
        exceeded.push(Diagnostic::error(codes::NOT_ONNX, "x"));
        assert_eq!(exit_code(&exceeded), 1);
        let in_manifest = Diagnostic::error(codes::DIM_SYNTAX, "x").at(Path::new("m4.toml"));
        assert_eq!(exit_code(&in_manifest.into()), 1);
        assert_eq!(exit_code(&Diagnostic::bug(codes::INTERNAL, "x").into()), 101);
    }
}
