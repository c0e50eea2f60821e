//! The wire as a stranger sees it: published vectors, and whatever a hostile peer may send.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod allocations;
mod hostile;
mod samples;
mod vectors;
