//! All targets: the only place that names them.

use m4c_compiler::diagnostic::{Diagnostic, codes};
use m4c_runtime::Executor;
use m4c_target::{ProfileError, Target};

/// Loops that show how fast this machine multiplies and adds.
pub(crate) use m4c_exec_cpu::rate::{MultiplyAdd, multiply_adds};

/// A target that models can be compiled for, and what runs the result on this machine.
pub(crate) struct TargetEntry {
    pub(crate) name: &'static str,
    summary: &'static str,
    /// Reads the tables of the target, which are part of this program.
    load: fn() -> Result<Box<dyn Target>, ProfileError>,
    executor: &'static dyn Executor,
}

impl TargetEntry {
    /// The target.
    pub(crate) fn target(&self) -> Result<Box<dyn Target>, Diagnostic> {
        (self.load)().map_err(|error| {
            let message = format!("the tables of target `{}` are wrong: {error}", self.name);
            Diagnostic::bug(codes::INTERNAL, message)
        })
    }
}

/// For arguments, which are printed by name.
impl std::fmt::Debug for TargetEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TargetEntry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All targets, the default first.
pub(crate) static TARGETS: &[TargetEntry] = &[TargetEntry {
    name: "cpu",
    summary: "x86-64 and aarch64 processors; one artifact serves all of them",
    load: || Ok(Box::new(m4c_target_cpu::CpuTarget::new()?)),
    executor: &m4c_exec_cpu::CPU,
}];

/// The executors of all targets.
pub(crate) fn executors() -> Vec<&'static dyn Executor> {
    TARGETS.iter().map(|entry| entry.executor).collect()
}

/// Reads the name of a target, and lists them in the help.
#[derive(Clone, Copy)]
pub(crate) struct TargetParser;

impl clap::builder::TypedValueParser for TargetParser {
    type Value = &'static TargetEntry;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let names = clap::builder::PossibleValuesParser::new(TARGETS.iter().map(|entry| entry.name));
        let name = names.parse_ref(command, argument, value)?;
        let found = TARGETS.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidValue))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = clap::builder::PossibleValue> + '_>> {
        let values = TARGETS.iter().map(|entry| clap::builder::PossibleValue::new(entry.name).help(entry.summary));
        Some(Box::new(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_executors_have_the_same_names() {
        for entry in TARGETS {
            assert!(entry.target().is_ok(), "{}", entry.name);
            assert_eq!(entry.executor.name(), entry.name);
        }
    }
}
