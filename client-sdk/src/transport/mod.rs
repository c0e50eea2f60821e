//! The one place that knows QUIC: dial, prove, and the streams of a connection. Another transport replaces this module.

mod dial;
mod framed;
mod handshake;
mod incoming;
mod outgoing;
mod tls;
mod window;

pub(crate) use dial::{Dialled, dial};
pub(crate) use framed::FrameReader;
pub(crate) use handshake::{Link, Resume, enter};
pub(crate) use incoming::{Incoming, IncomingGroup, NextObject, Opened};
pub(crate) use outgoing::{GroupWriter, OutQueue};
pub use tls::TrustError;
pub(crate) use window::{Priority, SendWindow};
