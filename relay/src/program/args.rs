use super::failure::Failure;
use crate::logging::LogLevel;
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  isi-relay --config relay.toml --check     what would go wrong, without starting
  isi-relay --config relay.toml             serves until SIGTERM or ctrl-C, then drains

deploy/relay.example.toml shows every key of the configuration with its bounds.
Exit codes: 0 stopped as told; 1 it failed while it ran; 2 arguments, configuration, certificate or keys; 5 an address cannot be bound.";

/// Relays live sessions between participants without being able to read them.
#[derive(Debug, Parser)]
#[command(name = "isi-relay", version, after_help = EXAMPLES)]
pub(super) struct Args {
    /// The configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "build_id")]
    pub(super) config: Option<PathBuf>,
    /// Checks configuration, certificate and keys, and exits.
    #[arg(long)]
    pub(super) check: bool,
    /// Least important level to log, instead of the configuration's.
    #[arg(long, value_name = "LEVEL", value_parser = level_parser())]
    pub(super) log_level: Option<LogLevel>,
    /// Prints the ready line, and a last line with figures, as JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Stops when standard input closes, so that it ends with the program that started it.
    #[arg(long)]
    pub(super) until_stdin_closes: bool,
    /// Prints which source this binary was built from, and exits.
    #[arg(long)]
    pub(super) build_id: bool,
}

/// Why there are no arguments to run with.
#[derive(Debug)]
pub(super) enum NotParsed {
    /// Help or version were asked for and printed.
    Shown,
    /// The arguments are wrong.
    Wrong(Failure),
}

pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Args, NotParsed> {
    Args::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell that standard output is closed.
            let _ = error.print();
            NotParsed::Shown
        }
        _ => NotParsed::Wrong(Failure::arguments(&error)),
    })
}

fn level_parser() -> impl TypedValueParser<Value = LogLevel> {
    let names = PossibleValuesParser::new(LogLevel::ALL.iter().map(|level| level.name()));
    names.map(|name| LogLevel::from_name(&name).unwrap_or_default())
}
