//! The one place that knows QUIC: dial, prove, and the streams of a connection. Another transport replaces this module.

mod dial;
mod framed;
mod handshake;
mod incoming;
mod outgoing;
mod tls;

pub(crate) use dial::{Dialled, dial};
pub(crate) use framed::FrameReader;
pub(crate) use handshake::{Link, enter};
pub(crate) use incoming::{Incoming, IncomingGroup, NextObject, Opened};
pub(crate) use outgoing::{GroupWriter, OutQueue};
pub use tls::TrustError;

/// quinn sends streams of a higher priority first.
pub(crate) const PRIORITY_MEDIA: i32 = 0;
/// Keyboard and clicks go before everything else.
pub(crate) const PRIORITY_INPUT: i32 = 10;
/// Control and log come before media, after input.
pub(crate) const PRIORITY_CONTROL: i32 = 5;
