//! What an operator may say about a node. [`Config::load`] is the only place where text becomes values: what it
//! returns is within its bounds.

mod budgets;
mod error;
mod file;

pub use error::ConfigError;

use crate::admission::AdmissionConfig;
use crate::logging::LogConfig;
use crate::tls::TlsConfig;
use isi_relay_core::SessionLimits;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Most threads a node may be told to have.
pub const THREADS_MAX: usize = 256;

/// Everything a node is told. See `deploy/relay.example.toml` for each key with its bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP address to serve on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Certificate and private key.
    pub tls: TlsConfig,
    /// Who is let in.
    pub admission: AdmissionConfig,
    /// TCP address of `/metrics` and `/healthz`, always loopback; `None` is off.
    pub admin: Option<SocketAddr>,
    /// What is written where.
    pub log: LogConfig,
    /// Threads that serve sessions, 1 to [`THREADS_MAX`]. A session stays on one of them. With 1 there are no threads but the
    /// caller's, which also reads the socket.
    pub threads: usize,
    /// Bounds of the node.
    pub limits: NodeLimits,
    /// Bounds and budgets of each session.
    pub session: SessionLimits,
}

/// Bounds of a node as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLimits {
    /// Connections at a time, joined or not. More are refused in the handshake.
    pub connections_max: usize,
    /// Sessions at a time. A join that would begin another is closed with `Full`.
    pub sessions_max: usize,
    /// How long a connection may take to join before it is closed with `JoinTimeout`.
    pub join_timeout: Duration,
    /// How long a session outlives its last participant, so that a lost organizer finds the log again.
    pub session_linger: Duration,
    /// How long a draining node waits for its participants to leave.
    pub drain: Duration,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            sessions_max: 10_000,
            join_timeout: Duration::from_secs(5),
            session_linger: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// Reads a TOML file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ConfigError`] on the first thing that is wrong: the key, its value, its bounds, what to do.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        file::load(path)
    }

    /// A node on a free port of 127.0.0.1 with the default limits, in the caller's thread, for demos, tests and benches.
    #[must_use]
    pub fn for_loopback(tls: TlsConfig, admission: AdmissionConfig) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls,
            admission,
            admin: None,
            log: LogConfig::default(),
            threads: 1,
            limits: NodeLimits::default(),
            session: SessionLimits::default(),
        }
    }
}
