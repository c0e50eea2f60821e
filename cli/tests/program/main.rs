//! The program `isi` as people run it.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests stop at what cannot be")]

mod bad_input;
mod by_hand;
mod demo;
mod load;
mod support;
