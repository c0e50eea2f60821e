//! One attack, one test.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test these are the failure")]

mod damage;
mod forgery;
mod input;
mod removed;
mod replay;
mod rights;
mod rogue;
mod scene;
mod tokens;
