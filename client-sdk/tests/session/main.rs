//! Sessions over a real relay in this process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod admission;
mod driving;
mod handing_over;
mod joining;
mod key_exchange;
mod membership;
mod organizers;
mod post_quantum;
mod recording;
mod screens;
mod talking;
