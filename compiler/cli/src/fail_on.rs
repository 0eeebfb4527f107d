//! Conditions that a build puts on what was compiled: `arena>64MB,steps>500`.

use crate::{artifact, targets};
use m4c_compiler::compile::Report;
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_runtime::{Artifact, Bounds, Code, Error, Program, describe};
use std::path::Path;

/// A size that must not be exceeded.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Condition {
    measure: Measure,
    most: u64,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Measure {
    /// Bytes of working memory of one session with one thread, at the upper bounds of all symbols.
    Arena,
    /// Bytes of the whole file.
    Artifact,
    /// Bytes of all constants as they lie in the artifact.
    Weights,
    /// Steps of a program.
    Steps,
}

const MEASURES: [(&str, Measure); 4] = [
    ("arena", Measure::Arena),
    ("artifact", Measure::Artifact),
    ("weights", Measure::Weights),
    ("steps", Measure::Steps),
];

/// Decimal and binary units.
const UNITS: [(&str, u64); 7] = [
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

impl std::str::FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Condition, String> {
        let text = text.trim();
        let names: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        let (name, value) = text.split_once('>').ok_or("expected MEASURE>VALUE, as in arena>64MB")?;
        let measure = MEASURES.iter().find(|(known, _)| *known == name.trim()).map(|(_, measure)| *measure);
        let measure =
            measure.ok_or_else(|| format!("there is no measure `{}`, but {}", name.trim(), names.join(", ")))?;
        let most = match measure {
            Measure::Steps => value.trim().parse().ok(),
            _ => size(value.trim()),
        };
        let expected = if measure == Measure::Steps { "a whole number" } else { "a size, as in 64MB, 1.5GiB or 4096" };
        let most = most.ok_or_else(|| format!("`{}` is not {expected}", value.trim()))?;
        Ok(Condition { measure, most, text: text.to_owned() })
    }
}

/// Reads a number of bytes.
fn size(text: &str) -> Option<u64> {
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit))).unwrap_or((text, 1));
    let number = number.trim_end();
    if !number.starts_with(|c: char| c.is_ascii_digit()) || !number.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 9)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / 10u128.pow(digits);
    whole.checked_add(u64::try_from(part).ok()?)
}

/// Compiles to a file that takes the place of `output` only where all conditions hold.
pub(crate) fn compile_within(
    conditions: &[Condition],
    output: &Path,
    compile: impl FnOnce(&Path) -> Result<(Report, Diagnostics), Diagnostics>,
) -> Result<(Report, Diagnostics), Diagnostics> {
    let refused = |error: std::io::Error| {
        let message = format!("cannot write `{}`: {error}", output.display());
        Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message).at(output)
    };
    // Beside the output, so that a renaming is enough.
    let beside = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = tempfile::tempdir_in(beside).map_err(refused)?;
    let path = folder.path().join("unchecked.m4fw");
    let (report, mut diagnostics) = compile(&path)?;
    let failed = {
        let file = artifact::map(&path)?;
        check(conditions, &artifact::open(&path, &file)?, &report)
    };
    if !failed.is_empty() {
        diagnostics.extend(failed);
        return Err(diagnostics);
    }
    std::fs::rename(&path, output).map_err(refused)?;
    Ok((report, diagnostics))
}

/// All conditions that do not hold, and those that cannot be decided.
fn check(conditions: &[Condition], artifact: &Artifact<'_>, report: &Report) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for condition in conditions {
        let bytes = |bytes: u64| format!("{bytes} bytes");
        match condition.measure {
            Measure::Artifact => {
                diagnostics.extend(condition.exceeded("the artifact", report.artifact_bytes, bytes));
            }
            Measure::Weights => {
                let sum = artifact.constants().iter().fold(0u64, |sum, constant| sum.saturating_add(constant.length));
                diagnostics.extend(condition.exceeded("the weights", sum, bytes));
            }
            Measure::Steps => {
                for program in &report.programs {
                    let what = format!("program `{}`", program.name);
                    diagnostics
                        .extend(condition.exceeded(&what, program.steps as u64, |steps| format!("{steps} steps")));
                }
            }
            Measure::Arena => {
                for program in (0..artifact.programs().len()).filter_map(|index| Program::nth(artifact, index).ok()) {
                    let what = format!("the arena of program `{}`", program.name());
                    match program.memory(&Bounds::of(&program), &targets::executors(), 1) {
                        Ok(needs) => diagnostics.extend(condition.exceeded(&what, needs.arena as u64, bytes)),
                        Err(error) => diagnostics.push(condition.undecided(&what, &error, &program)),
                    }
                }
            }
        }
    }
    diagnostics
}

impl Condition {
    fn exceeded(&self, what: &str, found: u64, show: impl Fn(u64) -> String) -> Option<Diagnostic> {
        let message = format!("{what} takes {}, and at most {} are allowed", show(found), show(self.most));
        let note = format!("--fail-on {}", self.text);
        (found > self.most).then(|| Diagnostic::error(codes::LIMIT_EXCEEDED, message).note(note))
    }

    fn undecided(&self, what: &str, error: &Error, program: &Program<'_>) -> Diagnostic {
        let symbol = error.at.and_then(|at| program.tables().symbols().get(at as usize));
        let (message, help) = match symbol.filter(|_| error.code == Code::UnboundedSymbol) {
            Some(symbol) => (
                format!("{what} has no limit, because `{}` has no upper bound", symbol.name),
                format!("bound it, as in --dim {}=1..512", symbol.name),
            ),
            None => (
                format!("the size of {what} cannot be computed: {}", describe(error, program)),
                "leave out the condition on the arena".to_owned(),
            ),
        };
        let note = format!("--fail-on {}", self.text);
        Diagnostic::error(codes::LIMIT_EXCEEDED, message).note(note).help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let most = |text: &str| text.parse::<Condition>().map(|condition| condition.most);
        assert_eq!(most("arena>64MB"), Ok(64_000_000));
        assert_eq!(most("arena > 64 MiB"), Ok(64 << 20));
        assert_eq!(most("artifact>1.5kB"), Ok(1500));
        assert_eq!(most("weights>0.25KiB"), Ok(256));
        assert_eq!(most("weights>10"), Ok(10));
        assert_eq!(most("weights>10B"), Ok(10));
        assert_eq!(most("steps>500"), Ok(500));
        assert_eq!(most("arena>0"), Ok(0));
        for wrong in [
            "",
            "arena",
            "arena<1",
            "arena>",
            "arena>MB",
            "arena>-1",
            "arena>1.",
            "arena>.5MB",
            "arena>1e3",
            "arena>1mb",
            "arena>1..2",
            "arena>99999999999999999999",
            "arena>99999999999GB",
            "steps>1kB",
            "steps>1.5",
            "size>1",
        ] {
            assert!(most(wrong).is_err(), "{wrong}");
        }
    }
}
