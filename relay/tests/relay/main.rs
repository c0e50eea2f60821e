//! The relay over real QUIC, driven by clients that are nothing but quinn and the wire crate.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test these are the failure"
)]

mod forwarding;
mod hostile;
mod join;
mod log;
mod transport;
