//! The inputs of a run: arrays from files matched to a program's inputs by name, random ones for the rest.

use crate::array::{Array, ArrayFile, Stored, describe, read_npy};
use crate::ports;
use crate::random::Random;
use crate::size::{Known, Size};
use m4c_compiler::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_ops::DType;
use m4c_runtime::{Port, Program};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where inputs come from.
///
/// Commands that do not always make random inputs apply [`only_with_random`].
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Inputs")]
pub(crate) struct InputArguments {
    /// Arrays by name: NumPy archive or .safetensors file with one array an input
    ///
    /// Arrays are named as the inputs of the program, with or without `in:` before the name. Arrays named as its
    /// outputs, or with `out:` before the name, are left alone, so that one file can hold inputs and expected results.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,

    /// One input from a .npy file; may be repeated, and wins over --inputs
    #[arg(long, value_name = "NAME=FILE.npy", value_parser = named_file)]
    input: Vec<(String, PathBuf)>,

    /// Random values for the inputs that no file gives; the same seed gives the same values on every machine
    ///
    /// Floating-point inputs get standard normal numbers, bool inputs both values, integer inputs whole numbers from 0
    /// to --random-below minus 1. Sizes that no given array determines come from --size.
    #[arg(long, value_name = "SEED")]
    random: Option<u64>,

    /// Random integers stay below this, for instance the size of a vocabulary
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    random_below: u32,

    /// A size of the random inputs, as in batch=4; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) size: Vec<Size>,
}

/// Lets what is about random inputs be given only with `--random`.
pub(crate) fn only_with_random(argument: clap::Arg) -> clap::Arg {
    if ["random_below", "size"].contains(&argument.get_id().as_str()) { argument.requires("random") } else { argument }
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.into(), path.into())),
        _ => Err("expected NAME=FILE.npy".into()),
    }
}

/// The storage type of a port in the words of the operator table.
pub(crate) fn dtype_of(port: &Port) -> DType {
    // Both lists have the same names; a test holds that.
    DType::parse(port.dtype.name()).unwrap_or(DType::F32)
}

/// A port for people, `f32[batch, 3]`.
pub(crate) fn describe_port(program: &Program<'_>, port: &Port) -> String {
    let dims: Vec<String> = port.dims.iter().map(|&dim| program.render(dim)).collect();
    format!("{}[{}]", port.dtype.name(), dims.join(", "))
}

impl InputArguments {
    /// One array for each input, in order, what is known of the sizes, and remarks.
    pub(crate) fn gather<'a>(
        &self,
        program: Program<'a>,
    ) -> Result<((Vec<Array>, Known<'a>), Diagnostics), Diagnostics> {
        let mut diagnostics = Diagnostics::new();
        let mut given = BTreeMap::new();
        if let Some(path) = &self.inputs {
            self.read_archive(path, &program, &mut given, &mut diagnostics);
        }
        for (name, path) in &self.input {
            match ports::input(&program, name) {
                Some(index) => {
                    let array =
                        expect(ports::inputs(&program)[index], &program, read_npy(path), path, &mut diagnostics);
                    given.extend(diagnostics.take(array).map(|array| (index, array)));
                }
                None => diagnostics.push(unknown(&program, name, path)),
            }
        }
        let mut known = Known::new(program);
        for (&input, array) in &given {
            known.learn(input, &array.shape);
        }
        if let Err(more) = known.give(&self.size) {
            diagnostics.extend(more);
        }
        known.infer();
        if let (Some(seed), false) = (self.random, diagnostics.has_errors()) {
            self.fill(seed, &program, &known, &mut given, &mut diagnostics);
        }
        for (index, port) in ports::inputs(&program).into_iter().enumerate() {
            if !given.contains_key(&index) && !diagnostics.has_errors() {
                diagnostics.push(missing(&program, &given));
            }
            if let Some(array) = given.get(&index)
                && array.shape.len() != port.dims.len()
            {
                let message = format!(
                    "input `{}` is {}, but the program takes {}",
                    port.name,
                    array.describe(),
                    describe_port(&program, port)
                );
                diagnostics.push(Diagnostic::error(codes::RUN_INPUT_SHAPE, message));
            }
        }
        diagnostics.finish((given.into_values().collect(), known))
    }

    fn read_archive(
        &self,
        path: &Path,
        program: &Program<'_>,
        given: &mut BTreeMap<usize, Array>,
        diagnostics: &mut Diagnostics,
    ) {
        let Some(mut file) = diagnostics.take(ArrayFile::open(path)) else { return };
        let names = file.names().to_vec();
        for name in &names {
            let bare = name.strip_prefix("in:").unwrap_or(name);
            let plain = bare.len() == name.len();
            match ports::input(program, bare) {
                // The name with its prefix is the clearer one where both are there.
                Some(_) if plain && names.contains(&format!("in:{name}")) => {}
                Some(index) if self.input.iter().all(|(given, _)| given != bare) => {
                    let array = expect(ports::inputs(program)[index], program, file.read(name), path, diagnostics);
                    given.extend(diagnostics.take(array).map(|array| (index, array)));
                }
                Some(_) => {}
                None if plain && (name.starts_with("out:") || ports::output(program, name).is_some()) => {}
                None => diagnostics.push(unknown(program, bare, path)),
            }
        }
    }

    fn fill(
        &self,
        seed: u64,
        program: &Program<'_>,
        known: &Known<'_>,
        given: &mut BTreeMap<usize, Array>,
        diagnostics: &mut Diagnostics,
    ) {
        let mut unknown_sizes = Vec::new();
        for (index, port) in ports::inputs(program).into_iter().enumerate() {
            if given.contains_key(&index) {
                continue;
            }
            match known.shape(index) {
                Ok(shape) => {
                    let mut random = Random::new(seed, &port.name);
                    match random.array(dtype_of(port), shape, self.random_below) {
                        Some(array) => {
                            given.insert(index, array);
                        }
                        None => {
                            let message = format!("random input `{}` would be too large", port.name);
                            diagnostics.push(Diagnostic::error(codes::RUN_INPUT_SHAPE, message));
                        }
                    }
                }
                Err(symbols) => unknown_sizes.extend(symbols),
            }
        }
        unknown_sizes.sort_unstable();
        unknown_sizes.dedup();
        if !unknown_sizes.is_empty() {
            let message = format!("the random inputs need a size for {}", unknown_sizes.join(", "));
            let help: Vec<String> = unknown_sizes.iter().map(|name| format!("--size {name}=1")).collect();
            let diagnostic = Diagnostic::error(codes::RUN_INPUT_SHAPE, message);
            diagnostics.push(diagnostic.help(format!("give them, as in {}", help.join(" "))));
        }
    }
}

/// The array if it has the type of the port, perhaps by a conversion that is told.
pub(crate) fn expect(
    port: &Port,
    program: &Program<'_>,
    read: Result<Stored, Diagnostic>,
    path: &Path,
    remarks: &mut Diagnostics,
) -> Result<Array, Diagnostic> {
    let Stored { array, converted_from } = read?;
    if array.dtype == dtype_of(port) {
        if let Some(from) = converted_from {
            let message = format!("`{}` is {from}, and is taken as {}", port.name, array.dtype);
            remarks.push(Diagnostic::remark(codes::INPUT_CONVERTED, message).at(path));
        }
        return Ok(array);
    }
    let found = describe(converted_from.unwrap_or(array.dtype.name()), &array.shape);
    let message = format!("`{}` is {found}, but the program has {}", port.name, describe_port(program, port));
    let help = format!("convert it: array.astype(\"{}\")", numpy_name(dtype_of(port)));
    Err(Diagnostic::error(codes::RUN_INPUT_DTYPE, message).at(path).help(help))
}

fn numpy_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        DType::I4 | DType::I8 => "int8",
        DType::U4 | DType::U8 => "uint8",
        DType::I16 => "int16",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        DType::F32 => "float32",
    }
}

fn unknown(program: &Program<'_>, name: &str, path: &Path) -> Diagnostic {
    let message = format!("program `{}` has no input `{name}`", program.name());
    let diagnostic = Diagnostic::error(codes::RUN_INPUT_UNKNOWN, message).at(path);
    diagnostic.help(format!("its inputs are {}", list(program)))
}

fn missing(program: &Program<'_>, given: &BTreeMap<usize, Array>) -> Diagnostic {
    let ports = ports::inputs(program);
    let total = ports.len();
    let missing: Vec<String> = ports
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !given.contains_key(index))
        .map(|(_, port)| format!("`{}`, {}", port.name, describe_port(program, port)))
        .collect();
    let message = format!("program `{}` lacks {} of {} inputs", program.name(), missing.len(), total);
    missing
        .into_iter()
        .fold(Diagnostic::error(codes::RUN_INPUT_MISSING, message), Diagnostic::note)
        .help("give --inputs FILE (.npz, .safetensors) or --input NAME=FILE.npy, or --random SEED for random values")
}

fn list(program: &Program<'_>) -> String {
    let ports = ports::inputs(program).into_iter();
    let ports: Vec<String> = ports.map(|port| format!("`{}` ({})", port.name, describe_port(program, port))).collect();
    if ports.is_empty() { "none".into() } else { ports.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifact_and_operator_table_have_the_same_types() {
        use m4c_runtime::DType as Stored;
        let stored = [
            Stored::Bool,
            Stored::I4,
            Stored::U4,
            Stored::I8,
            Stored::U8,
            Stored::I16,
            Stored::I32,
            Stored::I64,
            Stored::F16,
            Stored::Bf16,
            Stored::F32,
        ];
        let names: Vec<&str> = stored.iter().map(|dtype| dtype.name()).collect();
        assert_eq!(names, m4c_ops::dtype::ALL.iter().map(|dtype| dtype.name()).collect::<Vec<_>>());
    }

    #[test]
    fn named_files_are_read() {
        assert_eq!(named_file("x=a=b.npy"), Ok(("x".into(), "a=b.npy".into())));
        for wrong in ["", "x", "=a.npy", "x="] {
            assert!(named_file(wrong).is_err());
        }
    }
}
