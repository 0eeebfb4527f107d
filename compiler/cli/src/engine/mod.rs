//! Other ways to compute what a program computes, each in a file of its own.

pub(crate) mod interpreter;
#[cfg(feature = "torch")]
mod torch;
#[cfg(feature = "tract")]
mod tract;

use crate::array::Array;
use m4c_compiler::diagnostic::Diagnostic;
use m4c_runtime::Program;
use std::path::Path;

/// An independent engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum EngineName {
    /// tract runs the ONNX file itself (needs the feature `tract`)
    Tract,
    /// libtorch runs a TorchScript file of the same model (needs the feature `torch`)
    Torch,
}

/// The outputs of `model` by another engine, in the order of the program's outputs. For torch it is a TorchScript file.
pub(crate) fn run(
    engine: EngineName,
    model: &Path,
    program: &Program<'_>,
    inputs: &[Array],
) -> Result<Vec<Array>, Diagnostic> {
    match engine {
        #[cfg(feature = "tract")]
        EngineName::Tract => tract::run(model, program, inputs),
        #[cfg(feature = "torch")]
        EngineName::Torch => torch::run(model, program, inputs),
        #[cfg(not(all(feature = "tract", feature = "torch")))]
        missing => {
            let _ = (model, program, inputs);
            Err(not_built(missing))
        }
    }
}

#[cfg(not(all(feature = "tract", feature = "torch")))]
fn not_built(engine: EngineName) -> Diagnostic {
    use m4c_compiler::diagnostic::codes;
    let feature = match engine {
        EngineName::Tract => "tract",
        EngineName::Torch => "torch",
    };
    let message = format!("this m4c was built without the feature `{feature}`");
    let help = match engine {
        EngineName::Tract => "build it with: cargo build --release -p m4c --features tract",
        EngineName::Torch => {
            "run scripts/setup --torch, then: source scripts/torch-environment && \
             cargo build --release -p m4c --features torch"
        }
    };
    Diagnostic::error(codes::FEATURE_NOT_BUILT, message).help(help)
}

/// A failure inside of an engine.
#[cfg(any(feature = "tract", feature = "torch"))]
fn failure(engine: &str, model: &Path, what: impl std::fmt::Display) -> Diagnostic {
    use m4c_compiler::diagnostic::codes;
    let message = format!("{engine} cannot run `{}`: {what}", model.display());
    Diagnostic::error(codes::RUN_FAILED, message).at(model)
}
