//! What can be typed: commands and global options.

use crate::command;
use crate::console::MessageFormat;
use clap::{Parser, Subcommand};

/// Compile ONNX models ahead of time for devices
///
/// m4c turns ONNX models into one artifact that a small runtime loads on a device. Sizes may stay symbolic, weights are
/// packed ahead of time, and what the device cannot do is said when compiling, not when running.
#[derive(Clone, Debug, Parser)]
#[command(name = "m4c", version, propagate_version = true, arg_required_else_help = true, after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How errors, warnings and notes are printed to the standard error
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Global options")]
    pub(crate) message_format: MessageFormat,

    /// The most memory to take for what models and inputs ask for, as in 512M or 8G; by default the machine's
    ///
    /// Asked before memory is taken: graphs, values of the interpreter, sessions, states and arrays.
    #[arg(long, global = true, value_name = "BYTES", value_parser = bytes, help_heading = "Global options")]
    pub(crate) max_memory: Option<u64>,
}

/// A number of bytes, with K, M, G or T for powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, shift) = unit.map_or((text, 0), |(_, shift)| (&text[..text.len() - 1], *shift));
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or("expected a number of bytes, perhaps with K, M, G or T, as in 512M".into())
}

const EXAMPLES: &str = "\
Examples:
    m4c compile model.onnx -o model.m4fw
    m4c run model.m4fw --inputs in.npz --compare expected.npz
    m4c inspect model.m4fw

Exit codes:
    0    fine
    1    the model, the artifact or a comparison fails
    2    wrong usage
    3    a condition of `m4c compile --fail-on` does not hold
    101  a bug of m4c; please report it";

/// The commands in the order of the help.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    Compile(command::compile::Compile),
    Run(command::run::Run),
    Bench(command::bench::Bench),
    Inspect(command::inspect::Inspect),
    Diff(command::diff::Diff),
    Verify(command::verify::Verify),
    Adapter(command::adapter::AdapterCommand),
    Ops(command::ops::Ops),
    Phases(command::phases::Phases),
    Rules(command::rules::Rules),
    Explain(command::explain::Explain),
    Completions(command::completions::Completions),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_every_option_a_help() {
        let mut command = Arguments::command();
        command.build();
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let name = sub.get_name();
            let examples = sub.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.starts_with("Examples:\n"), "{name}");
            assert!(examples.contains(&format!("m4c {name}")), "{name}");
            for argument in sub.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.ends_with('.'), "{name} {}: `{help}`", argument.get_id());
            }
        }
    }

    #[test]
    fn examples_can_be_typed() {
        let mut command = Arguments::command();
        command.build();
        let subs = command.get_subcommands().filter(|sub| sub.get_name() != "help");
        let texts = subs.filter_map(|sub| Some(sub.get_after_long_help()?.to_string()));
        let all: Vec<String> = texts.chain([EXAMPLES.to_owned()]).collect();
        let typed = all.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| line.starts_with("m4c "));
        for line in typed {
            let words = line.split_whitespace().take_while(|word| ![">", "|"].contains(word));
            if let Err(error) = Arguments::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    fn refused(line: &str) -> clap::error::ErrorKind {
        match Arguments::try_parse_from(line.split_whitespace()) {
            Ok(_) => panic!("{line} is accepted"),
            Err(error) => error.kind(),
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        use clap::error::ErrorKind::*;
        assert_eq!(refused("m4c"), DisplayHelpOnMissingArgumentOrSubcommand);
        assert_eq!(refused("m4c link"), InvalidSubcommand);
        assert_eq!(refused("m4c compile a.onnx"), MissingRequiredArgument);
        assert_eq!(refused("m4c compile a.onnx -o b --target tpu"), InvalidValue);
        assert_eq!(refused("m4c compile a.onnx -o b --stop-after emit"), InvalidValue);
        assert_eq!(refused("m4c compile a.onnx --stop-after lower --emit onnx"), MissingRequiredArgument);
        assert_eq!(refused("m4c compile a.onnx -o b --dump-dir d"), MissingRequiredArgument);
        assert_eq!(refused("m4c compile a.onnx -o b --fail-on size>1"), ValueValidation);
        assert_eq!(refused("m4c compile a.onnx --stop-after lower --fail-on steps>1"), ArgumentConflict);
        assert_eq!(refused("m4c diff a.m4fw"), MissingRequiredArgument);
        assert_eq!(refused("m4c run a.m4fw --size n=1"), MissingRequiredArgument);
        assert_eq!(refused("m4c run a.m4fw --threads 0"), ValueValidation);
        assert_eq!(refused("m4c run a.m4fw --bound n"), ValueValidation);
        assert_eq!(refused("m4c run a.m4fw --input x"), ValueValidation);
        assert_eq!(refused("m4c bench"), MissingRequiredArgument);
        assert_eq!(refused("m4c bench a.m4fw --runs 0"), ValueValidation);
        assert_eq!(refused("m4c bench a.m4fw --seconds=-1"), ValueValidation);
        assert_eq!(refused("m4c bench a.m4fw --runs 1 --seconds 1"), ArgumentConflict);
        assert_eq!(refused("m4c inspect a.m4fw --max-memory 0"), ValueValidation);
        assert_eq!(refused("m4c inspect a.m4fw --max-memory 1X"), ValueValidation);
        assert_eq!(refused("m4c completions dos"), InvalidValue);
    }
}
