//! What the criterion benches and the measurement programs share. Nobody depends on this crate.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

pub mod fanout;
pub mod stock;
