//! The m4c command line. A library only so that tests can read what the binary prints into the reference, and feed its readers.

mod aligned;
mod arguments;
pub mod array;
mod artifact;
mod bug;
mod chosen;
mod command;
mod comparison;
mod console;
mod engine;
mod execute;
mod inputs;
mod limits;
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
use m4c_compiler::diagnostic::{Diagnostics, Location, codes};
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
        Command::Verify(command) => command.run(console),
        Command::Ops(command) => command.run(console),
        Command::Phases(command) => command.run(console),
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

/// Wrong usage is also what only the model's dimensions reveal.
fn exit_code(diagnostics: &Diagnostics) -> u8 {
    let typed_wrong =
        diagnostics.iter().all(|diagnostic| diagnostic.code == codes::DIM_SYNTAX && diagnostic.at == Location::None);
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
        let in_manifest = Diagnostic::error(codes::DIM_SYNTAX, "x").at(Path::new("m4.toml"));
        assert_eq!(exit_code(&in_manifest.into()), 1);
        assert_eq!(exit_code(&Diagnostic::bug(codes::INTERNAL, "x").into()), 101);
    }
}
