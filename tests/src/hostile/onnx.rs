//! Models, from bytes to a plan.

use super::assert_no_bug;
use m4c_compiler::diagnostic::Diagnostics;
use m4c_compiler::facts::facts;
use m4c_compiler::import::import;
use m4c_compiler::lower::lower;
use m4c_compiler::onnx::ModelFile;
use m4c_compiler::plan::{Plan, plan};
use m4c_target_cpu::CpuTarget;
use std::sync::OnceLock;

/// Plans a model; a refusal must not be a bug of the compiler.
pub(super) fn read(bytes: &[u8]) {
    if let Err(errors) = planned(bytes) {
        assert_no_bug(&errors);
    }
}

/// The plan of a model whose file has these bytes.
///
/// # Errors
/// Everything that is wrong with the model.
///
/// # Panics
/// Where the target's tables cannot be read.
pub fn planned(bytes: &[u8]) -> Result<Plan, Diagnostics> {
    static TARGET: OnceLock<CpuTarget> = OnceLock::new();
    let target = TARGET.get_or_init(|| CpuTarget::new().expect("the target's tables"));
    // The folder does not exist, so that no data beside the model is found.
    let file = ModelFile::from_bytes("/nowhere/model.onnx", bytes.to_vec().into())?;
    let (imported, _) = import(&file, "main")?;
    let (graph, _) = facts(&imported.graph, &[])?;
    plan(&lower(&graph, target)?, target)
}
