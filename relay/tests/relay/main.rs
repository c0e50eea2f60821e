//! The relay over real QUIC, driven by clients that are nothing but quinn and the wire crate.
#![expect(clippy::unwrap_used, reason = "in a test this is the failure")]

mod forwarding;
mod hostile;
mod join;
mod log;
mod transport;
mod workers;
