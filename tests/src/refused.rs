//! The committed list of fixtures that do not compile yet: an entry that compiles fails a test, as does the reverse.

use crate::root;
use m4c_compiler::diagnostic::Diagnostics;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    refused: Vec<Refused>,
}

/// Fixtures that share a diagnostic and a reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The first diagnostic's code.
    pub code: String,
    /// Why, in plain words.
    pub reason: String,
    /// Names of fixtures; one that ends in `*` stands for all that begin so, one that begins with `*` for all that end so.
    pub fixtures: BTreeSet<String>,
}

impl Refused {
    fn covers(&self, name: &str) -> bool {
        self.fixtures.iter().any(|pattern| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => name.ends_with(end),
            (_, Some(start)) => name.starts_with(start),
            _ => name == pattern,
        })
    }
}

/// The list.
///
/// # Panics
/// Where the file is malformed.
pub fn list() -> Vec<Refused> {
    let path = root().join("tests/fixtures/refused.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str::<List>(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).refused
}

/// The result, where there is one and should be; nothing where the fixture is refused as the list says.
///
/// # Errors
/// Where list and outcome differ.
pub fn hold<T>(list: &[Refused], name: &str, outcome: Result<T, Diagnostics>) -> Result<Option<T>, String> {
    let entry = list.iter().find(|entry| entry.covers(name));
    match (outcome, entry) {
        (Ok(result), None) => Ok(Some(result)),
        (Ok(_), Some(entry)) => Err(format!("compiles, and is listed as refused: {}", entry.reason)),
        (Err(errors), None) => Err(errors.to_text()),
        (Err(errors), Some(entry)) => {
            let code = errors.iter().next().map(|error| error.code.to_string()).unwrap_or_default();
            if code == entry.code {
                Ok(None)
            } else {
                Err(format!("{code} is not {}: {}", entry.code, errors.to_text()))
            }
        }
    }
}
