//! The session's promises, seen through its public interface; `World` is the shell.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the one message it waits for")]

mod admission;
mod books;
mod bounds;
mod bulk;
mod figures;
mod holding;
mod input;
mod live;
mod log;
mod media;
mod order;
mod random;
mod report;
mod tracks;
mod turns;
mod world;
