//! What to compile: one model, or the programs that an `m4.toml` joins.

use crate::adapter::{self, Adapter, Way};
use crate::diagnostic::{Diagnostic, Diagnostics, Location, codes};
use crate::rewrite::{Extraction, RuleNumerics};
use crate::states::{PortPattern, StateDeclaration};
use m4c_ir::Range;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The programs of one artifact.
#[derive(Clone, Debug)]
pub struct Project {
    /// In the order of their names.
    pub programs: Vec<ProgramSource>,
    /// Dimensions of every program that has them; at least one must.
    pub dims: Vec<DimSetting>,
    /// What the programs share beyond a run.
    pub states: Vec<StateDeclaration>,
    /// Adapters, which become part of every program that has their modules; at least one must.
    pub adapters: Vec<AdapterSource>,
    /// What becomes of adapters that were exported with a model.
    pub exported_adapters: Way,
    /// How far rewriting may change numbers; without it nothing is rewritten.
    pub numerics: Option<RuleNumerics>,
    /// How the forms of values are chosen.
    pub extraction: Extraction,
}

/// A program and the model it comes from.
#[derive(Clone, Debug)]
pub struct ProgramSource {
    /// Name in the artifact.
    pub name: String,
    /// The ONNX file.
    pub model: PathBuf,
    /// Dimensions of this program only; they win over common ones.
    pub dims: Vec<DimSetting>,
}

/// An adapter and what becomes of it.
#[derive(Clone, Debug)]
pub struct AdapterSource {
    /// The folder, as peft saves it.
    pub folder: PathBuf,
    /// How it becomes part of the model.
    pub way: Way,
}

/// A dimension and the values it may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DimSetting {
    /// The dimension's name in the model.
    pub name: String,
    /// Its values; one value where low and high are equal.
    pub range: Range,
}

impl FromStr for DimSetting {
    type Err = Diagnostic;

    /// Reads `name=value` and `name=lo..hi[:step]`; `lo` and `hi` may be left out.
    fn from_str(text: &str) -> Result<DimSetting, Diagnostic> {
        let (name, values) = text.split_once('=').ok_or_else(|| syntax(text, "has no `=`"))?;
        setting(name, values)
    }
}

fn setting(name: &str, values: &str) -> Result<DimSetting, Diagnostic> {
    let text = format!("{name}={values}");
    let number = |part: &str| {
        part.trim().parse::<i64>().map_err(|_| syntax(&text, &format!("has `{part}` where a number should be")))
    };
    let name = name.trim();
    if name.is_empty() {
        return Err(syntax(&text, "names no dimension"));
    }
    let range = match values.split_once("..") {
        None => {
            let value = number(values)?;
            Range { low: value, high: Some(value), step: 1 }
        }
        Some((low, rest)) => {
            let (high, step) = rest.split_once(':').unwrap_or((rest, "1"));
            let low = if low.trim().is_empty() { 0 } else { number(low)? };
            let high = if high.trim().is_empty() { None } else { Some(number(high)?) };
            Range { low, high, step: number(step)? }
        }
    };
    if range.low < 0 || range.step < 1 || range.high.is_some_and(|high| high < range.low) {
        return Err(syntax(&text, "has no value that a size can have"));
    }
    // The largest value is one that the steps reach.
    let high = range.high.map(|high| high - (high - range.low) % range.step);
    Ok(DimSetting { name: name.into(), range: Range { high, ..range } })
}

fn syntax(text: &str, what: &str) -> Diagnostic {
    Diagnostic::error(codes::DIM_SYNTAX, format!("`{text}` {what}"))
        .help("write name=value or name=lo..hi[:step], as in batch=4 or seq=1..512")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(default)]
    dims: BTreeMap<String, DimValue>,
    program: BTreeMap<String, ProgramTable>,
    #[serde(default)]
    state: BTreeMap<String, StateTable>,
    #[serde(default)]
    adapters: BTreeMap<PathBuf, Way>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramTable {
    model: PathBuf,
    #[serde(default)]
    dims: BTreeMap<String, DimValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateTable {
    #[serde(default)]
    from: Patterns,
    to: Patterns,
}

/// One pattern or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Patterns {
    One(String),
    Many(Vec<String>),
}

impl Default for Patterns {
    fn default() -> Patterns {
        Patterns::Many(Vec::new())
    }
}

/// A number, or a range as text.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum DimValue {
    Number(i64),
    Text(String),
}

impl Project {
    /// One model as the only program of an artifact.
    pub fn of_model(model: impl Into<PathBuf>, name: impl Into<String>, dims: Vec<DimSetting>) -> Project {
        Project {
            programs: vec![ProgramSource { name: name.into(), model: model.into(), dims: Vec::new() }],
            dims,
            states: Vec::new(),
            adapters: Vec::new(),
            exported_adapters: Way::Merge,
            numerics: Some(RuleNumerics::Reassociate),
            extraction: Extraction::default(),
        }
    }

    /// Opens an `.onnx` file as one program `main`, or an `m4.toml`. `dims` win over what the manifest says.
    ///
    /// # Errors
    /// Where the manifest cannot be read, is malformed, or names files that do not exist.
    pub fn open(path: &Path, dims: &[DimSetting]) -> Result<Project, Diagnostics> {
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            return Project::parse(&text, path, dims);
        }
        Ok(Project::of_model(path, "main", dims.to_vec()))
    }

    /// Reads the text of an `m4.toml` that lies at `path`.
    ///
    /// # Errors
    /// Where it is malformed or names files that do not exist.
    pub fn parse(text: &str, path: &Path, dims: &[DimSetting]) -> Result<Project, Diagnostics> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| malformed(text, path, &error))?;
        let mut diagnostics = Diagnostics::new();
        let mut programs = Vec::new();
        let folder = path.parent().unwrap_or(Path::new(""));
        for (name, table) in manifest.program {
            let model = folder.join(&table.model);
            if !model.is_file() {
                let message = format!("program `{name}` names {}, which is no file", table.model.display());
                diagnostics
                    .push(Diagnostic::error(codes::M4_TOML_MISSING_FILE, message).at(line_of(text, path, &name)));
            }
            let mut settings = settings(&table.dims, text, path, &mut diagnostics);
            settings.retain(|setting| dims.iter().all(|given| given.name != setting.name));
            programs.push(ProgramSource { name, model, dims: settings });
        }
        let mut common = settings(&manifest.dims, text, path, &mut diagnostics);
        common.retain(|setting| dims.iter().all(|given| given.name != setting.name));
        common.extend(dims.iter().cloned());
        if programs.is_empty() {
            let message = "there is no program";
            diagnostics.push(
                Diagnostic::error(codes::M4_TOML_SYNTAX, message)
                    .at(path)
                    .help("add a table such as [program.main] with model = \"model.onnx\""),
            );
        }
        let states = manifest.state.iter().map(|(name, table)| state(name, table, text, path, &mut diagnostics));
        let states = states.collect();
        let adapters = manifest.adapters.into_iter();
        let adapters = adapters.map(|(path, way)| AdapterSource { folder: folder.join(path), way }).collect();
        let (numerics, extraction) = (Some(RuleNumerics::Reassociate), Extraction::default());
        let exported_adapters = Way::Merge;
        let project = Project { programs, dims: common, states, adapters, exported_adapters, numerics, extraction };
        diagnostics.finish(project).map(|(project, _)| project)
    }

    /// Reads all adapters.
    ///
    /// # Errors
    /// What is wrong with any of them.
    pub(crate) fn read_adapters(&self) -> Result<Vec<(Adapter, Way)>, Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let read = self.adapters.iter().map(|source| Ok((adapter::read(&source.folder)?, source.way)));
        let adapters = read.filter_map(|adapter| diagnostics.take(adapter)).collect();
        diagnostics.finish(adapters).map(|(adapters, _)| adapters)
    }

    /// Whether any change of low rank is to stay beside the products.
    pub(crate) fn keeps_low_rank(&self) -> bool {
        self.exported_adapters == Way::Side || self.adapters.iter().any(|adapter| adapter.way == Way::Side)
    }
}

fn settings(
    table: &BTreeMap<String, DimValue>,
    text: &str,
    path: &Path,
    diagnostics: &mut Diagnostics,
) -> Vec<DimSetting> {
    let mut settings = Vec::new();
    for (dim, value) in table {
        let values = match value {
            DimValue::Number(number) => number.to_string(),
            DimValue::Text(text) => text.clone(),
        };
        let parsed = setting(dim, &values).map_err(|error| error.at(line_of(text, path, dim)));
        settings.extend(diagnostics.take(parsed));
    }
    settings
}

fn state(name: &str, table: &StateTable, text: &str, path: &Path, diagnostics: &mut Diagnostics) -> StateDeclaration {
    let place = line_of(text, path, &format!("state.{name}"));
    let mut read = |patterns: &Patterns| -> Vec<PortPattern> {
        let texts = match patterns {
            Patterns::One(one) => std::slice::from_ref(one),
            Patterns::Many(many) => many,
        };
        let mut syntax = |error: String| {
            let message = format!("[state.{name}]: {error}");
            diagnostics.push(Diagnostic::error(codes::M4_TOML_SYNTAX, message).at(place.clone()));
        };
        texts.iter().filter_map(|text| text.parse().map_err(&mut syntax).ok()).collect()
    };
    let (from, to) = (read(&table.from), read(&table.to));
    if to.is_empty() && !diagnostics.has_errors() {
        let message = format!("[state.{name}]: `to` names no input");
        diagnostics.push(Diagnostic::error(codes::M4_TOML_SYNTAX, message).at(place.clone()));
    }
    StateDeclaration { name: name.into(), from, to, place }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostics {
    let code = if error.kind() == std::io::ErrorKind::NotFound { codes::FILE_MISSING } else { codes::FILE_UNREADABLE };
    Diagnostic::error(code, format!("cannot be read: {error}")).at(path).into()
}

fn malformed(text: &str, path: &Path, error: &toml::de::Error) -> Diagnostics {
    let code = match error.message() {
        message if message.contains("unknown field") => codes::M4_TOML_UNKNOWN_KEY,
        message if message.contains("duplicate key") => codes::M4_TOML_DUPLICATE_PROGRAM,
        _ => codes::M4_TOML_SYNTAX,
    };
    let line = error.span().map_or(1, |span| line_at(text, span.start));
    Diagnostic::error(code, error.message().to_string()).at(Location::line(path, line)).into()
}

fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text);
    u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

fn line_of(text: &str, path: &Path, key: &str) -> Location {
    Location::line(path, text.find(key).map_or(1, |offset| line_at(text, offset)))
}
