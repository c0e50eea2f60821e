//! quinn over the simulated network: what it promises to tests that are built on it.

#![expect(clippy::unwrap_used, reason = "in a test this is the failure")]

mod determinism;
mod links;
mod pair;
