//! One attack, one test.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test these are the failure")]

mod forgery;
mod rogue;
mod scene;
