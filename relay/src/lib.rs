//! The relay node: QUIC, admission, configuration, metrics.
//!
//! [`Node::bind`] a [`Config`], then [`Node::run`] it. What it decides is decided in `isi-relay-core`; here are the sockets,
//! the clock and the tasks. It forwards ciphertext and can do no more: nothing that opens an object is in its dependency tree.

pub mod admin;
pub mod admission;
mod build_id;
mod clock;
pub mod config;
mod connection;
pub mod logging;
pub mod metrics;
mod node;
pub mod program;
mod quantiles;
mod random;
mod rate;
mod resident;
mod room;
mod sessions;
mod stats;
pub mod tls;
mod transport;
mod workers;

pub use build_id::BUILD_ID;
pub use config::Config;
pub use node::{Monitor, Node, RunError, StartError};
pub use resident::{Residence, ResidenceStats};
pub use stats::{NodeStats, WorkerStats};
pub use transport::{SocketStats, TransportError};
