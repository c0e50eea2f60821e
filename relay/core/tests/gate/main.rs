//! What forwarding may cost: allocations counted, copies detected. Counts are exact, so one more per chunk, frame or receiver
//! fails and noise does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod allocations;
mod copies;
mod shell;
