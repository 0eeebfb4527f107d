//! One program of a model, for commands that compile it only to use it at once.

use crate::command::compile::is_manifest;
use crate::size;
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_compiler::project::Project;
use std::path::Path;
use tempfile::TempDir;

/// The project and the name of its program, with the other programs only where they share states.
pub(crate) fn project(model: &Path, program: Option<&str>, dims: &[String]) -> Result<(Project, String), Diagnostics> {
    let mut project = Project::open(model, &size::settings(dims)?)?;
    let names: Vec<String> = project.programs.iter().map(|program| program.name.clone()).collect();
    let name = match (program, &*names) {
        (Some(name), _) if names.iter().any(|known| known == name) => name.to_owned(),
        (None, [only]) => only.clone(),
        _ => return Err(choose(&names, model).into()),
    };
    if project.states.is_empty() {
        project.programs.retain(|program| program.name == name);
    }
    Ok((project, name))
}

/// A folder for an artifact that nobody keeps.
pub(crate) fn folder() -> Result<TempDir, Diagnostic> {
    tempfile::tempdir().map_err(|error| {
        let message = format!("cannot make a temporary folder: {error}");
        Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message)
    })
}

fn choose(names: &[String], model: &Path) -> Diagnostic {
    let kind = if is_manifest(model) { "the manifest" } else { "an ONNX file" };
    let message = format!("{kind} has {} programs, and --program must name one", names.len());
    let diagnostic = Diagnostic::error(codes::PROGRAM_UNKNOWN, message).at(model);
    diagnostic.help(format!("give --program and one of {}", names.join(", ")))
}
