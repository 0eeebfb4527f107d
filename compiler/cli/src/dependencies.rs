//! A file for make and ninja that names what an output was made from.

use m4c_compiler::diagnostic::{Diagnostic, codes};
use std::path::{Path, PathBuf};

/// Writes `output: file …` as a rule of make.
pub(crate) fn write(path: &Path, output: &Path, files: &[PathBuf]) -> Result<(), Diagnostic> {
    let mut rule = escaped(output)?;
    rule.push(':');
    for file in files {
        rule.push_str(" \\\n  ");
        rule.push_str(&escaped(file)?);
    }
    rule.push('\n');
    std::fs::write(path, rule).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message).at(path)
    })
}

/// A name as make and ninja read it: as gcc writes it, but for colons.
fn escaped(path: &Path) -> Result<String, Diagnostic> {
    let name = path.to_str().filter(|name| !name.contains(['\n', '\r'])).ok_or_else(|| {
        let message = format!("the name {path:?} cannot stand in a file for make");
        Diagnostic::error(codes::OUTPUT_NOT_WRITABLE, message).at(path).help("rename it, or leave out --emit-deps")
    })?;
    let mut out = String::new();
    let mut backslashes = 0;
    for letter in name.chars() {
        match letter {
            // Before a blank each backslash stands for half of one, elsewhere for itself.
            ' ' | '\t' => out.extend(std::iter::repeat_n('\\', backslashes + 1)),
            '#' => out.push('\\'),
            // Elsewhere it ends the output of the rule; on Windows it follows the letter of a drive.
            ':' if !cfg!(windows) => out.push('\\'),
            '$' => out.push('$'),
            _ => {}
        }
        backslashes = if letter == '\\' { backslashes + 1 } else { 0 };
        out.push(letter);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_as_make_reads_them() {
        let escape = |name: &str| escaped(Path::new(name)).expect("fine");
        assert_eq!(escape("models/a.onnx"), "models/a.onnx");
        assert_eq!(escape("my model.onnx"), "my\\ model.onnx");
        assert_eq!(escape("a#1$x.onnx"), "a\\#1$$x.onnx");
        #[cfg(not(windows))]
        assert_eq!(escape("a:b"), "a\\:b");
        assert_eq!(escape("a\\b"), "a\\b");
        assert_eq!(escape("a\\ b"), "a\\\\\\ b");
        assert!(escaped(Path::new("two\nlines")).is_err());
    }
}
