//! The program `isi` as people run it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests stop at what cannot be"
)]

mod bad_input;
mod by_hand;
mod demo;
mod hosting;
mod kept;
mod load;
mod reconnecting;
mod running;
mod support;
