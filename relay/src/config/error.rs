use crate::admission::OriginError;
use std::io;
use std::path::PathBuf;

/// Why a configuration was refused. Each is the operator's to correct.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {path}: {source}; name a readable TOML file, deploy/relay.example.toml is one to start from", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Not TOML, a key that does not exist, a missing key, or a value of another type.
    #[error("{path} line {line}: {problem}; deploy/relay.example.toml shows every key", path = path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The parser's words, in one line.
        problem: String,
    },
    /// A number that is too small or too large.
    #[error(
        "`{key}` is {value}, but must be {min} to {max}; set it within these bounds, or remove the line to have the default"
    )]
    OutOfBounds {
        /// The key with its table.
        key: &'static str,
        /// What it was set to.
        value: u64,
        /// Smallest value allowed.
        min: u64,
        /// Largest value allowed.
        max: u64,
    },
    /// Text that is not what the key takes.
    #[error(
        "`{key}` is {value:?}, but must be {expected}; correct the value, deploy/relay.example.toml shows one of each"
    )]
    Invalid {
        /// The key with its table.
        key: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// An origin that no client could have dialled.
    #[error(
        "`admission.origins`: {0}; write each origin as clients dial it, for example \"relay.example.org:4433\""
    )]
    Origin(#[from] OriginError),
}
