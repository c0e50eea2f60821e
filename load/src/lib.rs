//! Puts load on a relay and measures what becomes of it.
//!
//! [`clock`], [`stamp`] and [`latency`] measure from sender to receiver, also across processes of one machine; [`process`] tells
//! what a relay's process uses; [`row`] is how measurements are written down, the same for every program that measures.

pub mod client;
pub mod clock;
pub mod latency;
pub mod membership;
pub mod process;
pub mod row;
pub mod stamp;
pub mod workload;
