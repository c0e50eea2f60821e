//! `isi`: share a screen, drive it, talk, through a relay that can read none of it.
//!
//! The program is [`main`]; everything it does is in the modules. They are public for the workspace's own tests, and no
//! stable interface.

pub mod args;
pub mod certs;
pub mod clock;
pub mod demo;
pub mod doctor;
pub mod failure;
pub mod hex;
pub mod known;
pub mod live;
pub mod load;
pub mod people;
pub mod random;
pub mod record;
pub mod relay_config;
pub mod screen;
pub mod search;
pub mod temp;
pub mod token;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use crate::{
    args::{Cli, Command},
    failure::{Exit, Failure},
};

/// Runs the program with these arguments, its name first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return report(&usage(&error)),
        Err(shown) => {
            drop(shown.print()); // nobody is left to tell that standard output is closed
            return ExitCode::SUCCESS;
        }
    };
    if let Command::InternalRelay { arguments } = cli.command {
        return isi_relay::program::main(std::iter::once("isi-relay".into()).chain(arguments));
    }
    // These have told their parent already.
    let quiet = matches!(cli.command, Command::InternalParticipant | Command::InternalLoader);
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if quiet => failure.exit_code(),
        Err(failure) => report(&failure),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Certs(args) => certs::run(&args),
        Command::Token(command) => token::run(command),
        Command::Doctor(args) => doctor::run(&args),
        Command::Demo(args) => block_on(demo::command(&args)),
        Command::Share(args) => block_on(people::share(&args)),
        Command::View(args) => block_on(people::view(&args)),
        Command::Chat(args) => block_on(people::chat(&args)),
        Command::Record(command) => record::run(&command),
        Command::People(args) => known::run(&args),
        Command::Load(args) => block_on(load::command(&args)),
        Command::InternalLoader => block_on(load::loader::run()),
        Command::InternalParticipant => block_on(demo::participant::run()),
        Command::InternalRelay { .. } => Ok(()), // handled by its caller
    }
}

fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of(Exit::Usage, &error))?;
    let done = runtime.block_on(command);
    // A read of standard input cannot be cancelled: it ends with the process.
    runtime.shutdown_background();
    done
}

fn report(failure: &Failure) -> ExitCode {
    eprintln!("{failure}");
    failure.exit_code()
}

/// The first paragraph says what is wrong, the rest is what `--help` shows.
fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let first: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).collect();
    let message = first.join(" ");
    Failure::new(
        Exit::Usage,
        message.trim_start_matches("error: "),
        "`isi help` and `isi COMMAND --help` show what is expected",
    )
}
