use crate::transport::TransportError;
use crate::{RunError, StartError};
use std::error::Error;
use std::process::ExitCode;

/// It ran, and failed.
const FAILED: u8 = 1;
/// Arguments, configuration, certificate or keys.
const USAGE: u8 = 2;
/// An address cannot be bound, or the system refuses something else.
const BIND: u8 = 5;

/// What a person reads when the relay does not run: one line that says what, one that says what to do.
#[derive(Debug)]
pub(super) struct Failure {
    exit: u8,
    message: String,
    hint: String,
}

impl Failure {
    /// Arguments that clap refused; its first paragraph says which.
    pub(super) fn arguments(error: &clap::Error) -> Self {
        let text = error.to_string();
        let first: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        let message = first.join(" ");
        let message = message.trim_start_matches("error: ").to_owned();
        Self { exit: USAGE, message, hint: "isi-relay --help shows every argument".to_owned() }
    }

    pub(super) fn usage(error: &impl Error) -> Self {
        Self::of(USAGE, error, "isi-relay --config FILE --check shows what is wrong without starting")
    }

    pub(super) fn bind(error: &impl Error) -> Self {
        Self::of(BIND, error, "choose another address or port")
    }

    pub(super) fn start(error: &StartError) -> Self {
        match error {
            StartError::Transport(TransportError::Bind { .. }) | StartError::Threads { .. } => {
                Self::bind(error)
            }
            _ => Self::usage(error),
        }
    }

    pub(super) fn run(error: RunError) -> Self {
        Self::of(FAILED, &error, "start the relay again")
    }

    pub(super) fn system(error: &std::io::Error) -> Self {
        Self::of(
            BIND,
            error,
            "the system refused it; see its limits (ulimit -a) and whether standard output is open",
        )
    }

    /// Says it on standard error.
    pub(super) fn report(&self) -> ExitCode {
        eprintln!("error: {}\nhint: {}", self.message, self.hint);
        ExitCode::from(self.exit)
    }

    /// The errors of this crate say what to do next after their last semicolon.
    fn of(exit: u8, error: &impl Error, otherwise: &str) -> Self {
        let text = error.to_string().replace(['\n', '\r'], " ");
        let (message, hint) = text.rsplit_once("; ").unwrap_or((&text, otherwise));
        Self { exit, message: message.to_owned(), hint: hint.to_owned() }
    }
}
