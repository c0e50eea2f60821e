//! What can go wrong, whose fault it is, and what to do next.

use super::system::System;
use std::io;
use std::path::PathBuf;

/// Why a duel did not come to its end. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum DuelError {
    /// What was asked for does not go together.
    #[error("{problem}; {next}")]
    Arguments {
        /// What.
        problem: String,
        /// What to say instead.
        next: String,
    },
    /// A peer is not on this machine.
    #[error("{system} is not on this machine; {install}, or leave it out of --only")]
    NotInstalled {
        /// Which.
        system: System,
        /// By which command it comes.
        install: &'static str,
    },
    /// A relay did not come up.
    #[error("{system} did not start: {last_words}; run the same duel with --only {system} to see it alone")]
    NotStarted {
        /// Which.
        system: System,
        /// What it said last.
        last_words: String,
    },
    /// A client of the load got no further.
    #[error("the load could not use {system}: {problem}; is the machine overloaded? Fewer --receivers tell")]
    Load {
        /// Through which.
        system: System,
        /// What happened.
        problem: String,
    },
    /// A relay came up and carried nothing.
    #[error("{system} delivered nothing while it was measured; try more --seconds or fewer --receivers")]
    NothingDelivered {
        /// Which.
        system: System,
    },
    /// The kit's own files or the system's tables.
    #[error("cannot {what} {path}: {source}; check that it is there and writable", path = path.display())]
    File {
        /// In the infinitive.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A result that is read again is none of this kit.
    #[error("{path} holds no result of this kit; name files that were written with --out", path = path.display())]
    NotAResult {
        /// Which.
        path: PathBuf,
    },
    /// The system refuses what a measurement needs.
    #[error("cannot {what}: {source}; the kit needs Linux, and two processors that it may choose between")]
    System {
        /// In the infinitive.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl DuelError {
    /// Exit codes: 1 the run failed its own check; 2 arguments or files; 3 something needed could not run; 4 a relay could not be
    /// used.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NothingDelivered { .. } => 1,
            Self::Arguments { .. } | Self::File { .. } | Self::NotAResult { .. } => 2,
            Self::NotInstalled { .. } | Self::NotStarted { .. } | Self::System { .. } => 3,
            Self::Load { .. } => 4,
        }
    }

    /// Two lines for a person: what happened, and what to do next.
    pub fn report(&self) {
        let text = self.to_string();
        let (problem, next) = text.rsplit_once("; ").unwrap_or((&text, "run again with --help"));
        eprintln!("error: {problem}\nhint: {next}");
    }
}
