//! What is written where. Only the relay's own lines: what libraries log may hold addresses.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is written where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// Least important level that is written.
    pub level: LogLevel,
    /// File to append to; standard error if there is none.
    pub file: Option<PathBuf>,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// The node cannot do what it is for.
    Error,
    /// Something an operator should look at.
    Warn,
    /// What happens to the node as a whole.
    #[default]
    Info,
    /// What happens to single connections.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Every level, the most important first.
    pub const ALL: &'static [Self] = &[Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level's name in the configuration and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level with this [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|level| level.name() == name)
    }

    const fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The file cannot be opened.
    #[error("cannot append to log file {path}: {source}; correct `log.file`", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The program has a subscriber already.
    #[error("the program logs elsewhere already: call this once, before anything else")]
    AlreadySet,
}

/// Starts logging for this process. For programs; a library never calls it.
///
/// # Errors
/// [`LoggingError`].
pub fn init(config: &LogConfig) -> Result<(), LoggingError> {
    let filter = Targets::new().with_target("isi_relay", config.level.filter());
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false);
    let set = match &config.file {
        None => registry.with(lines.with_writer(io::stderr)).try_init(),
        Some(path) => registry.with(lines.with_writer(Mutex::new(open(path)?))).try_init(),
    };
    set.map_err(|_| LoggingError::AlreadySet)
}

fn open(path: &PathBuf) -> Result<File, LoggingError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|source| LoggingError::File { path: path.clone(), source })
}
