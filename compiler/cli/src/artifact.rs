//! Opening artifacts, and the runtime's errors as diagnostics.

use m4c_compiler::diagnostic::{Code, Diagnostic, codes};
use m4c_runtime::{Artifact, Code as RuntimeCode, Error, MappedFile, Program, describe};
use std::io::ErrorKind;
use std::path::Path;

/// Maps an artifact file.
pub(crate) fn map(path: &Path) -> Result<MappedFile, Diagnostic> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let message = format!("there is no file `{shown}`");
            return Err(Diagnostic::error(codes::FILE_MISSING, message).at(path));
        }
        Err(error) => return Err(unreadable(path, &error.to_string())),
        Ok(metadata) if !metadata.is_file() => return Err(unreadable(path, "it is not a regular file")),
        // An empty file cannot be mapped on every system.
        Ok(metadata) if metadata.len() == 0 => {
            let message = format!("`{shown}` is empty");
            return Err(Diagnostic::error(codes::ARTIFACT_DAMAGED, message).at(path));
        }
        Ok(_) => {}
    }
    MappedFile::open(path).map_err(|_| unreadable(path, "the system refuses to map it"))
}

fn unreadable(path: &Path, reason: &str) -> Diagnostic {
    let message = format!("cannot read `{}`: {reason}", path.display());
    Diagnostic::error(codes::FILE_UNREADABLE, message).at(path)
}

/// Checks a mapped artifact.
pub(crate) fn open<'a>(path: &Path, file: &'a MappedFile) -> Result<Artifact<'a>, Diagnostic> {
    Artifact::open(file.bytes()).map_err(|error| {
        let diagnostic = Diagnostic::error(code_of(error.code), error.to_string()).at(path);
        match error.code {
            RuntimeCode::NotAnArtifact => {
                diagnostic.help("`m4c compile MODEL.onnx -o OUT.m4fw` makes an artifact of a model")
            }
            RuntimeCode::VersionUnsupported => diagnostic.help("compile the model again with this m4c"),
            _ => diagnostic.help("copy the file again, or compile the model again"),
        }
    })
}

/// The program of this name; without a name, the only one.
pub(crate) fn program<'a>(
    artifact: &'a Artifact<'a>,
    name: Option<&str>,
    path: &Path,
) -> Result<Program<'a>, Diagnostic> {
    let names: Vec<&str> = artifact.programs().iter().map(|program| program.name()).collect();
    let found = match (name, &*names) {
        (Some(name), _) => Program::find(artifact, name),
        (None, [only]) => Program::find(artifact, only),
        (None, _) => {
            let message = format!("the artifact has {} programs, so one must be chosen", names.len());
            let diagnostic = Diagnostic::error(codes::PROGRAM_UNKNOWN, message).at(path);
            return Err(diagnostic.help(format!("give --program and one of {}", names.join(", "))));
        }
    };
    found.map_err(|error| {
        let message = format!("{}: `{}`", error.code, name.unwrap_or_default());
        let diagnostic = Diagnostic::error(codes::PROGRAM_UNKNOWN, message).at(path);
        diagnostic.help(format!("its programs are {}", names.join(", ")))
    })
}

/// A failure of a program as a diagnostic, with the names that its numbers stand for.
pub(crate) fn failure(error: &Error, program: &Program<'_>) -> Diagnostic {
    let code = code_of(error.code);
    let message = format!("program `{}`: {}", program.name(), describe(error, program));
    let diagnostic =
        if code == codes::INTERNAL { Diagnostic::bug(code, message) } else { Diagnostic::error(code, message) };
    match error.code {
        RuntimeCode::UnboundedSymbol => diagnostic.help("give the largest value with --bound NAME=VALUE"),
        RuntimeCode::NoInstructionSet => {
            diagnostic.help("set it to scalar, avx2, avx512 or neon, whichever this machine has, or to nothing")
        }
        _ => diagnostic.note(format!("runtime error {}", error.code as u32)),
    }
}

fn code_of(code: RuntimeCode) -> Code {
    use RuntimeCode::*;
    match code {
        VersionUnsupported | UnknownKernel | MissingExecutor => codes::ARTIFACT_VERSION,
        code if (code as u32) < 200 => codes::ARTIFACT_DAMAGED,
        NoSuchProgram => codes::PROGRAM_UNKNOWN,
        WrongDtype => codes::RUN_INPUT_DTYPE,
        WrongInputCount => codes::RUN_INPUT_MISSING,
        WrongName => codes::RUN_INPUT_UNKNOWN,
        UnboundedSymbol | BoundOutOfRange | WrongRank | DimMismatch | GuardFailed | OutOfBounds | UnboundedState
        | StateBoundOutOfRange | StateFull | StateMismatch => codes::RUN_INPUT_SHAPE,
        StateEmpty => codes::RUN_INPUT_MISSING,
        TooLarge | NoInstructionSet | IndexOutOfRange | Cancelled | Io => codes::RUN_FAILED,
        // What is left is between m4c's compiler, its runtime and this program.
        _ => codes::INTERNAL,
    }
}
