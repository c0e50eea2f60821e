//! What a person reads when something went wrong: one line that says what, one that says what to do, an exit code.

use std::{error::Error, fmt, process::ExitCode};

/// Exit codes of `isi`; 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The run's own checks failed.
    ChecksFailed = 1,
    /// Arguments, configuration, token or key file are wrong.
    Usage = 2,
    /// A search or check that was needed could not run.
    NotSearched = 3,
    /// The relay cannot be reached or refused us.
    Relay = 4,
    /// The address is in use or cannot be bound.
    Bind = 5,
    /// No display to share.
    Display = 6,
}

impl Exit {
    /// The exit with this number, as another process of this program ended with it.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::ChecksFailed, Self::Usage, Self::NotSearched, Self::Relay, Self::Bind, Self::Display]
            .into_iter()
            .find(|exit| *exit as u8 == code)
    }
}

/// An error made ready for a person. Typed errors are turned into one where a command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    message: String,
    hint: String,
}

impl Failure {
    /// A failure with its own hint.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, message: one_line(&message.into()), hint: one_line(&hint.into()) }
    }

    /// From an error that says what to do next after its last semicolon, as the errors of this workspace do.
    #[must_use]
    pub fn of(exit: Exit, error: &(impl Error + ?Sized)) -> Self {
        let text = error.to_string();
        match text.rsplit_once("; ") {
            Some((message, hint)) => Self::new(exit, message, hint),
            None => Self::new(exit, text, default_hint(exit)),
        }
    }

    /// Names what was being done, before the error itself.
    #[must_use]
    pub fn while_doing(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// How the program ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The program's exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    /// What happened, without the hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nhint: {}", self.message, self.hint)
    }
}

impl Error for Failure {}

const fn default_hint(exit: Exit) -> &'static str {
    match exit {
        Exit::ChecksFailed => {
            "run again with --seconds 30; if it stays, file the JSON line and the relay's log"
        }
        Exit::Usage => "`isi help` and `isi COMMAND --help` show what is expected",
        Exit::NotSearched => "`isi doctor` says what this system allows",
        Exit::Relay => {
            "check that isi-relay runs at that address, and that its certificate is the one given with --ca"
        }
        Exit::Bind => "stop what uses the address, or choose another port",
        Exit::Display => "set DISPLAY to a running X server, or use --source desktop",
    }
}

/// Messages of other libraries may span lines; a person gets one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file\nis gone; make another")]
    struct Sample;

    #[test]
    fn the_hint_is_what_follows_the_last_semicolon() {
        let failure = Failure::of(Exit::Usage, &Sample).while_doing("reading keys");
        assert_eq!(failure.to_string(), "error: reading keys: the file is gone\nhint: make another");
    }

    #[test]
    fn every_exit_has_its_number_and_a_hint() {
        for code in 1..=6 {
            let exit = Exit::from_code(code).unwrap();
            assert_eq!(exit as u8, code);
            assert!(!default_hint(exit).is_empty());
        }
        assert_eq!(Exit::from_code(0), None);
    }
}
